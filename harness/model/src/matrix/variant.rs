//! One section of `variants`, resolved on its own; what variants ask of each other is in [`super::cross`].

use std::time::Duration;

use super::fallback::Fallback;
use super::file::{Defaults, HardeningSection, TimeoutsSection, VariantSection};
use super::machine::instance_types;
use super::resolver::{Resolver, transposed};
use super::spec::{Architecture, ClusterSpec, Family, Hardening, NodeSource, Timeouts, Variant};
use super::{governance, nodes};
use crate::duration;
use crate::form::List;
use crate::name::{Benchmark, Level, VariantName};
use crate::selector::NodeSelector;

/// What is known of a section, even where it is partly wrong: other sections may refer to it.
pub(super) struct Named {
    /// `variants[2]`.
    pub(super) path: String,
    /// The name as written; `None` if there is none.
    written: Option<String>,
    /// How it boots.
    pub(super) family: Option<Family>,
    /// Whether it says that it is hardened.
    pub(super) is_hardened: bool,
    /// The reference as written.
    pub(super) reference: Option<String>,
    /// Whether its nodes already exist.
    pub(super) is_selected: bool,
    /// Which nodes these are.
    pub(super) selector: Option<NodeSelector>,
    /// The whole of it; `None` when something is wrong.
    pub(super) variant: Option<Variant>,
}

impl Named {
    /// The name as written.
    pub(super) fn name(&self) -> Option<&str> {
        self.written.as_deref()
    }
}

/// Resolves every section, in order.
pub(super) fn all(
    resolver: &mut Resolver<'_>,
    raw: List<VariantSection>,
    defaults: &Defaults,
    cluster: Option<&ClusterSpec>,
) -> Vec<Named> {
    let default_timeouts = timeouts(resolver, "defaults.timeouts", defaults.timeouts.as_ref(), DEFAULT_TIMEOUTS);
    let default_types =
        defaults.instance_types.clone().map(|raw| instance_types(resolver, "defaults.instanceTypes", Some(raw)));
    let says_nodes_ready = defaults.timeouts.as_ref().is_some_and(|timeouts| timeouts.nodes_ready.is_some());
    let region = cluster.and_then(|cluster| cluster.region.as_deref());
    let fallback = Fallback {
        defaults,
        timeouts: default_timeouts,
        says_nodes_ready,
        instance_types: default_types,
        kms_key: governance::key(resolver, "defaults.kmsKey", defaults.kms_key.clone(), region),
        security_groups: governance::security_groups(
            resolver,
            "defaults.securityGroups",
            defaults.security_groups.clone(),
            cluster,
        ),
        tags: governance::tags(resolver, "defaults.tags", defaults.tags.clone()),
        cluster,
    };
    let sections = raw.into_iter().enumerate();
    sections.filter_map(|(index, raw)| Some(one(resolver, &format!("variants[{index}]"), raw?, &fallback))).collect()
}

const DEFAULT_TIMEOUTS: Timeouts =
    Timeouts { nodes_ready: Duration::from_mins(8), check: Duration::from_mins(5), os_scan: Duration::from_mins(45) };

/// The default for Windows: a stock image of EKS is Ready in about five minutes, one of one's own without EC2 Fast Launch in 15 and more
/// (EC2 user guide, "Configure EC2 Fast Launch").
const WINDOWS_NODES_READY: Duration = Duration::from_mins(20);

