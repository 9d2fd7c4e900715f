//! What a plan will cost, and what it leaves alone.

use std::time::Duration;

use amiproof_model::cost::{Estimate, Instances, Item, Prices, Stages, Tariff, Timetable, VariantStages, Window};
use amiproof_model::matrix::{Family, Matrix, NodeSource, Variant};
use amiproof_model::report::Phase;
use jiff::Timestamp;

use crate::aws::network;
use crate::check::{Applies, Check, Scope};
use crate::resource::Deadlines;
use crate::run::deadlines::{ADDON_DEADLINE, CLUSTER_DEADLINE, NETWORK_DEADLINE};
use crate::scan::inspector;

/// What is to be estimated.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    /// The matrix, already narrowed to the selected variants.
    pub matrix: &'a Matrix,
    /// The selected checks.
    pub checks: &'a [Check],
    /// How often a failed check is retried.
    pub retries: u32,
    /// Only the network stack is created.
    pub network_only: bool,
    /// How long everything is kept; `None` if it is deleted when the checks are over.
    pub kept: Option<Duration>,
    /// After which time checks are stopped and everything is deleted.
    pub deadline: Option<Duration>,
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// How long AWS usually takes; the lab uses the same times. A stack with a NAT gateway; a control plane; nodes until
/// they are Ready, others and Windows.
const NETWORK: Duration = minutes(2);
const CLUSTER: Duration = minutes(8);
const NODES: Duration = minutes(2);
const WINDOWS_NODES: Duration = minutes(5);
/// Checks run concurrently: each adds a little, until all are under way.
const PER_CHECK: Duration = Duration::from_secs(5);
const CHECKS: Duration = minutes(6);
/// A scan of the operating system by Inspector.
const INSPECTOR: Duration = minutes(5);
/// Usual times of deletions; EKS may take up to eight minutes for a node group and ten for a cluster.
const GROUP_DELETION: Duration = minutes(3);
const CLUSTER_DELETION: Duration = minutes(3);
const NETWORK_DELETION: Duration = minutes(2);

/// Estimates what a plan costs. `now` decides whether its Kubernetes version is in standard or extended support.
pub fn estimate(planned: &Planned<'_>, prices: &Prices, now: Timestamp) -> Estimate {
    let Planned { matrix, network_only, .. } = *planned;
    let spec = &matrix.cluster;
    let tariff = prices.tariff(spec.region.as_deref().unwrap_or_default());
    let stages = stages(planned);
    let times = Timetable::of(&stages);
    let mut things = Vec::new();
    let made = matrix.variants.iter().filter(|variant| variant.made().is_some() && !network_only);
    for (variant, window) in made.zip(&times.variants) {
        things.extend(of_variant(planned, variant, tariff).into_iter().map(|item| (item, *window)));
    }
    if spec.create && !network_only {
        things.push((tariff.control_plane(spec.kubernetes_version.as_ref(), now), times.cluster));
    }
    if makes_network(planned) {
        things.extend([(tariff.nat_gateway(), times.network), (tariff.address(), times.network)]);
    }
    Estimate::of(&prices.date, &things, times.total)
}

/// Whether a plan creates the network stack, unless it already exists.
fn makes_network(planned: &Planned<'_>) -> bool {
    let spec = &planned.matrix.cluster;
    let with_windows = planned.matrix.variants.iter().any(|it| it.made().is_some() && !it.family.is_linux());
    planned.network_only || spec.create && network::is_needed(spec, with_windows)
}

fn of_variant(planned: &Planned<'_>, variant: &Variant, tariff: Tariff<'_>) -> Vec<Item> {
    let Some(made) = variant.made() else { return Vec::new() };
    let instances = Instances {
        variant: &variant.name,
        family: variant.family,
        types: &made.instance_types,
        capacity: made.capacity,
        count: made.count,
    };
    let is_scanned = inspector::supports(variant.family) && own(planned, variant).any(is_inspector);
    let assessments = if is_scanned { made.count } else { 0 };
    vec![
        tariff.instances(&instances),
        tariff.volumes(&variant.name, made.volume_gib, made.count),
        tariff.assessments(&variant.name, assessments),
    ]
}

fn is_inspector(check: &Check) -> bool {
    check.id.as_str() == inspector::CHECK
}

