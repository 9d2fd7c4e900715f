//! The output of `amiproof bisect --releases`: the first bad release, its cause and what changed.

use amiproof_model::bisect::releases::Releases;
use amiproof_model::exit::ExitCode;
use amiproof_model::name::VariantName;
use amiproof_model::report::Report;
use amiproof_reports::releases::{Break, FirstBad, break_points, render};

use super::compare;
use super::forms::{self, json};
use crate::args::OutputForm;
use crate::output::{Failure, Output};

/// The answer that a report with releases gives.
pub(super) fn first_bad(report: &Report) -> FirstBad {
    let columns = &report.run.releases;
    let releases = Releases::of(report, columns);
    let name = |number: usize| columns.get(number - 1);
    let breaks = break_points(&releases).into_iter().filter_map(|(last_good, first_bad)| {
        let (good, bad): (&VariantName, &VariantName) = (name(last_good)?, name(first_bad)?);
        let comparison = compare::caused(&report.column(good, bad), &report.column(bad, bad));
        Some(Break { last_good, first_bad, comparison })
    });
    FirstBad { breaks: breaks.collect(), releases }
}

/// Prints the answer, and determines the exit code.
pub(super) fn answered(report: &Report, form: OutputForm, output: &Output) -> Result<ExitCode, Failure> {
    let found = first_bad(report);
    match form {
        OutputForm::Text => output.data(render(&found, &forms::style(*output))),
        OutputForm::Json => output.json(json(&found)?),
    }
    let is_answered =
        found.releases.is_settled() && (found.releases.always_pass > 0 || !found.releases.checks.is_empty());
    Ok(match (report.run.interrupted, is_answered) {
        (true, _) => ExitCode::Interrupted,
        (_, true) => ExitCode::Passed,
        _ => ExitCode::Error,
    })
}
