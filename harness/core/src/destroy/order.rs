//! The order of deletion: users first, then what they use.

use super::target::{Kind, Target};
use crate::ledger::ResourceKind;

/// The position of a kind in the order. Kinds with the same position are deleted at the same time.
fn place(kind: &Kind) -> u8 {
    match kind {
        // First, while nodes and CSI driver still run: only they can release the volumes.
        Kind::Ledgered(ResourceKind::Namespace) => 0,
        Kind::Ledgered(
            ResourceKind::StorageClass | ResourceKind::ConfigMapKey(_) | ResourceKind::KubernetesObject(_),
        ) => 1,
        Kind::Ledgered(
            ResourceKind::CisScanConfiguration | ResourceKind::Addon | ResourceKind::PodIdentityAssociation,
        ) => 2,
        Kind::Ledgered(ResourceKind::NodeGroup) => 3,
        Kind::Instance => 4,
        Kind::Volume | Kind::NetworkInterface => 5,
        Kind::SecurityGroup | Kind::Ledgered(ResourceKind::LaunchTemplate | ResourceKind::AccessEntry) => 6,
        Kind::Ledgered(ResourceKind::Cluster) => 7,
        Kind::Ledgered(ResourceKind::Stack) => 8,
        Kind::Ledgered(ResourceKind::Role | ResourceKind::OidcProvider) => 9,
    }
}

/// The targets in groups that can be deleted at the same time; within a group the last planned first.
pub(super) fn tiers(mut targets: Vec<Target>) -> Vec<Vec<Target>> {
    targets.sort_by_key(|target| (place(&target.kind), std::cmp::Reverse(target.key)));
    let mut tiers: Vec<Vec<Target>> = Vec::new();
    for target in targets {
        match tiers.last_mut() {
            Some(tier) if tier.last().is_some_and(|last| place(&last.kind) == place(&target.kind)) => tier.push(target),
            _ => tiers.push(vec![target]),
        }
    }
    tiers
}

/// Whether leaked interfaces of the VPC CNI block a group: they keep security groups and subnets in use.
pub(super) fn needs_free_interfaces(tier: &[Target]) -> bool {
    let is_held = |target: &Target| matches!(target.kind, Kind::Ledgered(ResourceKind::Cluster | ResourceKind::Stack));
    tier.iter().any(is_held)
}
