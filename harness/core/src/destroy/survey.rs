//! What a teardown knows when it begins.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::wrong_target::Cluster;

/// What a teardown knows when it begins.
pub(super) struct Survey {
    /// Which cluster answers.
    pub(super) cluster: Cluster,
    /// Clusters that are deleted with the run: what lives in them goes with them.
    pub(super) deleting: BTreeSet<String>,
    /// Clusters that are gone already.
    pub(super) vanished: BTreeSet<String>,
    /// From when on something that is not seen was never made.
    pub(super) sure: Instant,
}
