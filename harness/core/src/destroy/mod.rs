//! Deletes everything that a run created, and verifies that nothing is left.
//!
//! Needs only the ledger, so it works after `kill -9`: planned resources are looked up by name, created ones are deleted, and each is polled
//! until it is gone. Then every service that the run used is queried for resources with the run's tag.
//!
//! # Guarantees
//! * Only resources that a live read shows to be the run's are deleted ([`crate::resource`]); those of other owners are reported and left alone.
//! * Every resource is tried, whether or not others fail, and whether or not the ledger can be written.
//! * Nothing is deleted, or recorded as deleted, in any other account, region, endpoint or cluster than that of the run ([`WrongTarget`]).
//!
//! # Assumptions
//! * Names are derived from run and variant, so a planned resource without confirmation is found.
//! * A created resource is visible within `VISIBLE`.
//!
//! Idempotent: a resource that no longer exists is not an error.

mod order;
mod plan;
mod progress;
mod prove;
mod search;
mod survey;
mod sweep;
mod wrong_target;

use std::collections::BTreeSet;
use std::time::Duration;

use amiproof_model::report::Cleanup;
use futures::stream::{self, StreamExt as _};
use tokio::time::Instant;

pub use self::plan::{Plan, What};
pub use self::progress::{ProgressSink, QUIET};
use self::survey::Survey;
pub use self::sweep::{Found, Swept, delete, expired, sweep};
pub use self::wrong_target::WrongTarget;
use crate::aws::Clients;
use crate::ledger::{self, Entry, Ledger, State};
use crate::resource::outcome::{NotDeleted, Removed};
use crate::resource::owned::{Claim, Look};
use crate::resource::reach::{Cx, Reach};
pub use crate::resource::{Deadlines, Target};
use crate::resource::{Home, cluster, network_interface};

/// How many resources are deleted at the same time.
const AT_ONCE: usize = 16;
/// How long a created resource may stay invisible: IAM and EC2 are eventually consistent (IAM user guide, "Changes that I
/// make are not always immediately visible"; EC2 API, "Eventual consistency").
const VISIBLE: Duration = Duration::from_secs(30);
/// How often a planned resource is looked up within that time.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long create calls in flight are awaited.
const IN_FLIGHT: Duration = Duration::from_secs(60);

/// Progress line while interfaces are looked for, before clusters and stacks are deleted.
const LOOKING_FOR_INTERFACES: &str = "looking for network interfaces that nodes left behind";

/// Deletes what a run created and verifies that nothing is left. Every resource is tried, whether or not others fail. Create calls in flight
/// are awaited first.
///
/// # Errors
/// [`WrongTarget`], before anything is touched. A resource that cannot be deleted is not an error but a leftover; a ledger that cannot be
/// written stops nothing, and is reported in the result.
///
/// # Cancel safety
/// Safe: what is not deleted yet stays in the ledger, and the next destroy continues.
pub async fn destroy(plan: &Plan<'_>) -> Result<Cleanup, WrongTarget> {
    plan.progress.report_while(teardown(plan)).await
}

async fn teardown(plan: &Plan<'_>) -> Result<Cleanup, WrongTarget> {
    let looking = plan.progress.begin("checking the target and listing what exists".to_owned());
    let cluster = wrong_target::check(plan).await?;
    let variant = match plan.what {
        What::Everything => None,
        What::Variant(name) => Some(name),
    };
    let given_up = plan.ledger.settled(variant, IN_FLIGHT).await;
    if given_up > 0 {
        tracing::warn!(given_up, "create calls without an answer; their resources are looked up by name");
    }
    let mut cleanup = Cleanup { ran: true, ..Cleanup::default() };
    let header = plan.ledger.header();
    let meant = plan.ledger.entries().into_iter().filter(|entry| is_meant(plan.what, entry));
    let (gone, standing): (Vec<_>, Vec<_>) = meant.partition(|entry| entry.state == State::Gone);
    cleanup.created = gone.len();
    cleanup.deleted = gone.len();
    let targets: Vec<Target> = standing.iter().map(|entry| Target::of_entry(entry, header)).collect();
    let survey = survey(plan, cluster, &targets).await;
    drop(looking);
    let mut with_cluster = Vec::new();
    for tier in order::tiers(targets) {
        if order::needs_free_interfaces(&tier)
            && let Some(clients) = plan.clients
        {
            let _doing = plan.progress.begin(LOOKING_FOR_INTERFACES.to_owned());
            network_interface::leaked_of_clusters(Cx { clients, deadlines: &plan.deadlines }, &survey.deleting).await;
        }
        plan.progress.deleting(&tier);
        let removed: Vec<_> = stream::iter(tier)
            .map(|target| async { (remove_until_sure(plan, &survey, &target).await, target) })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (outcome, target) in removed {
            match outcome {
                Ok(Removed::WithCluster) => with_cluster.push(target),
                _ => account(plan, &mut cleanup, target, outcome).await,
            }
        }
    }
    go_with_cluster(plan, &survey, &mut cleanup, with_cluster).await;
    if plan.what == What::Everything {
        prove::nothing_is_left(plan, &survey, &mut cleanup).await;
    }
    cleanup.unverified.extend(plan.ledger.problem());
    cleanup.leftovers.sort_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
    cleanup.foreign.sort_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
    cleanup.unverified.dedup();
    Ok(cleanup)
}

