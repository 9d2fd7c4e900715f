//! Runs checks: attempts, deadlines, panics, and the order in which a variant's nodes are kept busy.

use std::sync::Arc;
use std::time::Duration;

use amiproof_model::judge::Disposition;
use amiproof_model::report::{CheckResult, Phase, PhaseEnd};
use amiproof_model::verdict::{Outcome, Verdict};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::budget::Budget;
use super::event::{EventKind, Events};
use super::pods;
use super::recorder::seconds_between;
use crate::check::{Applies, Body, Check, CheckError, Decision, ScanAnswer, Scope};
use crate::context::Context;
use crate::workload::room::Room;

/// How many questions of one variant are asked at a time; workloads and scans are limited by the pods that they have.
const QUESTIONS_AT_A_TIME: usize = 8;

/// How checks are run.
#[derive(Clone)]
pub struct Conduct {
    /// How often a failure is tried again.
    pub retries: u32,
    /// The places for pods.
    pub budget: Budget,
    /// Where results go.
    pub events: Events,
}

/// Runs the selected checks of one subject, phase by phase beside each other, and reports every result as an event.
///
/// # Cancel safety
/// When `context.cancel` fires, checks stop at their next await; what they made is in the ledger.
pub async fn run_all(context: &Context, checks: &[Check], conduct: &Conduct) {
    let room = pods::room(context, &conduct.budget).await;
    let permits = Arc::new(Semaphore::new(QUESTIONS_AT_A_TIME));
    let mut phases = JoinSet::new();
    for phase in [Phase::Test, Phase::KubeBench, Phase::OsScan] {
        let of_phase: Vec<Check> = checks.iter().filter(|check| check.phase == phase).cloned().collect();
        if of_phase.is_empty() {
            continue;
        }
        let (context, conduct, permits) = (context.clone(), conduct.clone(), Arc::clone(&permits));
        phases.spawn(async move { run_phase(context, phase, of_phase, conduct, room, permits).await });
    }
    while phases.join_next().await.is_some() {}
    let read = context.facts.known().iter();
    let facts: Vec<_> =
        read.filter_map(|of_node| Some((of_node.node.index, of_node.read.as_ref().ok()?.1.facts.clone()))).collect();
    if !facts.is_empty() {
        conduct.events.send(&context.subject, EventKind::Facts(facts));
    }
}

/// Runs checks that disturb the subject's nodes, one after the other, each once.
///
/// # Cancel safety
/// As [`run_all`].
pub async fn run_alone(context: &Context, checks: &[Check], events: &Events) {
    if checks.is_empty() {
        return;
    }
    events.send(&context.subject, EventKind::PhaseStarted(Phase::Test));
    for check in checks {
        if context.cancel.is_cancelled() {
            break;
        }
        events.send(&context.subject, EventKind::CheckStarted { check: check.id.to_string() });
        for result in run_one(context, check, check.retries, events).await {
            events.send(&context.subject, EventKind::Result(Box::new(result)));
        }
    }
    let end = if context.cancel.is_cancelled() { PhaseEnd::Cancelled } else { PhaseEnd::Done };
    events.send(&context.subject, EventKind::PhaseEnded(Phase::Test, end));
}

async fn run_phase(
    context: Context,
    phase: Phase,
    checks: Vec<Check>,
    conduct: Conduct,
    room: Room,
    permits: Arc<Semaphore>,
) {
    let subject = context.subject.clone();
    conduct.events.send(&subject, EventKind::PhaseStarted(phase));
    let mut running = JoinSet::new();
    for check in checks {
        let (mut context, conduct, permits) = (context.clone(), conduct.clone(), Arc::clone(&permits));
        running.spawn(async move {
            let is_question = matches!(check.body, Body::Code(_));
            let _permit = if is_question { permits.acquire_owned().await.ok() } else { None };
            let places = pods::places(&context, &check, room, &conduct.budget);
            let Some(share) = context.cancel.run_until_cancelled(places).await else { return };
            if context.cancel.is_cancelled() {
                return;
            }
            let events = &conduct.events;
            events.send(&context.subject, EventKind::CheckStarted { check: check.id.to_string() });
            let results = match share {
                Ok(share) => {
                    context.pods = share;
                    run_one(&context, &check, check.retries.max(conduct.retries), events).await
                }
                Err(why) => {
                    let answer = Answer::Decided(Verdict::NotEvaluated(why).into());
                    answer.into_results(&context, &check, Timestamp::now(), Vec::new())
                }
            };
            for result in results {
                events.send(&context.subject, EventKind::Result(Box::new(result)));
            }
        });
    }
    while running.join_next().await.is_some() {}
    let end = if context.cancel.is_cancelled() { PhaseEnd::Cancelled } else { PhaseEnd::Done };
    conduct.events.send(&subject, EventKind::PhaseEnded(phase, end));
}

/// All attempts of one check; nothing when the run was interrupted before there was an answer.
async fn run_one(context: &Context, check: &Check, retries: u32, events: &Events) -> Vec<CheckResult> {
    let started = Timestamp::now();
    if let (Scope::Variant, Applies::No(why)) = (check.scope, (check.applies)(&context.variant)) {
        let answer = Answer::Decided(Verdict::NotApplicable(why.to_owned()).into());
        return answer.into_results(context, check, started, Vec::new());
    }
    let mut earlier = Vec::new();
    loop {
        let answer = attempt(context, check).await;
        if matches!(answer, Answer::Cancelled) {
            return Vec::new();
        }
        let again = answer.outcome().filter(|_| earlier.len() < retries as usize);
        let Some(outcome) = again else {
            if let Answer::Scanned(scan) = &answer {
                for record in &scan.scans {
                    events.send(&context.subject, EventKind::Scanned(Box::new(record.clone())));
                }
            }
            return answer.into_results(context, check, started, earlier);
        };
        let reason = outcome.reason().to_owned();
        earlier.push(outcome);
        events.send(&context.subject, EventKind::CheckRetried { check: check.id.to_string(), reason });
    }
}

