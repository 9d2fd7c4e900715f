//! What a deletion can reach: the account, the cluster, or both.

use std::time::Duration;

use super::outcome::NotDeleted;
use crate::aws::Clients;
use crate::cluster::Access;
use crate::ledger::Ledger;

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

/// The context of a deletion in AWS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cx<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) deadlines: &'a Deadlines,
}

/// What a deletion can reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach<'a> {
    /// AWS; `None` for a run that only had a kubeconfig, or without credentials.
    pub(crate) clients: Option<&'a Clients>,
    /// The cluster; `None` if it cannot be reached.
    pub(crate) access: Option<&'a Access>,
    /// The run's ledger; `None` where there is none, as in `sweep`.
    pub(crate) ledger: Option<&'a Ledger>,
    pub(crate) deadlines: &'a Deadlines,
}

impl<'a> Reach<'a> {
    /// The account.
    ///
    /// # Errors
    /// If there is no access to it.
    pub(super) fn aws(self) -> Result<Cx<'a>, NotDeleted> {
        let none = || NotDeleted::There("no access to the AWS account: configure credentials".to_owned());
        Ok(Cx { clients: self.clients.ok_or_else(none)?, deadlines: self.deadlines })
    }

    /// The cluster.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub(super) fn kubernetes(self) -> Result<&'a Access, NotDeleted> {
        self.access.ok_or_else(|| NotDeleted::There("the cluster's API cannot be reached".to_owned()))
    }
}

impl<'a> From<Cx<'a>> for Reach<'a> {
    fn from(cx: Cx<'a>) -> Self {
        Self { clients: Some(cx.clients), access: None, ledger: None, deadlines: cx.deadlines }
    }
}
