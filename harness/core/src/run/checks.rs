//! Runs checks: attempts, deadlines, panics, and the order in which a variant's nodes are kept busy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amiproof_model::judge::Disposition;
use amiproof_model::report::{CheckResult, Phase, PhaseEnd};
use amiproof_model::verdict::{Outcome, Verdict};
use indexmap::IndexMap;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::budget::Budget;
use super::event::{EventKind, Events};
use super::pods;
use super::recorder::seconds_between;
use super::rows::empty;
use crate::check::{Applies, Body, Check, CheckError, Decision, ScanAnswer, Scope};
use crate::cluster::explain::chain;
use crate::context::Context;
use crate::finish;
use crate::probe::facts;
use crate::workload::capacity::Capacity;

/// How many checks without pods of one variant run at a time; workloads and scans are limited by their pods.
const QUESTIONS_AT_A_TIME: usize = 8;

/// How long a scan may take beyond `timeouts.os_scan`, within which the scanner itself must end: reading the results page by page, saving
/// the scanner's own reports (seven minutes), and cleaning up.
const AFTER_SCAN: Duration = Duration::from_secs(20 * 60);

/// Settings for running checks.
#[derive(Clone)]
pub struct RunnerConfig {
    /// How often a failed check is retried.
    pub retries: u32,
    /// Limits the pods of the run.
    pub budget: Budget,
    /// Receives the results.
    pub events: Events,
    /// Cancelled when nothing may be awaited any more, not even work that must complete.
    pub abort: CancellationToken,
}

/// Runs the selected checks of one subject, with all phases concurrently, and reports every result as an event.
///
/// # Cancel safety
/// When `context.cancel` fires, checks stop at their next await; what they created is in the ledger.
pub async fn run_all(context: &Context, checks: &[Check], config: &RunnerConfig) {
    let capacity = pods::capacity(context, &config.budget).await;
    let permits = Arc::new(Semaphore::new(QUESTIONS_AT_A_TIME));
    let mut phases = JoinSet::new();
    for phase in [Phase::Test, Phase::KubeBench, Phase::OsScan] {
        let of_phase: Vec<Check> = checks.iter().filter(|check| check.phase == phase).cloned().collect();
        if of_phase.is_empty() {
            continue;
        }
        let (context, config, permits) = (context.clone(), config.clone(), Arc::clone(&permits));
        phases.spawn(async move { run_phase(context, phase, of_phase, config, capacity, permits).await });
    }
    let mut again = None;
    while let Some(joined) = phases.join_next().await {
        again = again.or(joined.unwrap_or_default());
    }
    let facts = again.unwrap_or_else(|| known_facts(context));
    if !facts.is_empty() {
        config.events.send(&context.subject, EventKind::Facts(facts));
    }
}

/// The facts of nodes, by index.
type OfNodes = Vec<(u32, IndexMap<String, String>)>;

fn known_facts(context: &Context) -> OfNodes {
    let read = context.facts.known().iter();
    read.filter_map(|of_node| Some((of_node.node.index, of_node.read.as_ref().ok()?.1.facts.clone()))).collect()
}

/// The facts, read again after a failure: the value that explains it may have differed while the check ran. `None` if
/// nothing was read before. Not only for a variant with a reference: releases and nights are explained by each other.
async fn facts_again(context: &Context) -> Option<OfNodes> {
    let mut facts = known_facts(context);
    if facts.is_empty() || context.cancel.is_cancelled() {
        return None;
    }
    facts::read_again(context, &mut facts).await;
    Some(facts)
}

/// Runs checks that disturb the subject's nodes, one after the other, each once.
///
/// # Cancel safety
/// As [`run_all`].
pub async fn run_alone(context: &Context, checks: &[Check], config: &RunnerConfig) {
    let events = &config.events;
    if checks.is_empty() {
        return;
    }
    events.send(&context.subject, EventKind::PhaseStarted(Phase::Test));
    for check in checks {
        if context.cancel.is_cancelled() {
            break;
        }
        let doing = || format!("{}, which disturbs the nodes", check.id);
        let answer = run_one(context, check, check.retries, config);
        events.send(&context.subject, EventKind::CheckStarted { check: check.id.to_string() });
        let results = events.beating(&context.subject, Phase::Test, doing, answer).await;
        answered(context, check, results, events);
    }
    let end = if context.cancel.is_cancelled() { PhaseEnd::Cancelled } else { PhaseEnd::Done };
    events.send(&context.subject, EventKind::PhaseEnded(Phase::Test, end));
}

