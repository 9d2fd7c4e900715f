//! What is deleted, and with which clients.

use amiproof_model::name::VariantName;

use super::progress::ProgressSink;
use crate::aws::Clients;
use crate::cluster::Access;
use crate::ledger::Ledger;
use crate::resource::Deadlines;
use crate::resource::reach::Reach;

/// What to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'a> {
    /// Everything that the run created.
    Everything,
    /// What it created for one variant.
    Variant(&'a VariantName),
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

impl<'a> Plan<'a> {
    /// What a deletion can reach.
    pub(super) fn reach(&'a self) -> Reach<'a> {
        Reach { clients: self.clients, access: self.access, ledger: Some(self.ledger), deadlines: &self.deadlines }
    }
}
