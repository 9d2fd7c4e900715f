//! The janitor: deletes leftovers of runs on any machine, even if their ledger is lost, by expiry tags alone.
//!
//! Only top-level resources are deleted. What a cluster depends on (its network stack, its OpenID Connect provider) is kept while the
//! cluster exists, whoever created it; a cluster is kept while it contains node groups of others; members of a stack are deleted with it,
//! never by themselves.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::report::{Cleanup, Foreign};
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use tokio::time::Instant;

use super::progress::ProgressSink;
use super::{AT_ONCE, LOOKING_FOR_INTERFACES, order, prove, search};
use crate::aws::Clients;
use crate::aws::cluster::ClusterEndpoint;
use crate::aws::error::AwsError;
use crate::resource::in_use::{InUse, LiveCluster};
use crate::resource::lookup::Lookup;
use crate::resource::outcome::{NotDeleted, Removed, unanswered};
use crate::resource::owned::{Claim, LiveState, Owner};
use crate::resource::query::Query;
use crate::resource::reach::Cx;
use crate::resource::{self, Deadlines, Kind, Target, network_interface, stack};

/// What has expired, and which part of it is kept.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What is to be deleted, in order.
    pub targets: Vec<Target>,
    /// What has expired and is kept, each with its reason.
    pub kept: Vec<Foreign>,
    /// What could not be checked, one sentence each.
    pub unverified: Vec<String>,
}

/// What a sweep did.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// What was deleted, in order.
    pub deleted: Vec<Target>,
    /// The outcome of the rest.
    pub cleanup: Cleanup,
}

/// Everything in the account and region that a sweep at `now` would delete, by its tags `amiproof:run`
/// and `amiproof:expires`. Resources of the runs in `alive` are kept: they are in progress. `progress` receives what is waited for.
///
/// Never fails: what cannot be listed or checked is in `unverified`.
pub async fn expired(clients: &Clients, now: Timestamp, alive: &BTreeSet<String>, progress: &ProgressSink) -> Found {
    let _asking = progress.begin("querying the account for expired resources".to_owned());
    progress.report_while(find(clients, now, alive)).await
}

async fn find(clients: &Clients, now: Timestamp, alive: &BTreeSet<String>) -> Found {
    let query = Query::Expired(now);
    let lookup = Lookup::new(clients, &query);
    let (targets, problems) = search::find(&lookup, &search::all()).await;
    let mut found = Found { unverified: problems.into_iter().map(unlisted).collect(), ..Found::default() };
    if targets.is_empty() {
        return found;
    }
    let deadlines = Deadlines::default();
    let cx = Cx { clients, deadlines: &deadlines };
    let in_use = in_use(&lookup, now).await;
    let members = stack::members_of_all(&lookup).await;
    let mut kept_clusters: BTreeMap<String, Owner> = BTreeMap::new();
    for target in order::tiers(targets).into_iter().flatten() {
        let with_cluster = kept_with_cluster(&target, &kept_clusters);
        let reason = match (&in_use, &members) {
            _ if target.run.as_ref().is_some_and(|run| alive.contains(run)) => {
                Ok(Some(Owner::new("belongs to a run in progress on this machine")))
            }
            (_, Ok(members)) if members.contains(&target.name) => continue,
            _ if with_cluster.is_some() => Ok(with_cluster),
            (Ok(in_use), Ok(_)) => target.kind.reason_to_keep(cx, &target, in_use).await,
            // Unless all clusters and stacks are known, nothing that others may depend on is touched.
            _ if target.kind.is_shared() => {
                Ok(Some(Owner::new("may be used by a running cluster, which could not be checked")))
            }
            _ => Ok(None),
        };
        let unchecked = |error| Some(Owner::new(format!("may be in use, which could not be checked: {error}")));
        let Some(owner) = reason.unwrap_or_else(unchecked) else {
            found.targets.push(target);
            continue;
        };
        found.kept.push(target.foreign(&owner));
        if target.is_a(&resource::cluster::KIND) {
            kept_clusters.insert(target.name, owner);
        }
    }
    for error in [in_use.err(), members.err()].into_iter().flatten() {
        found.unverified.push(format!("could not verify which clusters exist: {}", unanswered(&error)));
    }
    found
}

