//! Queries every service that the run used for leftovers.

use std::collections::BTreeSet;
use std::time::Duration;

use amiproof_model::report::{Cleanup, Leftover};
use tokio::time::Instant;

use super::kind::removal::Cx;
use super::outcome::{NotDeleted, Removed, unanswered};
use super::plan::Plan;
use super::progress::ProgressSink;
use super::remains::{self, Query, Service};
use super::survey::Survey;
use super::target::{Kind, Target};
use super::{kind, order, wrong_target};
use crate::cluster::{Access, explain, is_denied, objects};
use crate::ledger::{ObjectRef, ResourceKind};

/// The interval between queries while deletions are in progress.
const POLL: Duration = Duration::from_secs(10);

/// Queries for resources with the run's tag or label, deletes those that the ledger does not have, and lists the leftovers. An empty
/// answer counts from `sure` on.
pub(super) async fn nothing_is_left(plan: &Plan<'_>, survey: &Survey, cleanup: &mut Cleanup) {
    let (torn, sure) = (plan.ledger.torn(), survey.sure);
    let is_going = |cluster: &str| survey.deleting.contains(cluster) || survey.vanished.contains(cluster);
    if let Some(access) = plan.access.filter(|access| !is_going(access.name()))
        && survey.cluster != wrong_target::Cluster::Replaced
        && (!torn.is_empty() || plan.ledger.entries().iter().any(|entry| entry.resource.kind.is_kubernetes()))
    {
        of_cluster(plan, access, cleanup).await;
    }
    let services = remains::used(plan.ledger);
    if let Some(clients) = plan.clients
        && !services.is_empty()
    {
        let query = Query::of_run(plan.ledger);
        let until = Instant::now() + plan.deadlines.proof;
        let has_doubt = cleanup.created != plan.ledger.entries().len() || !torn.is_empty();
        let sure = if has_doubt { sure } else { Instant::now() };
        let cx = Cx { clients, deadlines: &plan.deadlines };
        settle(cx, plan.progress, &query, services, (sure, until), cleanup).await;
    } else if !torn.is_empty() && plan.clients.is_none() {
        let reasons = torn.join("; ");
        cleanup.unverified.push(format!("the ledger is incomplete, and there is no account to ask: {reasons}"));
    }
}

/// Queries the services until nothing is left, none can be queried, or the deadline has passed.
pub(super) async fn settle(
    cx: Cx<'_>,
    progress: &ProgressSink,
    query: &Query,
    mut services: BTreeSet<Service>,
    (sure, until): (Instant, Instant),
    cleanup: &mut Cleanup,
) {
    let clients = cx.clients;
    progress.line("querying the account for leftovers");
    let _asking = progress.begin("querying the account for leftovers".to_owned());
    loop {
        let (found, problems) = remains::find(clients, query, &services).await;
        let mut open = Vec::new();
        for (service, error) in problems {
            if error.is_permanent() {
                // The answer will not change, so there is one query.
                services.remove(&service);
                cleanup.unverified.push(format!(
                    "could not verify that no {} are left: {}",
                    service.plural(),
                    unanswered(&error)
                ));
            } else {
                open.push(format!("could not verify that no {} are left: {error}", service.plural()));
            }
        }
        let is_known = |target: &Target| {
            cleanup.leftovers.iter().any(|leftover| target.is(leftover))
                || cleanup
                    .foreign
                    .iter()
                    .any(|foreign| foreign.kind == target.kind.as_str() && foreign.id == target.name)
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
            tracing::info!(kind = target.kind.as_str(), name = target.name, "still there");
            let _doing = progress.deletion_of(&target);
            // What cannot be deleted now is found again, until the deadline.
            match kind::remove(cx, &target, &query.claim()).await {
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
    const KINDS: [(&str, &str); 4] = [
        ("v1", "Namespace"),
        ("storage.k8s.io/v1", "StorageClass"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ];
    let run = &plan.ledger.header().run;
    let _asking = plan.progress.begin("querying the cluster for objects with the run's label".to_owned());
    let known = |kind: &ResourceKind, name: &str, leftovers: &[Leftover]| {
        leftovers.iter().any(|leftover| leftover.kind == Kind::Ledgered(kind.clone()).as_str() && leftover.id == name)
    };
    for (api_version, word) in KINDS {
        let kind = match word {
            "Namespace" => ResourceKind::Namespace,
            "StorageClass" => ResourceKind::StorageClass,
            _ => ResourceKind::KubernetesObject(ObjectRef {
                api_version: api_version.to_owned(),
                kind: word.to_owned(),
                namespace: None,
            }),
        };
        let names = match objects::of_run(access, api_version, word, run.as_str()).await {
            Ok(names) => names,
            Err(error) if is_denied(&error) => {
                let what = format!("could not verify that no {word} of the run is left: the caller may not list them");
                cleanup.unverified.push(what);
                continue;
            }
            // A cluster that does not answer is deleted, or is itself a leftover.
            Err(error) => {
                tracing::debug!(
                    kind = word,
                    error = explain(&error),
                    "cannot determine which objects carry the run's label"
                );
                continue;
            }
        };
        for name in names {
            if known(&kind, &name, &cleanup.leftovers) {
                continue;
            }
            let target = Target::in_kubernetes(kind.clone(), &name, access.name());
            plan.progress.deleting(std::slice::from_ref(&target));
            let _doing = plan.progress.deletion_of(&target);
            let removed = kind::kubernetes::remove(access, run, &kind, &target, plan.deadlines.kubernetes).await;
            if let Err(NotDeleted::There(reason) | NotDeleted::Unverified(reason)) = removed {
                cleanup.leftovers.push(target.leftover(reason));
            }
        }
    }
}
