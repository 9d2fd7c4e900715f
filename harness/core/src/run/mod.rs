//! A run: one pipeline per variant, one dispatcher, explicit cleanup.
//!
//! [`run`] starts the work and then only receives events: it folds them into the report ([`recorder`]) and shows them to a
//! listener. The work is [`shared`] (network, cluster, add-ons; through AWS that is `eks`) and a [`pipeline`] per variant, each waiting
//! for nothing but its own predecessors. [`checks`] runs the checks of one subject, [`critical`] computes the
//! critical path. What the results come to is judged by [`amiproof_model::settle`].
//!
//! # Cancel safety
//! Work stops at `stop.cancel`; teardown continues until `stop.abort`. What is still there then is in the ledger, and
//! `amiproof destroy` deletes it.

mod admittance;
pub mod budget;
pub mod checks;
pub mod clock;
pub mod critical;
pub(crate) mod deadlines;
mod eks;
pub mod event;
mod experiment;
mod failure;
pub mod journal;
pub mod nodes;
pub mod pipeline;
mod plan;
mod pods;
pub mod preflight;
mod proofs;
mod quiescence;
pub mod recorder;
mod rows;
mod session;
pub mod shared;
mod subject;
mod unjoined;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use amiproof_model::explain;
use amiproof_model::report::{CheckResult, Cleanup, Phase, PhaseEnd, Report, Subject};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::budget::Budget;
use self::clock::Clock;
use self::event::{Event, EventKind, Events};
use self::journal::Journal;
pub use self::journal::{Answers, Keep};
pub use self::plan::{Experiment, Plan, Steps, Stop, Tools};
use self::recorder::Recorder;
use self::session::Session;
use crate::aws::Clients;
use crate::cluster::Access;
use crate::cluster::explain::chain;
use crate::destroy::{self, What};
use crate::ledger::{Entry, Ledger, State};

/// Runs a plan and returns the finished report. The listener sees every event, in order.
pub async fn run(plan: Plan, tools: Tools, stop: Stop, mut listener: impl FnMut(&Event)) -> Report {
    let clock = Clock::start();
    let (events, mut incoming) = Events::channel(clock);
    let order = plan.checks.iter().map(|check| check.id.to_string());
    let mut recorder = Recorder::new(plan.run.clone(), &plan.matrix, plan.lab, order, clock.started());
    if let Some(shards) = plan.shards.clone() {
        recorder.divide(shards);
    }
    if let Some(earlier) = plan.earlier.clone() {
        recorder.resume(earlier);
    }
    recorder.define(&plan.checks);
    match &plan.experiment {
        Some(Experiment::Bisect(wanted)) => recorder.forget_proofs(&wanted.variant, &wanted.checks),
        Some(Experiment::Impact(wanted)) => recorder.forget_impact(&wanted.variant, &wanted.controls.benchmark),
        None => {}
    }
    plan.answers.events.iter().for_each(|event| recorder.record(event));
    let mut journal = (!plan.steps.network_only).then(|| Journal::open(&plan.folder));
    let waivers = plan.waivers.clone();
    let (settings, controls) = (plan.settings, plan.controls);
    let budget = Budget::new(plan.max_pods);
    let failures = Mutex::default();
    let session = Arc::new(Session { plan, tools, stop: stop.clone(), events, budget, failures });
    if !session.plan.steps.network_only {
        recorder.expect(expected(&session));
    }
    let work = tokio::spawn(work(session));
    follow(&mut incoming, &stop, work, clock, |event| {
        recorder.record(event);
        if let Some(journal) = &mut journal {
            journal.note(event);
        }
        listener(event);
    })
    .await;
    let mut report = recorder.finish(&waivers, clock.now());
    explain::explain(&mut report, settings, controls);
    report
}

/// Passes on every event until all work has ended. The interruption comes before the events that it causes, and is never lost: work may
/// end before this is scheduled again, and then all its events are ready at once.
async fn follow(
    incoming: &mut mpsc::UnboundedReceiver<Event>,
    stop: &Stop,
    work: JoinHandle<()>,
    clock: Clock,
    mut each: impl FnMut(&Event),
) {
    let of_cluster = |kind| Event { at: clock.now(), subject: Subject::Cluster, kind };
    let cancel = &stop.cancel;
    let mut is_stopped = false;
    let mut deadline = std::pin::pin!(exceeded(stop.deadline));
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled(), if !is_stopped => {
                is_stopped = true;
                each(&of_cluster(EventKind::Interrupted));
            }
            limit = &mut deadline, if !is_stopped => {
                is_stopped = true;
                each(&of_cluster(EventKind::DeadlineExceeded(limit)));
                cancel.cancel();
            }
            event = incoming.recv() => match event {
                Some(event) => each(&event),
                // The channel closes with the last sender: work has ended, or is about to.
                None => break,
            },
        }
    }
    if let Err(failure) = work.await {
        let message = format!(
            "the run itself failed, which is a bug in amiproof: {failure}; delete what it created with 'amiproof destroy'"
        );
        let end = PhaseEnd::Error { message, evidence: Vec::new() };
        each(&of_cluster(EventKind::PhaseEnded(Phase::Cluster, end)));
    }
    if cancel.is_cancelled() && !is_stopped {
        each(&of_cluster(EventKind::Interrupted));
    }
}