/// Reports the results of a check; `None` if the run was interrupted before there were any.
fn answered(context: &Context, check: &Check, results: Option<Vec<CheckResult>>, events: &Events) {
    let Some(results) = results else { return };
    let rows = results.iter().map(|result| (result.check.clone(), result.scanner.clone())).collect();
    for result in results {
        events.send(&context.subject, EventKind::Result(Box::new(result)));
    }
    events.send(&context.subject, EventKind::CheckEnded { check: check.id.to_string(), rows });
}

/// The running checks of a phase, for progress lines.
#[derive(Clone, Default)]
struct RunningChecks(Arc<Mutex<BTreeSet<String>>>);

impl RunningChecks {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `os-cis/inspector and 3 more checks`.
    fn summary(&self) -> String {
        let all = self.lock();
        match (all.first(), all.len()) {
            (None, _) => "capacity for checks".to_owned(),
            (Some(one), 1) => one.clone(),
            (Some(one), 2) => format!("{one} and 1 more check"),
            (Some(one), count) => format!("{one} and {} more checks", count - 1),
        }
    }
}

/// Runs the checks of a phase. Returns the facts of the nodes if one that tries something there failed, and they were read again.
async fn run_phase(
    context: Context,
    phase: Phase,
    checks: Vec<Check>,
    config: RunnerConfig,
    capacity: Capacity,
    permits: Arc<Semaphore>,
) -> Option<OfNodes> {
    let subject = context.subject.clone();
    config.events.send(&subject, EventKind::PhaseStarted(phase));
    let mut running = JoinSet::new();
    let under_way = RunningChecks::default();
    let mut names = BTreeMap::new();
    for check in checks {
        let (mut context, config, permits) = (context.clone(), config.clone(), Arc::clone(&permits));
        let (under_way, id) = (under_way.clone(), check.id.clone());
        let task = running.spawn(async move {
            let is_question = matches!(check.body, Body::Code(_));
            let _permit = if is_question { permits.acquire_owned().await.ok() } else { None };
            let reserved = pods::reserve(&context, &check, capacity, &config.budget);
            let Some(share) = context.cancel.run_until_cancelled(reserved).await else { return false };
            if context.cancel.is_cancelled() {
                return false;
            }
            let events = &config.events;
            events.send(&context.subject, EventKind::CheckStarted { check: check.id.to_string() });
            under_way.lock().insert(check.id.to_string());
            let results = match share {
                Ok(share) => {
                    context.pods = share;
                    run_one(&context, &check, check.retries.max(config.retries), &config).await
                }
                Err(why) => {
                    let answer = Answer::Decided(Verdict::NotEvaluated(why).into());
                    let now = events.now();
                    Some(answer.into_results(&context, &check, (now, now), Vec::new()))
                }
            };
            under_way.lock().remove(check.id.as_str());
            let has_failed = is_attempt(&check) && results.iter().flatten().any(is_failure);
            answered(&context, &check, results, events);
            has_failed
        });
        names.insert(task.id(), id);
    }
    let mut has_failed = false;
    let all = async {
        while let Some(joined) = running.join_next_with_id().await {
            let failure = match joined {
                Ok((_, one)) => {
                    has_failed |= one;
                    continue;
                }
                Err(failure) => failure,
            };
            let Some(id) = names.get(&failure.id()) else { continue };
            // Panics of the check itself are caught elsewhere; this is the code around it. The recorder adds the missing rows.
            tracing::error!(check = %id, %failure, "the work around a check panicked, which is a bug in amiproof");
        }
    };
    config.events.beating(&subject, phase, || under_way.summary(), all).await;
    let doing = || "settings of the nodes that something may change over time".to_owned();
    let facts = match has_failed {
        true => config.events.beating(&subject, phase, doing, facts_again(&context)).await,
        false => None,
    };
    let end = if context.cancel.is_cancelled() { PhaseEnd::Cancelled } else { PhaseEnd::Done };
    config.events.send(&subject, EventKind::PhaseEnded(phase, end));
    facts
}

