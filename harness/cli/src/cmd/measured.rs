//! The output of a command that measured what controls break.

use amiproof_core::impact::Wanted;
use amiproof_model::exit::ExitCode;
use amiproof_model::report::{Impact, Report};

use super::forms::{self, json};
use crate::args::OutputForm;
use crate::output::{Failure, Output};

/// Prints the table of this run, and determines the exit code.
pub(super) fn measured(
    report: &Report,
    wanted: &Wanted,
    form: OutputForm,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let of = |known: &&Impact| (&known.variant, &known.benchmark) == (&wanted.variant, &wanted.controls.benchmark);
    let Some(impact) = report.impacts.iter().find(of) else {
        output.note(format_args!(
            "nothing was measured: the nodes of {} did not exist or must not be changed, or the run ended; see the lines above",
            wanted.variant
        ));
        return Ok(if report.run.interrupted { ExitCode::Interrupted } else { ExitCode::Error });
    };
    match form {
        OutputForm::Text => output.data(amiproof_reports::impact::terminal(impact, &forms::style(*output))),
        OutputForm::Json => output.json(json(impact)?),
    }
    Ok(match (impact.not_restored.is_empty(), report.run.interrupted, impact.is_decided()) {
        (false, ..) => ExitCode::LeftBehind,
        (_, true, _) => ExitCode::Interrupted,
        (_, _, true) => ExitCode::Passed,
        _ => ExitCode::Error,
    })
}
