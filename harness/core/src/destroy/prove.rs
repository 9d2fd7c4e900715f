//! Queries every service that the run used for leftovers.

use std::time::Duration;

use amiproof_model::report::Cleanup;
use tokio::time::Instant;

use super::plan::Plan;
use super::progress::ProgressSink;
use super::search::{self, Kinds};
use super::survey::Survey;
use super::{order, wrong_target};
use crate::cluster::{Access, explain, is_denied, objects};
use crate::resource::lookup::Lookup;
use crate::resource::outcome::{NotDeleted, Removed, unanswered};
use crate::resource::owned::Claim;
use crate::resource::query::Query;
use crate::resource::reach::Cx;
use crate::resource::{self, Kind, Target, is_kubernetes};

/// The interval between queries while deletions are in progress.
const POLL: Duration = Duration::from_secs(10);

/// Queries for resources with the run's tag or label, deletes those that the ledger does not have, and lists the leftovers. An empty
/// answer counts from `sure` on.
pub(super) async fn nothing_is_left(plan: &Plan<'_>, survey: &Survey, cleanup: &mut Cleanup) {
    let (torn, sure) = (plan.ledger.torn(), survey.sure);
    let is_going = |cluster: &str| survey.deleting.contains(cluster) || survey.vanished.contains(cluster);
    if let Some(access) = plan.access.filter(|access| !is_going(access.name()))
        && survey.cluster != wrong_target::Cluster::Replaced
        && (!torn.is_empty() || plan.ledger.entries().iter().any(|entry| is_kubernetes(&entry.resource.kind)))
    {
        of_cluster(plan, access, cleanup).await;
    }
    let kinds = search::used(plan.ledger);
    if let Some(clients) = plan.clients
        && !kinds.is_empty()
    {
        let query = search::of_run(plan.ledger);
        let until = Instant::now() + plan.deadlines.proof;
        let has_doubt = cleanup.created != plan.ledger.entries().len() || !torn.is_empty();
        let sure = if has_doubt { sure } else { Instant::now() };
        let cx = Cx { clients, deadlines: &plan.deadlines };
        settle(cx, plan.progress, &query, kinds, (sure, until), cleanup).await;
    } else if !torn.is_empty() && plan.clients.is_none() {
        let reasons = torn.join("; ");
        cleanup.unverified.push(format!("the ledger is incomplete, and there is no account to ask: {reasons}"));
    }
}

/// Asks for the kinds until nothing is left, none can be asked for, or the deadline has passed.
pub(super) async fn settle(
    cx: Cx<'_>,
    progress: &ProgressSink,
    query: &Query,
    mut kinds: Kinds,
    (sure, until): (Instant, Instant),
    cleanup: &mut Cleanup,
) {
    let clients = cx.clients;
    progress.line("querying the account for leftovers");
    let _asking = progress.begin("querying the account for leftovers".to_owned());
    loop {
        let (found, problems) = search::find(&Lookup::new(clients, query), &kinds).await;
        let mut open = Vec::new();
        for (kind, error) in problems {
            if error.is_permanent() {
                // The answer will not change, so there is one query.
                kinds.retain(|other| *other != kind);
                cleanup.unverified.push(format!(
                    "could not verify that no {} are left: {}",
                    kind.plural(),
                    unanswered(&error)
                ));
            } else {
                open.push(format!("could not verify that no {} are left: {error}", kind.plural()));
            }
        }
        let is_known = |target: &Target| {
            cleanup.leftovers.iter().any(|leftover| target.is(leftover))
                || cleanup.foreign.iter().any(|foreign| foreign.kind == target.title() && foreign.id == target.name)
        };
        let new: Vec<Target> = found.into_iter().filter(|target| !is_known(target)).collect();
        let now = Instant::now();
        if now >= until || new.is_empty() && open.is_empty() && now >= sure {
            let still = "it still exists: its deletion is in progress or stuck";
            cleanup.leftovers.extend(new.into_iter().map(|target| target.leftover(still.to_owned())));
            cleanup.unverified.extend(open);
            return;
        }
        for target in order::tiers(new).into_iter().flatten() {
            tracing::info!(kind = target.title(), name = target.name, "still there");
            let _doing = progress.deletion_of(&target);
            // What cannot be deleted now is found again, until the deadline.
            match target.kind.remove(cx.into(), &target, &query.claim()).await {
                Ok(Removed::Foreign(owner)) => tracing::info!(name = target.name, %owner, "is not removed"),
                Ok(Removed::GoneUnverified(why)) => cleanup.unverified.push(why),
                Ok(_) => {}
                Err(NotDeleted::There(reason) | NotDeleted::Unverified(reason)) => {
                    cleanup.leftovers.push(target.leftover(reason));
                }
            }
        }
        clients.pause(POLL).await;
    }
}

/// Objects outside of namespaces that carry the run's label, whatever the ledger says.
async fn of_cluster(plan: &Plan<'_>, access: &Access, cleanup: &mut Cleanup) {
    let _asking = plan.progress.begin("querying the cluster for objects with the run's label".to_owned());
    for kind in resource::ALL {
        for served in kind.served_as() {
            of_kind(plan, access, cleanup, (*kind, *served)).await;
        }
    }
}

/// As [`of_cluster`], for one served version of a kind.
async fn of_kind(
    plan: &Plan<'_>,
    access: &Access,
    cleanup: &mut Cleanup,
    (kind, (api_version, word)): (&'static dyn Kind, (&'static str, &'static str)),
) {
    let run = &plan.ledger.header().run;
    let claim = Claim::Run { run: run.clone(), id: None };
    let names = match objects::of_run(access, api_version, word, run.as_str()).await {
        Ok(names) => names,
        Err(error) if is_denied(&error) => {
            let what =
                format!("could not verify that no {word} of the run is left: the caller is not allowed to list them");
            cleanup.unverified.push(what);
            return;
        }
        // A cluster that does not answer is deleted, or is itself a leftover.
        Err(error) => {
            let error = explain(&error);
            tracing::debug!(kind = word, error, "cannot determine which objects carry the run's label");
            return;
        }
    };
    for name in names {
        let target = Target::in_kubernetes(kind, (api_version, word), &name, access.name());
        if cleanup.leftovers.iter().any(|leftover| target.is(leftover)) {
            continue;
        }
        plan.progress.deleting(std::slice::from_ref(&target));
        let _doing = plan.progress.deletion_of(&target);
        let removed = kind.remove(plan.reach(), &target, &claim).await;
        if let Err(NotDeleted::There(reason) | NotDeleted::Unverified(reason)) = removed {
            cleanup.leftovers.push(target.leftover(reason));
        }
    }
}
