//! Live progress: bars on a terminal, plain lines in CI. Only listens to events.

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_core::run::event::{Event, EventKind};
use amiproof_model::duration::short;
use amiproof_model::report::{Phase, PhaseEnd, Subject};
use amiproof_model::verdict::Outcome;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::args::Global;
use crate::output::{Output, log};

/// A line is printed after this time without output: some CI systems (Travis CI and CircleCI after ten minutes) end silent jobs.
const QUIET: Duration = Duration::from_secs(60);

/// A check that takes longer than this gets a line, even if it passes. nextest takes 60 s for slow; pods must pull their images first.
const SLOW: Duration = Duration::from_secs(120);

/// A phase that is over sooner gets no line for its end.
const BRIEF: Duration = Duration::from_secs(5);

/// How many subjects a line about what is in progress names.
const NAMED: usize = 3;

/// How much is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Only errors.
    Errors,
    /// Phases, failures and slow checks. On a terminal bars show the phases.
    Failures,
    /// Each check.
    Checks,
}

impl Detail {
    /// What `--quiet` and `--verbose` ask for.
    pub(crate) fn of(global: &Global) -> Self {
        match (global.quiet, global.verbose) {
            (true, _) => Self::Errors,
            (false, 0) => Self::Failures,
            (false, _) => Self::Checks,
        }
    }
}

/// Shows events as they come.
pub(crate) struct Progress {
    output: Output,
    detail: Detail,
    /// By the monotonic clock of the run; in a lab it is simulated.
    started: tokio::time::Instant,
    /// By the monotonic clock of the machine.
    last_line: std::time::Instant,
    subjects: BTreeMap<String, Doing>,
    bars: Option<Bars>,
}

/// What one subject does.
#[derive(Debug, Default)]
struct Doing {
    /// The phases that run, and since when.
    phases: Vec<(Phase, Timestamp)>,
    /// What it is waiting for.
    waiting: Option<String>,
    /// The checks that run, and since when.
    checks: BTreeMap<String, Timestamp>,
    /// Results by phase.
    counts: BTreeMap<&'static str, Counts>,
}

/// How many results a phase had.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    undecided: usize,
}

/// One line per subject on a terminal.
struct Bars {
    all: MultiProgress,
    lines: BTreeMap<String, Line>,
}

/// The line of one subject.
struct Line {
    bar: ProgressBar,
    phases: Vec<Phase>,
    /// What happens in them.
    text: String,
    passed: usize,
    failed: usize,
    other: usize,
}

impl Progress {
    /// Bars on a terminal, lines elsewhere.
    pub(crate) fn new(output: Output, detail: Detail) -> Self {
        let has_bars = output.is_terminal() && detail != Detail::Errors;
        let bars = has_bars.then(|| Bars { all: MultiProgress::new(), lines: BTreeMap::new() });
        let (started, last_line) = (tokio::time::Instant::now(), std::time::Instant::now());
        Self { output, detail, started, last_line, subjects: BTreeMap::new(), bars }
    }

    /// Shows one event, and adds it to the log whether it is shown or not.
    pub(crate) fn show(&mut self, event: &Event) {
        let subject = event.subject.as_str();
        let doing = self.subjects.entry(subject.to_owned()).or_default();
        let after = doing.note(event);
        let text = important(event).or_else(|| described(event, &after));
        if let Some(line) = &text {
            log::line("EVENT", &format!("{subject}: {line}"));
        }
        if let Some(text) = text.filter(|_| is_shown(event, &after, self.detail, self.bars.is_some())) {
            self.say(subject, &text);
        }
        if let Some(bars) = &mut self.bars {
            bars.update(event, self.output);
        }
    }