/// What one attempt came to.
enum Answer {
    Decided(Decision),
    Scanned(ScanAnswer),
    Undecided(CheckError),
    Cancelled,
}

/// One attempt under its deadline. A panic is an error of this check alone.
async fn attempt(context: &Context, check: &Check) -> Answer {
    let deadline = deadline(context, check);
    let cancel = context.cancel.clone();
    let mut task = JoinSet::new();
    task.spawn(perform(context.clone(), check.body.clone()));
    let joined = cancel.run_until_cancelled(tokio::time::timeout(deadline, task.join_next())).await;
    match joined {
        None => Answer::Cancelled,
        Some(Err(_)) => {
            Answer::Undecided(CheckError::Timeout { doing: format!("waiting for {}", check.title), after: deadline })
        }
        Some(Ok(None)) => Answer::Undecided(CheckError::Panicked("its task vanished".to_owned())),
        Some(Ok(Some(Err(failure)))) => Answer::Undecided(CheckError::Panicked(panic_message(failure))),
        Some(Ok(Some(Ok(answer)))) => answer,
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

/// The deadline of one attempt. A workload keeps its own time; on top of it come waiting for the reference's nodes before, and
/// taking its namespace down behind.
fn deadline(context: &Context, check: &Check) -> Duration {
    let timeouts = context.variant.timeouts;
    match (&check.body, check.timeout, check.phase) {
        (Body::Workload(workload), ..) => timeouts.nodes_ready + workload.timeout + Duration::from_secs(300),
        (_, Some(timeout), _) => timeout,
        (_, None, Phase::OsScan) => timeouts.os_scan + Duration::from_secs(60),
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
    /// What to try again: a failure or an error of a single question. Scans are not repeated; they take the longest and answer the
    /// same.
    fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Decided(decision) => match Outcome::from(decision.verdict.clone()) {
                outcome @ Outcome::Fail { .. } => Some(outcome),
                _ => None,
            },
            Self::Undecided(error) => Some(Outcome::Error { message: super::event::chain(error) }),
            Self::Scanned(_) | Self::Cancelled => None,
        }
    }

    fn into_results(
        self,
        context: &Context,
        check: &Check,
        started: Timestamp,
        earlier: Vec<Outcome>,
    ) -> Vec<CheckResult> {
        let now = Timestamp::now();
        let base = blank(context, check, started, seconds_between(started, now), earlier);
        match self {
            Self::Cancelled => Vec::new(),
            Self::Undecided(error) => {
                vec![CheckResult { outcome: Outcome::Error { message: super::event::chain(&error) }, ..base }]
            }
            Self::Decided(decision) => vec![decided(base, decision)],
            Self::Scanned(scan) => scan
                .rows
                .into_iter()
                .map(|row| {
                    let base = CheckResult {
                        check: row.check,
                        title: row.title,
                        control: row.control,
                        level: row.level,
                        severity: row.severity,
                        scanner: Some(row.scanner).filter(|name| !name.is_empty()),
                        ..base.clone()
                    };
                    decided(base, row.decision)
                })
                .collect(),
        }
    }
}

fn decided(base: CheckResult, decision: Decision) -> CheckResult {
    CheckResult {
        outcome: decision.verdict.into(),
        evidence: decision.evidence,
        placements: decision.placements,
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
        check: check.id.clone(),
        title: check.title.clone(),
        subject: context.subject.clone(),
        control: None,
        level: None,
        severity: None,
        scanner: None,
        outcome: Outcome::Pass,
        disposition: Disposition::Passed,
        origin: None,
        disagreement: None,
        started,
        seconds,
        earlier_attempts: earlier,
        placements: Vec::new(),
        traffic: Vec::new(),
        exercises,
        evidence: Vec::new(),
    }
}

/// The results of checks that could not be asked, because the subject never got that far: each is there, none is green.
pub fn not_asked(
    subject: &amiproof_model::report::Subject,
    variant: Option<&amiproof_model::matrix::Variant>,
    checks: &[Check],
    reason: &str,
) -> Vec<CheckResult> {
    let now = Timestamp::now();
    let outcome = |check: &Check| match variant.map(|variant| (check.applies)(variant)) {
        Some(Applies::No(why)) => Outcome::NotApplicable { reason: why.to_owned() },
        Some(Applies::Yes) | None => Outcome::NotEvaluated { reason: reason.to_owned() },
    };
    checks
        .iter()
        .map(|check| CheckResult {
            check: check.id.clone(),
            title: check.title.clone(),
            subject: subject.clone(),
            control: None,
            level: None,
            severity: None,
            scanner: None,
            outcome: outcome(check),
            disposition: Disposition::NotEvaluated,
            origin: None,
            disagreement: None,
            started: now,
            seconds: 0.0,
            earlier_attempts: Vec::new(),
            placements: Vec::new(),
            traffic: Vec::new(),
            exercises: Vec::new(),
            evidence: Vec::new(),
        })
        .collect()
}