/// Deletes one AWS resource immediately. A failure is logged, and the resource stays in the ledger for destroy to retry.
pub(crate) async fn one(ledger: &Ledger, clients: &Clients, key: ledger::Key) {
    let Some(entry) = ledger.entries().into_iter().find(|entry| entry.key == key) else { return };
    let target = Target::of_entry(&entry, ledger.header());
    let (kind, name) = (target.title(), target.name.clone());
    let reach = Reach { clients: Some(clients), access: None, ledger: Some(ledger), deadlines: &Deadlines::default() };
    let removed = target.kind.remove(reach, &target, &target.claim(ledger.header())).await;
    let reason = match removed {
        Ok(Removed::Gone | Removed::GoneUnverified(_) | Removed::Absent | Removed::WithCluster) => {
            match ledger.gone(key).await {
                Ok(()) => return,
                Err(error) => error.to_string(),
            }
        }
        Ok(Removed::Foreign(owner)) => format!("it {owner}"),
        Err(NotDeleted::There(reason) | NotDeleted::Unverified(reason)) => reason,
    };
    tracing::warn!(kind, name, reason, "could not be deleted; destroy will try again");
}

/// What `destroy` would delete (dry run): the entries of the ledger that are not known to be deleted.
///
/// # Errors
/// [`WrongTarget`]. Nothing is changed in any case.
pub async fn preview(plan: &Plan<'_>) -> Result<Vec<Target>, WrongTarget> {
    wrong_target::check(plan).await?;
    let header = plan.ledger.header();
    let live = plan.ledger.entries().into_iter().filter(Entry::is_live).filter(|entry| is_meant(plan.what, entry));
    let targets = live.map(|entry| Target::of_entry(&entry, header)).collect();
    Ok(order::tiers(targets).into_iter().flatten().collect())
}

fn is_meant(what: What<'_>, entry: &Entry) -> bool {
    match what {
        What::Everything => true,
        What::Variant(name) => entry.resource.variant.as_ref() == Some(name),
    }
}

/// Looks at the clusters first: objects in a cluster that is deleted anyway need not be deleted one by one, and a cluster of another
/// owner stays.
async fn survey(plan: &Plan<'_>, answering: wrong_target::Cluster, targets: &[Target]) -> Survey {
    let (mut deleting, mut vanished) = (BTreeSet::new(), BTreeSet::new());
    let own: BTreeSet<&str> =
        targets.iter().filter(|target| target.is_a(&cluster::KIND)).map(|target| target.name.as_str()).collect();
    let used: BTreeSet<&str> = targets.iter().filter_map(|target| target.cluster.as_deref()).collect();
    let by_kubeconfig = plan.ledger.header().kubeconfig.is_some();
    if let Some(clients) = plan.clients.filter(|_| !by_kubeconfig) {
        let claim = Claim::Run { run: plan.ledger.header().run.clone(), id: None };
        let cx = Cx { clients, deadlines: &plan.deadlines };
        for name in own.union(&used) {
            match cluster::look_at(cx, name, &claim).await {
                Ok(Look::Ours(_)) if own.contains(name) => {
                    deleting.insert((*name).to_owned());
                }
                Ok(Look::Absent) => {
                    vanished.insert((*name).to_owned());
                }
                Ok(Look::Ours(_) | Look::Foreign(_)) | Err(_) => {}
            }
        }
    } else {
        // Without access nothing can be checked; objects in a cluster of this run are deleted with it, by a later destroy.
        deleting.extend(own.into_iter().map(str::to_owned));
    }
    let quiet = plan.ledger.inherited().unwrap_or_default();
    let sure = Instant::now() + amiproof_time::scaled(VISIBLE.saturating_sub(quiet));
    Survey { cluster: answering, deleting, vanished, sure }
}