/// Deletes what [`expired`] finds. `progress` receives what is being deleted and what is waited for.
///
/// Never fails: what could not be deleted is a leftover, with the command that deletes it.
pub async fn sweep(
    clients: &Clients,
    now: Timestamp,
    alive: &BTreeSet<String>,
    deadlines: Deadlines,
    progress: &ProgressSink,
) -> Swept {
    let found = expired(clients, now, alive, progress).await;
    delete(clients, now, found, deadlines, progress).await
}

/// Deletes what [`expired`] found at `now`, and nothing else of the runs. Everything is read again and must still be expired.
///
/// Never fails: what could not be deleted is a leftover, with the command that deletes it.
pub async fn delete(
    clients: &Clients,
    now: Timestamp,
    found: Found,
    deadlines: Deadlines,
    progress: &ProgressSink,
) -> Swept {
    progress.report_while(remove(clients, now, found, deadlines, progress)).await
}

async fn remove(
    clients: &Clients,
    now: Timestamp,
    found: Found,
    deadlines: Deadlines,
    progress: &ProgressSink,
) -> Swept {
    let Found { targets, kept, unverified } = found;
    let mut swept = Swept::default();
    let cleanup = &mut swept.cleanup;
    *cleanup = Cleanup { ran: true, created: targets.len(), foreign: kept, unverified, ..Cleanup::default() };
    // What is kept for others is not a failure of the sweep.
    cleanup.foreign.iter_mut().for_each(|foreign| foreign.was_made = false);
    let cx = Cx { clients, deadlines: &deadlines };
    let claim = Claim::Expired(now);
    let is_cluster = |target: &&Target| target.is_a(&resource::cluster::KIND);
    let deleting: BTreeSet<String> = targets.iter().filter(is_cluster).map(|target| target.name.clone()).collect();
    for tier in order::tiers(targets) {
        if order::needs_free_interfaces(&tier) {
            let _doing = progress.begin(LOOKING_FOR_INTERFACES.to_owned());
            network_interface::leaked_of_clusters(cx, &deleting).await;
        }
        progress.deleting(&tier);
        let removed: Vec<_> = stream::iter(tier)
            .map(|target| {
                let claim = &claim;
                async move {
                    let doing = progress.deletion_of(&target);
                    let removed = target.kind.remove(cx.into(), &target, claim).await;
                    drop(doing);
                    (removed, target)
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (outcome, target) in removed {
            match outcome {
                Ok(Removed::Foreign(owner)) => {
                    cleanup.foreign.push(Foreign { was_made: false, ..target.foreign(&owner) });
                }
                Ok(removed) => {
                    if let Removed::GoneUnverified(why) = removed {
                        cleanup.unverified.push(why);
                    }
                    cleanup.deleted += 1;
                    swept.deleted.push(target);
                }
                Err(NotDeleted::Unverified(reason)) => {
                    cleanup.unverified.push(format!("{} {}: {reason}", target.title(), target.name));
                }
                Err(NotDeleted::There(reason)) => cleanup.leftovers.push(target.leftover(reason)),
            }
        }
    }
    if cleanup.created > 0 {
        // What AWS deletes on its own, or what was blocked by what has been deleted now.
        let going = search::not_created_by_runs();
        let at = Instant::now();
        prove::settle(cx, progress, &Query::Expired(now), going, (at, at + deadlines.proof), cleanup).await;
    }
    cleanup.unverified.dedup();
    swept
}

/// Why the cluster of a target is kept, if it is, and the target can only be deleted after it.
fn kept_with_cluster(target: &Target, kept: &BTreeMap<String, Owner>) -> Option<Owner> {
    let is_after = target.kind.after().contains(&resource::cluster::KIND.as_str());
    target.cluster.as_ref().filter(|_| is_after).and_then(|cluster| kept.get(cluster)).cloned()
}

fn unlisted((kind, error): (&'static dyn Kind, AwsError)) -> String {
    format!("could not verify that no {} are left: {}", kind.plural(), unanswered(&error))
}

/// All clusters of the region that are not those of expired runs.
async fn in_use(lookup: &Lookup<'_>, now: Timestamp) -> Result<InUse, AwsError> {
    let mut clusters = Vec::new();
    for cluster in lookup.clusters().await? {
        let ClusterEndpoint { name, vpc_id, issuer, tags, .. } = cluster.clone();
        if let Err(owner) = Claim::Expired(now).own((), &LiveState { tags, id: None }) {
            clusters.push(LiveCluster { name, owner, vpc: vpc_id, issuer });
        }
    }
    Ok(InUse { clusters, now })
}
