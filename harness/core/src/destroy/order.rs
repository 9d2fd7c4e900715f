//! The order of deletion: users first, then what they use.

use std::cmp::Reverse;

use crate::resource::{self, Target};

/// The targets in groups that can be deleted at the same time; within a group the last planned first.
pub(super) fn tiers(targets: Vec<Target>) -> Vec<Vec<Target>> {
    let mut placed: Vec<(usize, Target)> =
        targets.into_iter().map(|target| (resource::position(target.kind), target)).collect();
    placed.sort_by_key(|(position, target)| (*position, Reverse(target.key)));
    let mut tiers: Vec<Vec<Target>> = Vec::new();
    for group in placed.chunk_by(|(one, _), (other, _)| one == other) {
        tiers.push(group.iter().map(|(_, target)| target.clone()).collect());
    }
    tiers
}

/// Whether leaked interfaces of the VPC CNI block a group.
pub(super) fn needs_free_interfaces(tier: &[Target]) -> bool {
    tier.iter().any(|target| target.kind.is_blocked_by_interfaces())
}
