//! The output of a command that only provisions, and when a run becomes the latest one.

use amiproof_core::ledger::Ledger;
use amiproof_core::run::event::{Event, EventKind};
use amiproof_model::exit::ExitCode;
use amiproof_model::report::{PhaseEnd, PhaseRecord, Report};
use amiproof_model::verdict::Outcome;
use amiproof_reports::{Format, Options};
use camino::Utf8Path;

use super::owner;
use crate::args::{OutputForm, RunOptions};
use crate::output::{Failure, Output, count};
use crate::rundir::RunDir;

/// Makes the run the latest one as soon as it created or evaluated something.
pub(super) struct Latest<'a> {
    pub(super) dir: &'a Utf8Path,
    pub(super) folder: &'a RunDir,
    pub(super) ledger: Ledger,
    /// The run of a permanent network never does.
    pub(super) is_set: bool,
}

impl Latest<'_> {
    /// Handles one event.
    pub(super) fn follow(&mut self, event: &Event, output: &Output) {
        let is_something = match &event.kind {
            EventKind::Result(result) => {
                matches!(result.outcome, Outcome::Pass | Outcome::Fail { .. } | Outcome::Manual { .. })
            }
            EventKind::PhaseStarted(_) | EventKind::PhaseEnded(..) => !owner::standing(&self.ledger).is_empty(),
            _ => false,
        };
        if self.is_set || !is_something {
            return;
        }
        self.is_set = true;
        if let Err(failure) = self.folder.set_latest(self.dir) {
            output.note(format_args!("warning: {}", failure.message));
        }
    }
}

/// The output and exit code of a command that only provisions: there is no test report.
pub(super) fn provisioned(
    report: &Report,
    folder: &RunDir,
    made: usize,
    options: &RunOptions,
    output: &Output,
) -> Result<ExitCode, Failure> {
    if options.output == OutputForm::Json {
        match amiproof_reports::render(Format::Json, report, &Options::default()) {
            Ok(text) => output.json(text),
            Err(error) => output.note(format_args!("warning: json: {error}")),
        }
    }
    let variants = report.variants.iter().flat_map(|variant| &variant.phases);
    // A run that was stopped without an interruption was stopped by the deadline.
    let is_open = |phase: &PhaseRecord| matches!(phase.ended, PhaseEnd::Error { .. } | PhaseEnd::Cancelled);
    let is_broken = report.run.phases.iter().chain(variants).any(is_open);
    let state = match (is_broken || report.run.interrupted, made) {
        (true, _) => format!("not complete; `amiproof destroy --run {}` deletes what was created", folder.id),
        (false, 0) => "up to date".to_owned(),
        (false, made) => format!("{} created", count(made, "resource")),
    };
    if options.output == OutputForm::Text {
        output.data(format_args!("run {}: {state}", folder.id));
    }
    Ok(match (report.run.interrupted, is_broken) {
        (true, _) => ExitCode::Interrupted,
        (false, true) => ExitCode::Error,
        (false, false) => ExitCode::Passed,
    })
}
