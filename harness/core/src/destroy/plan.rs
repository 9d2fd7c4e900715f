//! What is deleted, and how long each kind may take.

use std::time::Duration;

use amiproof_model::name::VariantName;

use super::progress::ProgressSink;
use crate::aws::Clients;
use crate::cluster::Access;
use crate::ledger::Ledger;

/// What to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'a> {
    /// Everything that the run created.
    Everything,
    /// What it created for one variant.
    Variant(&'a VariantName),
}

/// How long the deletion of each kind of resource may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// The network stack.
    pub stack: Duration,
    /// The cluster.
    pub cluster: Duration,
    /// A node group.
    pub node_group: Duration,
    /// A Kubernetes object.
    pub kubernetes: Duration,
    /// Anything else.
    pub other: Duration,
    /// The final verification: instances and volumes that are being deleted anyway.
    pub proof: Duration,
}

impl Default for Deadlines {
    /// Typical values: EKS deletes a node group in three to eight minutes, a cluster in about ten.
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            stack: minutes(20),
            cluster: minutes(20),
            node_group: minutes(20),
            kubernetes: minutes(5),
            other: minutes(5),
            proof: minutes(5),
        }
    }
}

/// What to delete, and with which clients.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The ledger of the run.
    pub ledger: &'a Ledger,
    /// AWS; `None` for a run that only had a kubeconfig.
    pub clients: Option<&'a Clients>,
    /// The cluster; `None` if it cannot be reached.
    pub access: Option<&'a Access>,
    /// Everything, or one variant.
    pub what: What<'a>,
    /// How long it may take.
    pub deadlines: Deadlines,
    /// Receives what is being deleted and what is waited for.
    pub progress: &'a ProgressSink,
}
