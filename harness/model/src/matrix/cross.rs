//! Rules between variants, and between variants and the cluster.

use std::collections::HashMap;

use camino::Utf8Path;

use super::resolver::Resolver;
use super::spec::{AmiSource, ClusterSpec, Family};
use super::variant::Named;
use crate::problem::instead;

/// Managed node groups that a cluster may have unless AWS raised it (EKS quota L-6D54EA21).
const NODE_GROUP_QUOTA: usize = 30;

/// Checks the rules that concern more than one variant.
pub(super) fn check(resolver: &mut Resolver<'_>, variants: &[Named], cluster: Option<&ClusterSpec>) {
    names_are_unique(resolver, variants);
    for variant in variants {
        if let Some(reference) = &variant.reference {
            reference_fits(resolver, variant, reference, variants);
        }
    }
    selectors_are_unique(resolver, variants);
    builds_are_told_apart(resolver, variants);
    if let Some(selecting) = variants.iter().find(|variant| variant.is_selected)
        && cluster.is_some_and(|cluster| cluster.create)
    {
        resolver.problem(
            "cluster.create",
            format!(
                "a cluster that amiproof creates has no nodes yet that the selector of {} could match",
                selecting.path
            ),
            "write create: false, or let amiproof create the nodes as well: nodes: 2",
        );
    }
    windows_has_company(resolver, variants, cluster);
    let count = variants.iter().filter(|variant| !variant.is_selected).count();
    if count > NODE_GROUP_QUOTA {
        resolver.warning(
            "variants",
            format!(
                "{count} variants need {count} node groups, and EKS allows {NODE_GROUP_QUOTA} per cluster by default"
            ),
            "raise the quota L-6D54EA21, or split the matrix",
        );
    }
}

/// Two builds that write one manifest could each get the other's image.
fn builds_are_told_apart(resolver: &mut Resolver<'_>, variants: &[Named]) {
    let mut first: HashMap<(&Utf8Path, Option<&str>), &str> = HashMap::new();
    for named in variants {
        let Some(made) = named.variant.as_ref().and_then(|variant| variant.made()) else { continue };
        let (Some(_), AmiSource::PackerManifest { path, select }) = (&made.build, &made.ami) else { continue };
        if let Some(other) = first.insert((path, select.as_deref()), &named.path) {
            resolver.problem(
                &format!("{}.ami", named.path),
                format!("{other} also writes its image to {path}, so each variant could get the other's image"),
                "name another manifest, or tell the builds apart with select",
            );
        }
    }
}

fn names_are_unique(resolver: &mut Resolver<'_>, variants: &[Named]) {
    let mut first: HashMap<&str, &Named> = HashMap::new();
    for variant in variants {
        let Some(name) = variant.name() else { continue };
        if let Some(earlier) = first.get(name) {
            resolver.problem(
                &format!("{}.name", variant.path),
                format!("{} is named '{name}' already", earlier.path),
                "give each variant a name of its own",
            );
        } else {
            first.insert(name, variant);
        }
    }
}

/// Two variants with the same selector would be the same. Different selectors that match the same node are detected during the run.
fn selectors_are_unique(resolver: &mut Resolver<'_>, variants: &[Named]) {
    for (index, variant) in variants.iter().enumerate() {
        let Some(selector) = &variant.selector else { continue };
        let same = |other: &&Named| other.selector.as_ref().is_some_and(|other| other.is_same(selector));
        if let Some(earlier) = variants[..index].iter().find(same) {
            resolver.problem(
                &format!("{}.nodes.selector", variant.path),
                format!("{} selects the same nodes", earlier.path),
                "give each variant nodes of its own",
            );
        }
    }
}

fn reference_fits(resolver: &mut Resolver<'_>, variant: &Named, reference: &str, variants: &[Named]) {
    let at = format!("{}.reference", variant.path);
    if variant.name() == Some(reference) {
        let help = "name the unhardened counterpart, or remove the key";
        resolver.problem(&at, "a variant cannot be its own reference", help);
        return;
    }
    let Some(twin) = variants.iter().find(|other| other.name() == Some(reference)) else {
        let others: Vec<&str> =
            variants.iter().filter(|other| other.path != variant.path).filter_map(Named::name).collect();
        let help = if others.is_empty() { "add it, or remove the key".to_owned() } else { instead(reference, &others) };
        resolver.problem(&at, format!("there is no variant '{reference}'"), help);
        return;
    };
    if twin.is_hardened {
        resolver.problem(
            &at,
            format!("'{reference}' is hardened itself, so it cannot show what hardening changes"),
            "name a stock image of the same family",
        );
    }
    if let (Some(own), Some(other)) = (variant.family, twin.family)
        && own != other
    {
        resolver.warning(
            &at,
            format!("'{reference}' is of the family {}, this variant of {}", other.as_str(), own.as_str()),
            "compare with a stock image of the same family, or differences of the OS look like hardening",
        );
    }
}

/// CoreDNS runs on Linux only, so a cluster of Windows nodes alone resolves no names (EKS user guide, "Windows support").
fn windows_has_company(resolver: &mut Resolver<'_>, variants: &[Named], cluster: Option<&ClusterSpec>) {
    let Some(windows) = variants.iter().find(|variant| variant.family == Some(Family::Windows)) else { return };
    if variants.iter().any(|variant| variant.family.is_none_or(Family::is_linux)) {
        return;
    }
    let at = format!("{}.family", windows.path);
    let message = "a cluster with only Windows nodes has no DNS, because CoreDNS runs on Linux";
    let help = "add a Linux variant, like {name: eks-al2023, family: al2023, ami: {ssm: recommended}}";
    match cluster {
        Some(cluster) if !cluster.create => {
            resolver.warning(
                &at,
                message,
                "make sure that the existing cluster has Linux nodes, or add a Linux variant",
            );
        }
        _ => resolver.problem(&at, message, help),
    }
}