    /// Prints what is in progress if there was no output for a while. Bars move by themselves.
    pub(crate) fn beat(&mut self) {
        if self.bars.is_some() || self.detail == Detail::Errors || self.last_line.elapsed() < QUIET {
            return;
        }
        let running: Vec<String> =
            self.subjects.iter().filter_map(|(subject, doing)| Some(format!("{subject}: {}", doing.now()?))).collect();
        if running.is_empty() {
            return;
        }
        let more = running.len().saturating_sub(NAMED);
        let named = running[..running.len() - more].join("; ");
        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
        self.say("still", &format!("{named}{more}"));
    }

    fn say(&mut self, subject: &str, text: &str) {
        self.last_line = std::time::Instant::now();
        let line = format!("[{:7.1}s] {subject:<24} {text}", self.started.elapsed().as_secs_f64());
        match &self.bars {
            Some(bars) => bars.all.suspend(|| self.output.event(&line)),
            None => self.output.event(&line),
        }
    }

    /// Removes the bars. Each is ended, or its own clock would draw it again below what is printed next.
    pub(crate) fn finish(&mut self) {
        let Some(bars) = self.bars.take() else { return };
        bars.lines.values().for_each(|line| line.bar.finish_and_clear());
        if bars.all.clear().is_err() {
            tracing::debug!("the terminal went away");
        }
    }
}

/// What is known once an event has been noted.
#[derive(Clone, Copy, Debug, Default)]
struct After {
    /// How long the phase or the check that ended took.
    took: Option<Duration>,
    /// The results of the phase that ended.
    counts: Counts,
    /// Whether a check ended that took long. Scans always do, and their phase says how long.
    is_slow: bool,
}

impl After {
    /// Whether a phase ended at once, without results.
    fn is_brief(&self) -> bool {
        let Counts { passed, failed, undecided } = self.counts;
        passed + failed + undecided == 0 && self.took.is_some_and(|took| took < BRIEF)
    }
}

impl Doing {
    /// Notes an event.
    fn note(&mut self, event: &Event) -> After {
        let since = |start: Timestamp| Duration::try_from(event.at.duration_since(start)).unwrap_or_default();
        let mut after = After::default();
        match &event.kind {
            EventKind::PhaseStarted(phase) => {
                self.phases.push((*phase, event.at));
                self.counts.remove(phase.as_str());
            }
            EventKind::PhaseEnded(ended, _) => {
                let begun = self.phases.iter().find(|(phase, _)| phase == ended).map(|(_, at)| *at);
                after.took = begun.map(since);
                after.counts = self.counts.remove(ended.as_str()).unwrap_or_default();
                self.phases.retain(|(phase, _)| phase != ended);
                self.waiting = None;
            }
            EventKind::Waiting(_, text) => self.waiting = Some(text.clone()),
            EventKind::CheckStarted { check } => {
                self.checks.insert(check.clone(), event.at);
            }
            EventKind::CheckEnded { check, .. } => {
                after.took = self.checks.remove(check).map(since);
                after.is_slow = after.took.is_some_and(|took| took > SLOW) && phase_of(check) == Phase::Test;
            }
            EventKind::Result(result) => {
                let counts = self.counts.entry(phase_of(result.check.as_str()).as_str()).or_default();
                match &result.outcome {
                    Outcome::Pass => counts.passed += 1,
                    Outcome::Fail { .. } => counts.failed += 1,
                    Outcome::Error { .. } | Outcome::NotEvaluated { .. } => counts.undecided += 1,
                    Outcome::NotApplicable { .. } | Outcome::Manual { .. } => {}
                }
            }
            _ => {}
        }
        after
    }

    /// What it does now: its phases, and what they wait for.
    fn now(&self) -> Option<String> {
        let words: Vec<&str> = self.phases.iter().map(|(phase, _)| phase.as_str()).collect();
        let waiting = self.waiting.as_ref().map_or_else(String::new, |waiting| format!(", {waiting}"));
        (!words.is_empty()).then(|| format!("{}{waiting}", words.join(" + ")))
    }
}

