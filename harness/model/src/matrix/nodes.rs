//! The nodes of a variant: created by amiproof, or existing ones.

use super::build::build;
use super::fallback::Fallback;
use super::file::{Defaults, NodesSection, SelectorSection, VariantSection};
use super::governance;
use super::image::ami;
use super::machine::chosen_types;
use super::resolver::{Resolver, transposed};
use super::spec::{Architecture, Capacity, ClusterSpec, Family, MadeNodes, NodeSource};
use super::user_data::user_data;
use crate::name::KubernetesVersion;
use crate::selector::NodeSelector;

/// Whether a section says that its nodes already exist.
pub(super) fn is_selected(section: &VariantSection) -> bool {
    matches!(section.nodes, Some(NodesSection::Selected(_)))
}

/// Resolves what a section says about its nodes.
pub(super) fn resolve(
    resolver: &mut Resolver<'_>,
    path: &str,
    raw: VariantSection,
    architecture: Architecture,
    fallback: &Fallback<'_>,
) -> Option<NodeSource> {
    let ami_is_there = raw.ami.is_some();
    match raw.nodes {
        Some(NodesSection::Selected(ref section)) => {
            nothing_is_made(resolver, path, &raw);
            selected(resolver, path, section).map(NodeSource::Selected)
        }
        _ => {
            let made = made(resolver, path, raw, architecture, fallback).map(NodeSource::Made);
            let at = format!("{path}.ami");
            if !ami_is_there && !resolver.is_wrong(&at) && !resolver.is_wrong(&format!("{path}.nodes")) {
                resolver.missing(path, "ami", "{\"ssm\":\"recommended\"}");
            }
            made
        }
    }
}

fn selected(resolver: &mut Resolver<'_>, path: &str, raw: &SelectorSection) -> Option<NodeSelector> {
    let text = raw.selector.as_ref()?;
    resolver.name(&format!("{path}.nodes.selector"), text.parse())
}

/// Settings for created nodes do not apply to existing ones.
fn nothing_is_made(resolver: &mut Resolver<'_>, path: &str, raw: &VariantSection) {
    let keys = [
        ("ami", raw.ami.is_some()),
        ("build", raw.build.is_some()),
        ("userData", raw.user_data.is_some()),
        ("instanceTypes", raw.instance_types.is_some()),
        ("capacity", raw.capacity.is_some()),
        ("kubernetesVersion", raw.kubernetes_version.is_some()),
        ("volumeGib", raw.volume_gib.is_some()),
        ("kmsKey", raw.kms_key.is_some()),
        ("securityGroups", raw.security_groups.is_some()),
        ("tags", raw.tags.is_some()),
    ];
    for (key, _) in keys.into_iter().filter(|(_, is_given)| *is_given) {
        resolver.problem(
            &format!("{path}.{key}"),
            format!("nodes that a selector matches exist already, so {key} cannot be set"),
            format!("remove {key}, or write a number of nodes to create instead of the selector"),
        );
    }
}

fn made(
    resolver: &mut Resolver<'_>,
    path: &str,
    raw: VariantSection,
    architecture: Architecture,
    fallback: &Fallback<'_>,
) -> Option<MadeNodes> {
    let version = version(resolver, path, raw.kubernetes_version, fallback.cluster);
    let is_built = raw.build.is_some();
    let ami = raw.ami.and_then(|section| ami(resolver, path, section, raw.family, version.as_ref(), is_built));
    let build = raw.build.map(|section| build(resolver, path, section, ami.as_ref()));
    let user_data = raw.user_data.map(|section| user_data(resolver, path, section));
    let types = chosen_types(resolver, path, raw.instance_types, architecture, fallback.instance_types.as_deref());
    let defaults: &Defaults = fallback.defaults;
    let count = match raw.nodes {
        Some(NodesSection::Count(count)) => Some(count),
        _ => defaults.nodes,
    };
    let region = fallback.cluster.and_then(|cluster| cluster.region.as_deref());
    let kms_key = match raw.kms_key {
        Some(key) => governance::key(resolver, &format!("{path}.kmsKey"), Some(key), region),
        None => fallback.kms_key.clone(),
    };
    let security_groups = match raw.security_groups {
        Some(groups) => {
            governance::security_groups(resolver, &format!("{path}.securityGroups"), Some(groups), fallback.cluster)
        }
        None => fallback.security_groups.clone(),
    };
    let mut tags = fallback.tags.clone();
    tags.extend(governance::tags(resolver, &format!("{path}.tags"), raw.tags));
    let volume = if raw.family == Some(Family::Windows) { 80 } else { 30 };
    Some(MadeNodes {
        count: count.unwrap_or(2),
        ami: ami?,
        build: transposed(build)?.map(Box::new),
        user_data: transposed(user_data)?,
        instance_types: types,
        capacity: raw.capacity.or(defaults.capacity).unwrap_or(Capacity::OnDemand),
        kubernetes_version: version?,
        volume_gib: raw.volume_gib.or(defaults.volume_gib).unwrap_or(volume),
        kms_key,
        security_groups,
        tags,
    })
}

/// The image's Kubernetes version: its own, or the cluster's. A kubelet may be three minors behind the API server, never ahead.
fn version(
    resolver: &mut Resolver<'_>,
    path: &str,
    own: Option<String>,
    cluster: Option<&ClusterSpec>,
) -> Option<KubernetesVersion> {
    let at = format!("{path}.kubernetesVersion");
    let Some(text) = own else {
        return cluster.and_then(|cluster| cluster.kubernetes_version.clone());
    };
    let version: KubernetesVersion = resolver.name(&at, text.parse())?;
    let control_plane = cluster?.kubernetes_version.as_ref()?;
    let (least, most) = (control_plane.minor().saturating_sub(3), control_plane.minor());
    if (least..=most).contains(&version.minor()) {
        return Some(version);
    }
    let what = if version.minor() > most { "is ahead of" } else { "is more than three minors behind" };
    resolver.problem(
        &at,
        format!("{version} {what} the cluster's {control_plane}"),
        format!("write \"1.{least}\" to \"1.{most}\", or change cluster.kubernetesVersion"),
    );
    None
}