/// Deletes a resource; one that was only planned and does not exist is looked up again until it would have become visible.
async fn remove_until_sure(plan: &Plan<'_>, survey: &Survey, target: &Target) -> Result<Removed, NotDeleted> {
    let _doing = plan.progress.deletion_of(target);
    loop {
        let outcome = remove(plan, survey, target).await;
        let is_settled = target.was_made || outcome != Ok(Removed::Absent) || Instant::now() >= survey.sure;
        match plan.clients {
            Some(clients) if !is_settled => clients.pause(LOOK_AGAIN).await,
            _ => return outcome,
        }
    }
}

/// Deletes a resource of the ledger. Failures of objects inside a cluster that is deleted anyway do not matter.
async fn remove(plan: &Plan<'_>, survey: &Survey, target: &Target) -> Result<Removed, NotDeleted> {
    let is_in = |clusters: &BTreeSet<String>| target.cluster.as_ref().is_some_and(|cluster| clusters.contains(cluster));
    let home = target.kind.home();
    let is_vanished = match home {
        Home::Account => false,
        Home::Cluster => is_in(&survey.deleting) || is_in(&survey.vanished),
        Home::Kubernetes => is_in(&survey.vanished) || survey.cluster == wrong_target::Cluster::Replaced,
    };
    if is_vanished {
        return Ok(Removed::WithCluster);
    }
    let removed = target.kind.remove(plan.reach(), target, &target.claim(plan.ledger.header())).await;
    match removed {
        _ if home != Home::Kubernetes => removed,
        Ok(Removed::Absent) if survey.cluster == wrong_target::Cluster::Unrecorded && target.was_made => {
            Err(NotDeleted::Unverified(format!(
                "{} {} is not in this cluster, and the ledger does not record which one the run was in",
                target.title(),
                target.name
            )))
        }
        Err(reason) if is_in(&survey.deleting) => {
            tracing::info!(name = target.name, ?reason, "is deleted together with its cluster");
            Ok(Removed::WithCluster)
        }
        other => other,
    }
}

/// Counts the objects in clusters that were to be deleted, too: they are gone if the cluster is. Otherwise the cluster itself is the
/// leftover.
async fn go_with_cluster(plan: &Plan<'_>, survey: &Survey, cleanup: &mut Cleanup, targets: Vec<Target>) {
    let is_standing =
        |name: &str| survey.deleting.contains(name) && plan.ledger.standing(cluster::KIND, name).is_some();
    for target in targets {
        cleanup.created += 1;
        if let Some(key) = target.key
            && !target.cluster.as_deref().is_some_and(is_standing)
        {
            note(plan.ledger.gone(key).await);
            cleanup.deleted += 1;
        }
    }
}

async fn account(plan: &Plan<'_>, cleanup: &mut Cleanup, target: Target, outcome: Result<Removed, NotDeleted>) {
    match outcome {
        Ok(Removed::Foreign(owner)) => {
            let foreign = target.foreign(&owner);
            tracing::warn!("not owned by this run: {foreign}");
            if let Some(key) = target.key {
                note(plan.ledger.foreign(key, &foreign.owner).await);
            }
            cleanup.created += usize::from(target.was_made);
            cleanup.foreign.push(foreign);
        }
        Ok(removed) => {
            if let Some(key) = target.key {
                note(plan.ledger.gone(key).await);
            }
            // What was only planned and does not exist was never created.
            if matches!(removed, Removed::Gone | Removed::GoneUnverified(_)) || target.was_made {
                cleanup.created += 1;
                cleanup.deleted += 1;
            }
            if let Removed::GoneUnverified(why) = removed {
                cleanup.unverified.push(why);
            }
        }
        Err(NotDeleted::Unverified(reason)) => {
            cleanup.created += 1;
            let (kind, name) = (target.title(), &target.name);
            cleanup.unverified.push(format!("could not verify that {kind} {name} is gone: {reason}"));
        }
        Err(NotDeleted::There(reason)) => {
            tracing::warn!(kind = target.title(), name = target.name, reason, "left behind");
            cleanup.created += 1;
            cleanup.leftovers.push(target.leftover(reason));
        }
    }
}

/// A record that cannot be written takes effect in memory, and is reported at the end ([`Ledger::problem`]).
fn note(written: Result<(), ledger::Error>) {
    if let Err(error) = written {
        tracing::debug!(%error, "continuing the teardown without the ledger");
    }
}

#[cfg(test)]
mod tests;