/// The phase whose end counts the results of a check.
fn phase_of(check: &str) -> Phase {
    match check.split('/').next() {
        Some("kube-bench" | "eks-cis") => Phase::KubeBench,
        Some("os-cis") => Phase::OsScan,
        _ => Phase::Test,
    }
}

impl Counts {
    /// The results of a phase in words. Those of scans are controls, which are met or not.
    fn words(self, phase: Phase) -> String {
        let failed = if phase == Phase::Test { "failed" } else { "not met" };
        let parts = [(self.passed, "passed"), (self.failed, failed), (self.undecided, "without a result")];
        let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// Whether an event is printed. Bars show phases by themselves.
fn is_shown(event: &Event, after: &After, detail: Detail, has_bars: bool) -> bool {
    let is_error = matches!(
        event.kind,
        EventKind::PhaseEnded(_, PhaseEnd::Error { .. } | PhaseEnd::Failed { .. })
            | EventKind::Interrupted
            | EventKind::DeadlineExceeded(_)
            | EventKind::CleanedUp(_)
    );
    let least = match &event.kind {
        _ if is_error => Detail::Errors,
        _ if important(event).is_some() => Detail::Failures,
        _ if has_bars => Detail::Checks,
        // The start of the next phase says enough of one that is over at once.
        EventKind::PhaseEnded(_, PhaseEnd::Done) if after.is_brief() => Detail::Checks,
        EventKind::PhaseStarted(_) | EventKind::PhaseEnded(..) | EventKind::Progress(..) => Detail::Failures,
        EventKind::CheckRetried { .. } => Detail::Failures,
        EventKind::CheckEnded { .. } if after.is_slow => Detail::Failures,
        // Controls come by the hundred: the end of their phase counts them.
        EventKind::Result(result) if result.control.is_some() => return false,
        EventKind::Result(result) if is_bad(&result.outcome) => Detail::Failures,
        EventKind::CheckStarted { .. } | EventKind::CheckEnded { .. } => return false,
        _ => Detail::Checks,
    };
    detail >= least
}

fn is_bad(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Fail { .. } | Outcome::Error { .. })
}

/// Prints important events, with or without bars.
fn important(event: &Event) -> Option<String> {
    match &event.kind {
        EventKind::PhaseEnded(phase, PhaseEnd::Error { message, .. }) => {
            Some(format!("{} error: {message}", phase.as_str()))
        }
        EventKind::PhaseEnded(phase, PhaseEnd::Failed { message, .. }) => {
            Some(format!("{} failed: {message}", phase.as_str()))
        }
        EventKind::Interrupted => Some(
            "interrupted: stopping checks, then cleaning up (a second Ctrl-C leaves the rest to `amiproof destroy`)"
                .to_owned(),
        ),
        EventKind::DeadlineExceeded(limit) => Some(format!(
            "the deadline of {} has passed: stopping checks, then cleaning up",
            amiproof_model::duration::short(*limit)
        )),
        EventKind::Proof(proof) => Some(proof.sentence()),
        EventKind::Impact(impact) => Some(impact.sentence()),
        EventKind::CleanedUp(cleanup) if !cleanup.leftovers.is_empty() => {
            Some(format!("{} left behind", cleanup.leftovers.len()))
        }
        _ => None,
    }
}

/// Any other event in words.
fn described(event: &Event, after: &After) -> Option<String> {
    let took =
        |after: &After| after.took.map_or_else(String::new, |took| format!(" in {}", short(at_least_a_second(took))));
    Some(match &event.kind {
        EventKind::PhaseStarted(phase) => format!("{} …", phase.as_str()),
        EventKind::PhaseEnded(phase, PhaseEnd::Done) => {
            let counts = after.counts.words(*phase);
            let counts = if counts.is_empty() { counts } else { format!(": {counts}") };
            format!("{} done{}{counts}", phase.as_str(), took(after))
        }
        EventKind::PhaseEnded(phase, PhaseEnd::Cancelled) => format!("{} stopped{}", phase.as_str(), took(after)),
        EventKind::Progress(phase, text) | EventKind::Waiting(phase, text) => format!("{}: {text}", phase.as_str()),
        EventKind::CheckStarted { check } => format!("{check} …"),
        EventKind::CheckEnded { check, .. } if after.is_slow => format!("{check}: slow, ended{}", took(after)),
        EventKind::CheckEnded { check, .. } => format!("{check} ended{}", took(after)),
        EventKind::CheckRetried { check, reason } => format!("{check}: retrying after: {}", first_line(reason)),
        EventKind::Result(result) if result.outcome.reason().is_empty() => {
            format!("{}: {}", result.check, result.outcome.as_str())
        }
        EventKind::Result(result) => {
            format!("{}: {}: {}", result.check, result.outcome.as_str(), first_line(result.outcome.reason()))
        }
        EventKind::Ami(ami) => format!("image {}", ami.id),
        EventKind::NodeGroup(name) => format!("node group {name}"),
        EventKind::Nodes(nodes) => {
            let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
            format!("nodes {}", names.join(", "))
        }
        _ => return None,
    })
}

/// Whole seconds, at least one.
fn at_least_a_second(took: Duration) -> Duration {
    Duration::from_secs(took.as_secs().max(1))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}

impl Bars {
    fn update(&mut self, event: &Event, output: Output) {
        let name = event.subject.as_str().to_owned();
        let all = &self.all;
        let line = self.lines.entry(name.clone()).or_insert_with(|| Line::new(all, &name, &event.subject));
        match &event.kind {
            EventKind::PhaseStarted(phase) => line.phases.push(*phase),
            EventKind::PhaseEnded(phase, _) => {
                line.phases.retain(|running| running != phase);
                line.text.clear();
            }
            EventKind::Result(result) => match &result.outcome {
                Outcome::Pass => line.passed += 1,
                Outcome::Fail { .. } | Outcome::Error { .. } => line.failed += 1,
                Outcome::NotApplicable { .. } | Outcome::NotEvaluated { .. } | Outcome::Manual { .. } => {
                    line.other += 1
                }
            },
            EventKind::Progress(_, text) | EventKind::Waiting(_, text) => line.text = output.inline(text),
            _ => {}
        }
        line.redraw();
    }
}

impl Line {
    fn new(all: &MultiProgress, name: &str, subject: &Subject) -> Self {
        let bar = match subject {
            Subject::Cluster => all.insert(0, ProgressBar::new_spinner()),
            Subject::Variant(_) => all.add(ProgressBar::new_spinner()),
        };
        let style = ProgressStyle::with_template(&format!("{{spinner}} {name:<24} {{elapsed:>4}}  {{wide_msg}}"));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, phases: Vec::new(), text: String::new(), passed: 0, failed: 0, other: 0 }
    }