/// The checks of a variant.
fn own<'a>(planned: &Planned<'a>, variant: &Variant) -> impl Iterator<Item = &'a Check> {
    let checks = planned.checks.iter();
    checks.filter(move |check| check.scope == Scope::Variant && (check.applies)(variant) == Applies::Yes)
}

fn stages(planned: &Planned<'_>) -> Stages {
    let Planned { matrix, network_only, deadline, kept, .. } = *planned;
    let deletion = Deadlines::default();
    let part = |happens: bool, window: Window| if happens { window } else { Window::default() };
    let makes_cluster = matrix.cluster.create && !network_only;
    let addons = if matrix.cluster.addons.is_empty() { Duration::ZERO } else { ADDON_DEADLINE };
    let of_variant = |variant: &Variant| {
        let usual = if variant.family == Family::Windows { WINDOWS_NODES } else { NODES };
        VariantStages {
            name: variant.name.clone(),
            reference: variant.reference.clone(),
            nodes: Window::new(usual, variant.timeouts.nodes_ready),
            checks: checks(planned, own(planned, variant), variant.timeouts.check, variant.timeouts.os_scan),
        }
    };
    let variants = matrix.variants.iter().filter(|variant| variant.made().is_some() && !network_only);
    let on_cluster = planned.checks.iter().filter(|check| check.scope == Scope::Cluster && !network_only);
    let timeouts = matrix.variants.iter().map(|variant| variant.timeouts);
    let longest = timeouts.clone().map(|timeouts| timeouts.check).max().unwrap_or_default();
    let of_scan = timeouts.map(|timeouts| timeouts.os_scan).max().unwrap_or_default();
    let groups: Vec<VariantStages> = variants.map(of_variant).collect();
    let makes_groups = !groups.is_empty();
    let cluster = part(makes_cluster, Window::new(CLUSTER, CLUSTER_DEADLINE + addons));
    Stages {
        network: part(makes_network(planned), Window::new(NETWORK, NETWORK_DEADLINE)),
        cluster,
        variants: groups,
        cluster_checks: checks(planned, on_cluster, longest, of_scan),
        group_deletion: part(makes_groups, Window::new(GROUP_DELETION, deletion.node_group)),
        cluster_deletion: part(makes_cluster, Window::new(CLUSTER_DELETION, deletion.cluster)),
        network_deletion: part(makes_network(planned), Window::new(NETWORK_DELETION, deletion.stack)),
        deadline,
        kept,
    }
}

/// How long checks take concurrently, and at most: one after another until their deadlines, with every retry.
fn checks<'a>(
    planned: &Planned<'_>,
    checks: impl Iterator<Item = &'a Check>,
    of_check: Duration,
    of_scan: Duration,
) -> Window {
    let (mut tests, mut scan, mut at_most) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for check in checks {
        let usual = if check.phase == Phase::OsScan { of_scan } else { of_check };
        let attempts = 1 + if check.disturbs { check.retries } else { check.retries.max(planned.retries) };
        at_most += check.timeout.unwrap_or(usual).saturating_mul(attempts);
        if is_inspector(check) {
            scan = INSPECTOR;
        } else {
            tests += PER_CHECK;
        }
    }
    Window::new(tests.min(CHECKS).max(scan), at_most)
}

/// What exists and a plan does not touch: one clause each.
pub fn untouched(matrix: &Matrix) -> Vec<String> {
    let spec = &matrix.cluster;
    let mut lines = Vec::new();
    if !spec.create {
        lines.push(format!(
            "cluster {} with its control plane, add-ons and network, and every node group that the run did not create",
            spec.name
        ));
    }
    for variant in &matrix.variants {
        if let NodeSource::Selected(selector) = &variant.nodes {
            lines.push(format!(
                "the nodes '{selector}' of {}, except that checks run pods on them, which are deleted afterwards",
                variant.name
            ));
        }
    }
    if !spec.subnet_ids.is_empty() {
        lines.push(format!("the VPC of {}", spec.subnet_ids.join(", ")));
    }
    let roles = [&spec.role_arn, &spec.node_role_arn, &spec.windows_node_role_arn];
    lines.extend(roles.into_iter().flatten().map(|role| format!("the role {role}")));
    lines.push("everything in the account that is not tagged with the run".to_owned());
    lines
}