/// Whether a check tries on the nodes what a setting may take away.
fn is_attempt(check: &Check) -> bool {
    matches!(check.id.suite(), "workload" | "addon" | "kubelet-path")
}

fn is_failure(result: &CheckResult) -> bool {
    matches!(result.outcome, Outcome::Fail { .. })
}

/// One run of a check outside of the order of a run; `None` when the run was interrupted. Reports nothing.
pub(crate) async fn once(context: &Context, check: &Check, config: &RunnerConfig) -> Option<Outcome> {
    let capacity = pods::capacity(context, &config.budget).await;
    let mut own = context.clone();
    let reserved = pods::reserve(context, check, capacity, &config.budget);
    match context.cancel.run_until_cancelled(reserved).await? {
        Ok(share) => own.pods = share,
        Err(reason) => return Some(Outcome::NotEvaluated { reason }),
    }
    match attempt(&own, check, &config.abort).await {
        Answer::Cancelled => None,
        Answer::Decided(decision) => Some(decision.verdict.into()),
        Answer::Undecided(error) => Some(Outcome::Error { message: chain(&error) }),
        Answer::Scanned(_) => Some(Outcome::NotEvaluated {
            reason: "a scan has many answers and cannot be run as a single check".to_owned(),
        }),
    }
}

/// All attempts of one check; `None` when the run was interrupted before there was an answer.
async fn run_one(context: &Context, check: &Check, retries: u32, config: &RunnerConfig) -> Option<Vec<CheckResult>> {
    let events = &config.events;
    let started = events.now();
    if let (Scope::Variant, Applies::No(why)) = (check.scope, (check.applies)(&context.variant)) {
        let answer = Answer::Decided(Verdict::NotApplicable(why.to_owned()).into());
        return Some(answer.into_results(context, check, (started, events.now()), Vec::new()));
    }
    let mut earlier = Vec::new();
    // An API that did not answer says nothing about the image, so the check is run once more, and that does not count as an attempt.
    let mut is_spare = !matches!(check.body, Body::Scan(_)) && !check.disturbs;
    loop {
        let answer = attempt(context, check, &config.abort).await;
        if matches!(answer, Answer::Cancelled) {
            return None;
        }
        if let Answer::Undecided(error @ CheckError::Api { .. }) = &answer
            && std::mem::take(&mut is_spare)
        {
            let reason = chain(error);
            events.send(&context.subject, EventKind::CheckRetried { check: check.id.to_string(), reason });
            continue;
        }
        let again = answer.outcome().filter(|_| earlier.len() < retries as usize);
        let Some(outcome) = again else {
            if let Answer::Scanned(scan) = &answer {
                for record in &scan.scans {
                    events.send(&context.subject, EventKind::Scanned(Box::new(record.clone())));
                }
            }
            return Some(answer.into_results(context, check, (started, events.now()), earlier));
        };
        let reason = outcome.reason().to_owned();
        earlier.push(outcome);
        events.send(&context.subject, EventKind::CheckRetried { check: check.id.to_string(), reason });
    }
}

/// The outcome of one attempt.
enum Answer {
    Decided(Decision),
    Scanned(ScanAnswer),
    Undecided(CheckError),
    Cancelled,
}

/// One attempt under its deadline. A panic is an error of this check alone. When the run is interrupted or the deadline passes, parts of the
/// check that must complete still do, and their result is used.
async fn attempt(context: &Context, check: &Check, abort: &CancellationToken) -> Answer {
    let deadline = deadline(context, check);
    let stop = context.cancel.child_token();
    let own = Context { cancel: stop.clone(), ..context.clone() };
    let (until, abort, body) = (stop.clone(), abort.clone(), check.body.clone());
    let mut task = JoinSet::new();
    task.spawn(async move { finish::until_stopped(&until, &abort, perform(own, body)).await });
    let (joined, is_late) = match tokio::time::timeout(deadline, task.join_next()).await {
        Ok(joined) => (joined, false),
        Err(_) => {
            stop.cancel();
            (task.join_next().await, true)
        }
    };
    match joined {
        Some(Ok(Some(answer @ (Answer::Decided(_) | Answer::Scanned(_))))) => answer,
        _ if is_late => {
            Answer::Undecided(CheckError::Timeout { doing: format!("waiting for {}", check.title), after: deadline })
        }
        None => Answer::Undecided(CheckError::Panicked("its task vanished".to_owned())),
        Some(Err(failure)) => Answer::Undecided(CheckError::Panicked(panic_message(failure))),
        Some(Ok(None)) => Answer::Cancelled,
        Some(Ok(Some(answer))) => answer,
    }
}