    fn redraw(&self) {
        let phases: Vec<&str> = self.phases.iter().map(|phase| phase.as_str()).collect();
        let doing = if phases.is_empty() { "waiting".to_owned() } else { phases.join(" + ") };
        let counts = match (self.passed, self.failed, self.other) {
            (0, 0, 0) => String::new(),
            (passed, failed, other) => format!("  {passed} passed, {failed} failed, {other} other"),
        };
        let text = if self.text.is_empty() { String::new() } else { format!("  {}", self.text) };
        self.bar.set_message(format!("{doing}{counts}{text}"));
    }
}

#[cfg(test)]
mod tests {
    use amiproof_model::report::CheckResult;

    use super::*;

    fn event(second: i64, kind: EventKind) -> Event {
        Event { at: Timestamp::from_second(second).unwrap(), subject: Subject::Variant("l1".parse().unwrap()), kind }
    }

    fn result(check: &str, outcome: Outcome) -> EventKind {
        let subject = Subject::Variant("l1".parse().unwrap());
        EventKind::Result(Box::new(CheckResult::new(check.parse().unwrap(), subject, outcome)))
    }

    fn fail() -> Outcome {
        Outcome::Fail { findings: vec![amiproof_model::verdict::Finding::new("node 1", "it does not answer\nat all")] }
    }

