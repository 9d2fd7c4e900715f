//! The output of a command that measured what controls cost.

use amiproof_core::impact::Wanted;
use amiproof_model::exit::ExitCode;
use amiproof_model::report::Report;

use super::forms;
use crate::output::Output;

/// Prints the table of this run, and determines the exit code.
pub(super) fn measured(report: &Report, wanted: &Wanted, output: &Output) -> ExitCode {
    let of = |known: &&amiproof_model::report::Impact| {
        (&known.variant, &known.benchmark) == (&wanted.variant, &wanted.controls.benchmark)
    };
    let Some(impact) = report.impacts.iter().find(of) else {
        output.note(format_args!(
            "nothing was measured: the nodes of {} were not there or may not be changed, or the run ended; see the lines above",
            wanted.variant
        ));
        return if report.run.interrupted { ExitCode::Interrupted } else { ExitCode::Error };
    };
    output.data(amiproof_reports::impact::terminal(impact, &forms::style(*output)));
    match (impact.not_restored.is_empty(), report.run.interrupted, impact.unfinished.is_none()) {
        (false, ..) => ExitCode::LeftBehind,
        (_, true, _) => ExitCode::Interrupted,
        (_, _, true) => ExitCode::Passed,
        _ => ExitCode::Error,
    }
}
