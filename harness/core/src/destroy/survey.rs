//! The state that a teardown starts from.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::wrong_target::Cluster;

/// The state that a teardown starts from.
pub(super) struct Survey {
    /// Which cluster answers.
    pub(super) cluster: Cluster,
    /// Clusters that are deleted with the run, with all objects in them.
    pub(super) deleting: BTreeSet<String>,
    /// Clusters that are deleted already.
    pub(super) vanished: BTreeSet<String>,
    /// From when on a resource that is not visible was never created.
    pub(super) sure: Instant,
}