fn one(resolver: &mut Resolver<'_>, path: &str, mut raw: VariantSection, fallback: &Fallback<'_>) -> Named {
    let below = |key: &str| format!("{path}.{key}");
    let written = raw.name.clone();
    let reference_written = raw.reference.clone();
    let is_hardened = raw.hardening.is_some();
    let name: Option<VariantName> = raw.name.clone().and_then(|text| resolver.name(&below("name"), text.parse()));
    let reference: Option<VariantName> =
        raw.reference.clone().and_then(|text| resolver.name(&below("reference"), text.parse()));
    let hardening = raw.hardening.take().map(|section| hardening(resolver, path, section, raw.family));
    let architecture = raw.architecture.unwrap_or(Architecture::X86_64);
    if let (Some(Family::Windows), Architecture::Arm64) = (raw.family, architecture) {
        resolver.problem(
            &below("architecture"),
            "EKS has no Windows nodes on arm64",
            "write x86_64, or remove the key",
        );
    }
    let mut timeouts = timeouts(resolver, &below("timeouts"), raw.timeouts.as_ref(), fallback.timeouts);
    if raw.family == Some(Family::Windows) && !nodes::is_selected(&raw) {
        let own = raw.timeouts.as_ref().is_some_and(|timeouts| timeouts.nodes_ready.is_some());
        if !own && !fallback.says_nodes_ready {
            timeouts.nodes_ready = WINDOWS_NODES_READY;
        } else if timeouts.nodes_ready < WINDOWS_NODES_READY {
            let at = if own { below("timeouts.nodesReady") } else { "defaults.timeouts.nodesReady".to_owned() };
            let message = "Windows nodes from a custom image often take 15 minutes or more to become Ready";
            resolver.warning(&at, message, "write 20m for Windows, or remove the key: 20m is its default");
        }
    }
    let family = raw.family;
    let imds_hop_limit = raw.imds_hop_limit.or(fallback.defaults.imds_hop_limit).unwrap_or(2);
    let is_selected = nodes::is_selected(&raw);
    let nodes = nodes::resolve(resolver, path, raw, architecture, fallback);
    let selector = match &nodes {
        Some(NodeSource::Selected(selector)) => Some(selector.clone()),
        _ => None,
    };
    let build = || {
        Some(Variant {
            name: name?,
            family: family?,
            reference,
            hardening: transposed(hardening)?,
            architecture,
            nodes: nodes?,
            imds_hop_limit,
            timeouts,
        })
    };
    Named {
        path: path.to_owned(),
        written,
        family,
        is_hardened,
        reference: reference_written,
        is_selected,
        selector,
        variant: build(),
    }
}

/// The benchmarks that fit a family, by the beginning of their names.
fn benchmark_family(family: Family) -> &'static str {
    match family {
        Family::Al2023 => "cis-al2023",
        Family::Al2 => "cis-al2",
        Family::Bottlerocket => "cis-bottlerocket",
        Family::Windows => "cis-windows",
    }
}

fn hardening(
    resolver: &mut Resolver<'_>,
    path: &str,
    raw: HardeningSection,
    family: Option<Family>,
) -> Option<Hardening> {
    let at = format!("{path}.hardening.benchmark");
    let benchmark: Option<Benchmark> = raw.benchmark.and_then(|text| resolver.name(&at, text.parse()));
    if let (Some(benchmark), Some(family)) = (&benchmark, family) {
        let fitting = benchmark_family(family);
        let name = benchmark.family();
        if name != fitting && !name.strip_prefix(fitting).is_some_and(|rest| rest.starts_with('-')) {
            resolver.problem(
                &at,
                format!("the benchmark {benchmark} is not for the family {}", family.as_str()),
                format!("write a benchmark that begins with {fitting}-, or another family"),
            );
            return None;
        }
    }
    let level = raw.level.and_then(|level| u8::try_from(level).ok()).and_then(|level| Level::try_from(level).ok());
    Some(Hardening { benchmark: benchmark?, level: level? })
}

fn timeouts(resolver: &mut Resolver<'_>, at: &str, raw: Option<&TimeoutsSection>, fallback: Timeouts) -> Timeouts {
    let Some(raw) = raw else { return fallback };
    let mut one = |key: &str, text: &Option<String>, fallback: Duration| {
        text.as_ref().and_then(|text| resolver.name(&format!("{at}.{key}"), duration::parse(text))).unwrap_or(fallback)
    };
    Timeouts {
        nodes_ready: one("nodesReady", &raw.nodes_ready, fallback.nodes_ready),
        check: one("check", &raw.check, fallback.check),
        os_scan: one("osScan", &raw.os_scan, fallback.os_scan),
    }
}
