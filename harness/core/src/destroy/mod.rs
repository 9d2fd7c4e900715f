//! Taking everything down again, and proving that nothing is left.
//!
//! Works from a ledger alone, so also after `kill -9`: what was planned is looked for by its name, what was created is removed, and
//! each is looked at again until it is gone. Then every service is asked for anything that carries the run's tag. Idempotent: what
//! is gone already is fine.

mod kubernetes;
mod order;
mod remains;
mod remove;
mod target;

use std::collections::BTreeSet;
use std::time::Duration;

use amiproof_model::name::VariantName;
use amiproof_model::report::{Cleanup, Leftover};
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use tokio::time::Instant;

use self::remains::Query;
use self::remove::Removed;
pub use self::target::{Kind, Target};
use crate::aws::Clients;
use crate::cluster::Access;
use crate::ledger::{self, Ledger, ResourceKind, State};

/// How many resources are removed at the same time.
const AT_ONCE: usize = 16;
/// How often the proof is tried while things are still going.
const PROOF_POLL: Duration = Duration::from_secs(10);

/// What is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'a> {
    /// Everything that the run made.
    Everything,
    /// What it made for one variant.
    Variant(&'a VariantName),
}

/// How long each kind of resource may take to go.
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
    /// The proof at the end: instances and volumes that are going anyway.
    pub proof: Duration,
}

impl Default for Deadlines {
    /// Those of the field: EKS deletes a node group in three to eight minutes, a cluster in about ten.
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

impl Deadlines {
    /// The same for a world that runs `factor` times as fast; none below 5 seconds.
    #[must_use]
    pub fn faster(self, factor: f64) -> Self {
        let scaled = |deadline: Duration| deadline.div_f64(factor.max(1.0)).max(Duration::from_secs(5)).min(deadline);
        Self {
            stack: scaled(self.stack),
            cluster: scaled(self.cluster),
            node_group: scaled(self.node_group),
            kubernetes: scaled(self.kubernetes),
            other: scaled(self.other),
            proof: scaled(self.proof),
        }
    }
}

/// What to take down, and through what.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// What the run made.
    pub ledger: &'a Ledger,
    /// AWS; `None` for a run that only had a kubeconfig.
    pub clients: Option<&'a Clients>,
    /// The cluster; `None` where it cannot be reached (any more).
    pub access: Option<&'a Access>,
    /// Everything, or one variant.
    pub what: What<'a>,
    /// How long it may take.
    pub deadlines: Deadlines,
}

/// Takes down what a run made and proves that nothing is left. Every resource is tried, whatever becomes of the others.
///
/// # Errors
/// When the ledger cannot be written. What cannot be removed is not an error but a leftover.
///
/// # Cancel safety
/// Safe: what had not gone stays in the ledger, and the next destroy goes on.
pub async fn destroy(plan: &Plan<'_>) -> Result<Cleanup, ledger::Error> {
    let mut cleanup = Cleanup { ran: true, ..Cleanup::default() };
    let header = plan.ledger.header();
    let standing = plan.ledger.entries().into_iter().filter(|entry| is_meant(plan.what, entry));
    let (gone, standing): (Vec<_>, Vec<_>) = standing.partition(|entry| entry.state == State::Gone);
    cleanup.created = gone.len();
    cleanup.gone = gone.len();
    let targets: Vec<Target> = standing.iter().map(|entry| Target::of_entry(entry, header)).collect();
    let doomed = doomed_clusters(&targets);
    let mut with_cluster = Vec::new();
    for tier in order::tiers(targets) {
        if order::needs_free_interfaces(&tier)
            && let Some(clients) = plan.clients
        {
            remove::leaked_interfaces(clients, &doomed).await;
        }
        let removed: Vec<_> = stream::iter(tier)
            .map(|target| async { (remove::remove(plan, &target, &doomed).await, target) })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (outcome, target) in removed {
            match outcome {
                Ok(Removed::WithCluster) => with_cluster.push(target),
                _ => account(plan, &mut cleanup, target, outcome).await?,
            }
        }
    }
    go_with_cluster(plan, &mut cleanup, with_cluster).await?;
    if let (What::Everything, Some(clients)) = (plan.what, plan.clients) {
        let query = Query::Run(&header.run, remains::namespaces(plan.ledger), remains::clusters(plan.ledger));
        prove(plan, clients, &query, &mut cleanup).await;
    }
    cleanup.leftovers.sort_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
    Ok(cleanup)
}

/// Removes one resource of AWS at once. What cannot be removed is logged and stays in the ledger, for destroy to try again.
pub(crate) async fn one(ledger: &Ledger, clients: &Clients, key: ledger::Key) {
    let Some(entry) = ledger.entries().into_iter().find(|entry| entry.key == key) else { return };
    let target = Target::of_entry(&entry, ledger.header());
    let (kind, name) = (target.kind.word(), target.name.clone());
    let removed = remove::remove_from_aws(clients, &target, &Deadlines::default()).await;
    let noted = match removed {
        Ok(_) => ledger.gone(key).await.map_err(|error| error.to_string()),
        Err(reason) => Err(reason),
    };
    if let Err(reason) = noted {
        tracing::warn!(kind, name, reason, "could not be removed; destroy will try again");
    }
}