/// Ends when the deadline is exceeded; never without one.
async fn exceeded(deadline: Option<Duration>) -> Duration {
    match deadline {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}

/// The rows that this run must have: every selected check of its steps, for every variant and for the cluster.
fn expected(session: &Session) -> Vec<CheckResult> {
    const OPEN: &str = "not answered yet";
    let now = session.events.now();
    let variants = session.plan.matrix.variants.iter().flat_map(|variant| {
        let subject = event::of_variant(&variant.name);
        rows::not_asked(&subject, Some(variant), &session.checks(&subject), OPEN, now)
    });
    let of_cluster = rows::not_asked(&Subject::Cluster, None, &session.checks(&Subject::Cluster), OPEN, now);
    variants.chain(of_cluster).collect()
}

/// The work of a run: what all variants share and every variant's pipeline, concurrently; then the last teardown.
async fn work(session: Arc<Session>) {
    if session.is_answered() {
        // Only what it left is to be deleted: a cluster that is gone already is not created again for that.
        let access = match (&session.tools.access, &session.tools.clients) {
            (None, Some(clients)) => reach(clients, &session.plan.matrix.cluster.name).await,
            (access, _) => access.clone(),
        };
        return end(&session, access).await;
    }
    let pipelines = pipeline::Pipelines::new(&session.plan.matrix);
    let (shared, arrival) = shared::start(&session);
    if session.plan.steps.network_only {
        drop(arrival);
    } else {
        pipelines.run(&session, &shared, arrival).await;
    }
    shared.finished(&session).await;
    // Stopped checks delete their namespaces themselves, each within its deadline.
    let returned = session.stop.abort.run_until_cancelled(session.budget.returned());
    let what = || "the pods of finished checks to be deleted".to_owned();
    let _stopped = session.events.beating(&Subject::Cluster, Phase::Test, what, returned).await;
    end(&session, shared.access().or_else(|| session.tools.access.clone())).await;
}

/// The last step: the teardown, if it is one of this run.
async fn end(session: &Session, access: Option<Access>) {
    let cleanup = if session.plan.steps.teardown {
        teardown(session, access).await
    } else {
        let entries = session.tools.ledger.entries();
        let deleted = entries.iter().filter(|entry| entry.state == State::Gone).count();
        Cleanup { created: entries.len(), deleted, ..Cleanup::default() }
    };
    session.events.send(&Subject::Cluster, EventKind::CleanedUp(cleanup));
}

/// Deletes everything that the run created, and queries the account for leftovers.
async fn teardown(session: &Session, access: Option<Access>) -> Cleanup {
    let subject = Subject::Cluster;
    session.events.send(&subject, EventKind::PhaseStarted(Phase::Teardown));
    // The phase itself says what it waits for.
    let progress = destroy::ProgressSink::silent();
    let plan = destroy::Plan {
        ledger: &session.tools.ledger,
        clients: session.tools.clients.as_ref(),
        access: access.as_ref(),
        what: What::Everything,
        deadlines: destroy::Deadlines::default(),
        progress: &progress,
    };
    let what = || {
        let open = unfinished(&session.tools.ledger).leftovers;
        let first = open.first().map_or(String::new(), |left| format!(", {} {} among them", left.kind, left.id));
        format!("{} of the run's resources to be deleted{first}", open.len())
    };
    let destroyed = session.stop.abort.run_until_cancelled(destroy::destroy(&plan));
    let (cleanup, end) = match session.events.beating(&subject, Phase::Teardown, what, destroyed).await {
        Some(Ok(cleanup)) => (cleanup, PhaseEnd::Done),
        Some(Err(error)) => {
            let message = format!("{}; the account may still contain resources of the run", chain(&error));
            (unfinished(&session.tools.ledger), PhaseEnd::Error { message, evidence: Vec::new() })
        }
        None => (unfinished(&session.tools.ledger), PhaseEnd::Cancelled),
    };
    session.events.send(&subject, EventKind::PhaseEnded(Phase::Teardown, end));
    cleanup
}

/// The result of a teardown that was stopped, from the ledger alone: everything not known to be deleted is left.
pub fn unfinished(ledger: &Ledger) -> Cleanup {
    let entries = ledger.entries();
    let is_gone = |entry: &&Entry| entry.state == State::Gone;
    let leftovers = entries.iter().filter(|entry| !is_gone(entry)).map(|entry| {
        let target = destroy::Target::of_entry(entry, ledger.header());
        target.leftover("teardown was stopped before this was verified as deleted".to_owned())
    });
    Cleanup {
        ran: true,
        created: entries.len(),
        deleted: entries.iter().filter(is_gone).count(),
        leftovers: leftovers.collect(),
        ..Cleanup::default()
    }
}

/// A connection to an existing cluster ([DescribeCluster](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html)), for
/// deleting what a run left in it; `None` if it is gone or does not answer.
pub async fn reach(clients: &Clients, cluster: &str) -> Option<Access> {
    let endpoint = crate::aws::cluster::describe(clients, cluster).await.ok()??;
    eks::access(clients, &endpoint).ok()
}

#[cfg(test)]
mod tests;
