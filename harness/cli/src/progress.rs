//! Live progress: bars on a terminal, plain lines in CI. Only listens to events.

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_core::run::event::{Event, EventKind};
use amiproof_model::report::{Phase, PhaseEnd, Subject};
use amiproof_model::verdict::Outcome;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output::Output;

/// A line is printed after this time without output: some CI systems (Travis CI and CircleCI after ten minutes) end silent jobs.
const QUIET: Duration = Duration::from_secs(60);

/// Shows events as they come.
pub(crate) struct Progress {
    output: Output,
    /// By the monotonic clock of the run; in a lab it is simulated.
    started: tokio::time::Instant,
    /// By the monotonic clock of the machine.
    last_line: std::time::Instant,
    running: BTreeMap<String, Vec<Phase>>,
    bars: Option<Bars>,
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
    passed: usize,
    failed: usize,
    other: usize,
}

impl Progress {
    /// Bars on a terminal, lines elsewhere.
    pub(crate) fn new(output: Output) -> Self {
        let bars = output.is_terminal().then(|| Bars { all: MultiProgress::new(), lines: BTreeMap::new() });
        let (started, last_line) = (tokio::time::Instant::now(), std::time::Instant::now());
        Self { output, started, last_line, running: BTreeMap::new(), bars }
    }

    /// Shows one event.
    pub(crate) fn show(&mut self, event: &Event) {
        self.remember(event);
        if let Some(text) = important(event) {
            self.say(event.subject.as_str(), &text);
        } else if self.bars.is_none()
            && let Some(text) = ordinary(event)
        {
            self.say(event.subject.as_str(), &text);
        }
        if let Some(bars) = &mut self.bars {
            bars.update(event, self.output);
        }
    }

    /// Prints what is in progress if there was no output for a while. Bars move by themselves.
    pub(crate) fn beat(&mut self) {
        if self.bars.is_some() || self.last_line.elapsed() < QUIET {
            return;
        }
        let doing = |(subject, phases): (&String, &Vec<Phase>)| {
            let words: Vec<&str> = phases.iter().map(|phase| phase.as_str()).collect();
            format!("{subject}: {}", words.join(" + "))
        };
        let running: Vec<String> = self.running.iter().filter(|(_, phases)| !phases.is_empty()).map(doing).collect();
        if !running.is_empty() {
            self.say("still", &running.join("; "));
        }
    }

    fn say(&mut self, subject: &str, text: &str) {
        self.last_line = std::time::Instant::now();
        let line = format!("[{:7.1}s] {subject:<24} {text}", self.started.elapsed().as_secs_f64());
        match &self.bars {
            Some(bars) => bars.all.suspend(|| self.output.note(&line)),
            None => self.output.note(&line),
        }
    }

    fn remember(&mut self, event: &Event) {
        let phases = self.running.entry(event.subject.as_str().to_owned()).or_default();
        match &event.kind {
            EventKind::PhaseStarted(phase) => phases.push(*phase),
            EventKind::PhaseEnded(ended, _) => phases.retain(|phase| phase != ended),
            _ => {}
        }
    }

    /// Removes the bars.
    pub(crate) fn finish(&mut self) {
        if let Some(bars) = &mut self.bars
            && bars.all.clear().is_err()
        {
            tracing::debug!("the terminal went away");
        }
    }
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

/// Prints additional events in a CI log.
fn ordinary(event: &Event) -> Option<String> {
    Some(match &event.kind {
        EventKind::PhaseStarted(phase) => format!("{} …", phase.as_str()),
        EventKind::PhaseEnded(phase, PhaseEnd::Done) => format!("{} done", phase.as_str()),
        EventKind::PhaseEnded(phase, PhaseEnd::Cancelled) => format!("{} stopped", phase.as_str()),
        EventKind::Progress(phase, text) => format!("{}: {text}", phase.as_str()),
        EventKind::CheckRetried { check, reason } => format!("{check}: retrying after: {}", first_line(reason)),
        EventKind::Result(result) => match &result.outcome {
            // Controls come by the hundred; a log shows those that are not fine by count at the end of the phase.
            Outcome::Pass | Outcome::NotApplicable { .. } if result.control.is_none() => {
                format!("{}: {}", result.check, result.outcome.as_str())
            }
            Outcome::Fail { .. } | Outcome::Error { .. } if result.control.is_none() => {
                format!("{}: {}: {}", result.check, result.outcome.as_str(), first_line(result.outcome.reason()))
            }
            _ => return None,
        },
        _ => return None,
    })
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
            EventKind::PhaseEnded(phase, _) => line.phases.retain(|running| running != phase),
            EventKind::Result(result) => match &result.outcome {
                Outcome::Pass => line.passed += 1,
                Outcome::Fail { .. } | Outcome::Error { .. } => line.failed += 1,
                Outcome::NotApplicable { .. } | Outcome::NotEvaluated { .. } | Outcome::Manual { .. } => {
                    line.other += 1
                }
            },
            EventKind::Progress(_, text) => line.bar.set_prefix(output.inline(text)),
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
        Self { bar, phases: Vec::new(), passed: 0, failed: 0, other: 0 }
    }

    fn redraw(&self) {
        let phases: Vec<&str> = self.phases.iter().map(|phase| phase.as_str()).collect();
        let doing = if phases.is_empty() { "waiting".to_owned() } else { phases.join(" + ") };
        let counts = match (self.passed, self.failed, self.other) {
            (0, 0, 0) => String::new(),
            (passed, failed, other) => format!("  {passed} passed, {failed} failed, {other} other"),
        };
        self.bar.set_message(format!("{doing}{counts}"));
    }
}