async fn perform(context: Context, body: Body) -> Answer {
    let decided = |answer: Result<Decision, CheckError>| match answer {
        Ok(decision) => Answer::Decided(decision),
        Err(CheckError::Cancelled) => Answer::Cancelled,
        Err(error) => Answer::Undecided(error),
    };
    match body {
        Body::Code(run) => decided(run(&context).await),
        Body::Workload(workload) => decided(crate::workload::run(&workload, &context).await),
        Body::Scan(run) => match run(&context).await {
            Ok(scan) => Answer::Scanned(scan),
            Err(CheckError::Cancelled) => Answer::Cancelled,
            Err(error) => Answer::Undecided(error),
        },
    }
}

/// The deadline of one attempt. A workload has its own; waiting for the nodes of the reference before it, and deleting the namespace
/// after it, come on top.
fn deadline(context: &Context, check: &Check) -> Duration {
    let timeouts = context.variant.timeouts;
    match (&check.body, check.timeout, check.phase) {
        (Body::Workload(workload), ..) => timeouts.nodes_ready + workload.timeout + Duration::from_secs(300),
        (_, Some(timeout), _) => timeout,
        (_, None, Phase::OsScan) => amiproof_time::limit(timeouts.os_scan) + AFTER_SCAN,
        (_, None, _) => timeouts.check,
    }
}

fn panic_message(failure: tokio::task::JoinError) -> String {
    match failure.try_into_panic() {
        Ok(payload) => payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "no message".to_owned()),
        Err(failure) => failure.to_string(),
    }
}

impl Answer {
    /// Whether to retry: a failure or an error of a single check. Scans are not repeated; they take the longest and give the same results.
    fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Decided(decision) => match Outcome::from(decision.verdict.clone()) {
                outcome @ Outcome::Fail { .. } => Some(outcome),
                _ => None,
            },
            Self::Undecided(error) => Some(Outcome::Error { message: chain(error) }),
            Self::Scanned(_) | Self::Cancelled => None,
        }
    }

    fn into_results(
        self,
        context: &Context,
        check: &Check,
        (started, ended): (Timestamp, Timestamp),
        earlier: Vec<Outcome>,
    ) -> Vec<CheckResult> {
        let base = blank(context, check, started, seconds_between(started, ended), earlier);
        match self {
            Self::Cancelled => Vec::new(),
            Self::Undecided(error) => {
                vec![CheckResult { outcome: Outcome::Error { message: chain(&error) }, ..base }]
            }
            Self::Decided(decision) => vec![decided(base, decision)],
            Self::Scanned(scan) => scan
                .rows
                .into_iter()
                .map(|row| CheckResult {
                    disposition: base.disposition.clone(),
                    seconds: base.seconds,
                    earlier_attempts: base.earlier_attempts.clone(),
                    ..row.into_result(base.subject.clone(), base.started)
                })
                .collect(),
        }
    }
}

fn decided(base: CheckResult, decision: Decision) -> CheckResult {
    CheckResult {
        outcome: decision.verdict.into(),
        evidence: decision.evidence,
        placements: decision.placements.into(),
        traffic: decision.traffic,
        ..base
    }
}

fn blank(context: &Context, check: &Check, started: Timestamp, seconds: f64, earlier: Vec<Outcome>) -> CheckResult {
    let exercises = match &check.body {
        Body::Workload(workload) => workload.exercises.clone(),
        Body::Code(_) | Body::Scan(_) => Vec::new(),
    };
    CheckResult {
        outcome: Outcome::Pass,
        disposition: Disposition::Passed,
        seconds,
        earlier_attempts: earlier,
        exercises,
        ..empty(&check.id, &check.title, &context.subject, started)
    }
}
