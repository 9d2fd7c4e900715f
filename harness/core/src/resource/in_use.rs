//! What is in use when `sweep` looks: clusters that have not expired, and what they depend on.

use jiff::Timestamp;

use super::owned::Owner;

/// A cluster that has not expired, or was not created by amiproof.
#[derive(Clone, Debug)]
pub(crate) struct LiveCluster {
    pub(crate) name: String,
    /// Its owner.
    pub(crate) owner: Owner,
    /// Its VPC.
    pub(crate) vpc: Option<String>,
    /// The issuer of its tokens.
    pub(crate) issuer: Option<String>,
}

impl LiveCluster {
    /// Why what it depends on is kept.
    pub(super) fn keeps(&self) -> Owner {
        Owner::new(format!("is in use by cluster {}, which {}", self.name, self.owner))
    }
}

/// What is in use.
#[derive(Clone, Debug)]
pub(crate) struct InUse {
    /// The region's clusters that are not those of expired runs.
    pub(crate) clusters: Vec<LiveCluster>,
    /// The time by which resources have expired or not.
    pub(crate) now: Timestamp,
}