/// Everything in the account and region whose tag `amiproof:expires` lies before `now`, and what could not be asked.
pub async fn expired(clients: &Clients, now: Timestamp) -> (Vec<Target>, Vec<String>) {
    remains::find(clients, &Query::Expired(now)).await
}

/// Removes everything whose tag `amiproof:expires` lies before `now`: what runs left behind whose ledger is lost.
pub async fn sweep(clients: &Clients, now: Timestamp, deadlines: Deadlines) -> Cleanup {
    let mut cleanup = Cleanup { ran: true, ..Cleanup::default() };
    let (found, _) = expired(clients, now).await;
    cleanup.created = found.len();
    let doomed = doomed_clusters(&found);
    for tier in order::tiers(found) {
        if order::needs_free_interfaces(&tier) {
            remove::leaked_interfaces(clients, &doomed).await;
        }
        let removed: Vec<_> = stream::iter(tier)
            .map(|target| async { (remove::remove_from_aws(clients, &target, &deadlines).await, target) })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (outcome, target) in removed {
            match outcome {
                Ok(_) => cleanup.gone += 1,
                Err(reason) => cleanup.leftovers.push(target.leftover(reason)),
            }
        }
    }
    let until = Instant::now() + deadlines.proof;
    settle(clients, &Query::Expired(now), &deadlines, until, &mut cleanup.leftovers).await;
    cleanup
}

fn is_meant(what: What<'_>, entry: &ledger::Entry) -> bool {
    match what {
        What::Everything => true,
        What::Variant(name) => entry.resource.variant.as_ref() == Some(name),
    }
}

/// Clusters that go with the run: what lives in them goes with them.
fn doomed_clusters(targets: &[Target]) -> BTreeSet<String> {
    let clusters = targets.iter().filter(|target| target.kind == Kind::Ledgered(ResourceKind::Cluster));
    clusters.map(|target| target.name.clone()).collect()
}

/// Counts what lives in a cluster that was to go too: gone if the cluster is. Where it is not, its own leftover says enough.
async fn go_with_cluster(plan: &Plan<'_>, cleanup: &mut Cleanup, targets: Vec<Target>) -> Result<(), ledger::Error> {
    let is_standing = |cluster: &str| plan.ledger.standing(ResourceKind::Cluster, cluster).is_some();
    for target in targets {
        cleanup.created += 1;
        if let Some(key) = target.key
            && !target.cluster.as_deref().is_some_and(is_standing)
        {
            plan.ledger.gone(key).await?;
            cleanup.gone += 1;
        }
    }
    Ok(())
}

async fn account(
    plan: &Plan<'_>,
    cleanup: &mut Cleanup,
    target: Target,
    outcome: Result<Removed, String>,
) -> Result<(), ledger::Error> {
    match outcome {
        Ok(removed) => {
            if let Some(key) = target.key {
                plan.ledger.gone(key).await?;
            }
            if removed == Removed::Gone {
                cleanup.created += 1;
                cleanup.gone += 1;
            }
        }
        Err(reason) => {
            tracing::warn!(kind = target.kind.word(), name = target.name, reason, "left behind");
            cleanup.created += 1;
            cleanup.leftovers.push(target.leftover(reason));
        }
    }
    Ok(())
}

/// Asks every service for what carries the run's tag, removes what the ledger did not know of, and lists what stays.
async fn prove(plan: &Plan<'_>, clients: &Clients, query: &Query<'_>, cleanup: &mut Cleanup) {
    let until = Instant::now() + plan.deadlines.proof;
    settle(clients, query, &plan.deadlines, until, &mut cleanup.leftovers).await;
}

async fn settle(
    clients: &Clients,
    query: &Query<'_>,
    deadlines: &Deadlines,
    until: Instant,
    leftovers: &mut Vec<Leftover>,
) {
    loop {
        let (found, problems) = remains::find(clients, query).await;
        let is_known = |target: &Target| leftovers.iter().any(|leftover| target.is(leftover));
        let mut new: Vec<Target> = found.into_iter().filter(|target| !is_known(target)).collect();
        let is_late = Instant::now() >= until;
        if is_late || (new.is_empty() && problems.is_empty()) {
            leftovers.extend(
                new.drain(..).map(|target| target.leftover("it is still there, and going or stuck".to_owned())),
            );
            leftovers.extend(problems.into_iter().map(|reason| remains::unknown(query, reason)));
            return;
        }
        for target in order::tiers(new).into_iter().flatten() {
            tracing::info!(kind = target.kind.word(), name = target.name, "still there");
            // What cannot be removed now is found again, until the deadline.
            if let Err(reason) = remove::remove_remain(clients, &target, deadlines).await {
                leftovers.push(target.leftover(reason));
            }
        }
        clients.pause(PROOF_POLL).await;
    }
}

#[cfg(test)]
mod tests;