    /// What is printed of a short run, without a terminal.
    fn printed(detail: Detail) -> Vec<String> {
        let mut doing = Doing::default();
        let started = |check: &str| EventKind::CheckStarted { check: check.to_owned() };
        let ended = |check: &str| EventKind::CheckEnded { check: check.to_owned(), rows: Vec::new() };
        let events = [
            event(0, EventKind::PhaseStarted(Phase::Ami)),
            event(1, EventKind::PhaseEnded(Phase::Ami, PhaseEnd::Done)),
            event(1, EventKind::PhaseStarted(Phase::NodeGroup)),
            event(31, EventKind::Waiting(Phase::NodeGroup, "waiting for instances (30 s so far)".to_owned())),
            event(40, EventKind::Progress(Phase::NodeGroup, "EC2 has no capacity".to_owned())),
            event(70, EventKind::PhaseEnded(Phase::NodeGroup, PhaseEnd::Done)),
            event(70, EventKind::PhaseStarted(Phase::Test)),
            event(70, started("node/ready")),
            event(71, result("node/ready", Outcome::Pass)),
            event(71, ended("node/ready")),
            event(71, started("workload/web")),
            event(80, EventKind::CheckRetried { check: "workload/web".to_owned(), reason: "timed out".to_owned() }),
            event(270, result("workload/web", fail())),
            event(270, ended("workload/web")),
            event(270, result("os-cis/cis-al2023-1.0.0/1.1.1", fail())),
            event(271, EventKind::PhaseEnded(Phase::Test, PhaseEnd::Done)),
            event(272, EventKind::Interrupted),
            event(273, EventKind::PhaseEnded(Phase::Teardown, PhaseEnd::Cancelled)),
        ];
        let line = |event: &Event| {
            let after = doing.note(event);
            let text = important(event).or_else(|| described(event, &after))?;
            is_shown(event, &after, detail, false).then_some(text)
        };
        events.iter().filter_map(line).collect()
    }

    #[test]
    fn without_a_terminal_phases_failures_and_slow_checks_are_printed() {
        insta::assert_snapshot!(printed(Detail::Failures).join("\n"), @r"
        ami …
        node group …
        node group: EC2 has no capacity
        node group done in 1m9s
        test …
        workload/web: retrying after: timed out
        workload/web: fail: it does not answer
        workload/web: slow, ended in 3m19s
        os-cis/cis-al2023-1.0.0/1.1.1: fail: it does not answer
        test done in 3m21s: 1 passed, 1 failed
        interrupted: stopping checks, then cleaning up (a second Ctrl-C leaves the rest to `amiproof destroy`)
        teardown stopped
        ");
    }

    #[test]
    fn each_check_is_printed_if_that_is_asked_for() {
        insta::assert_snapshot!(printed(Detail::Checks).join("\n"), @r"
        ami …
        ami done in 1s
        node group …
        node group: waiting for instances (30 s so far)
        node group: EC2 has no capacity
        node group done in 1m9s
        test …
        node/ready: pass
        workload/web: retrying after: timed out
        workload/web: fail: it does not answer
        workload/web: slow, ended in 3m19s
        os-cis/cis-al2023-1.0.0/1.1.1: fail: it does not answer
        test done in 3m21s: 1 passed, 1 failed
        interrupted: stopping checks, then cleaning up (a second Ctrl-C leaves the rest to `amiproof destroy`)
        teardown stopped
        ");
    }

    #[test]
    fn of_a_quiet_run_only_what_ends_it_is_printed() {
        insta::assert_snapshot!(printed(Detail::Errors).join("\n"), @"interrupted: stopping checks, then cleaning up (a second Ctrl-C leaves the rest to `amiproof destroy`)");
    }
}
