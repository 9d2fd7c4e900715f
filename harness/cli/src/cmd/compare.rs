//! `amiproof compare BASELINE CANDIDATE`: what is new, fixed, gone or newly skipped between two runs.

use amiproof_model::exit::ExitCode;
use amiproof_model::explain;
use amiproof_model::report::Report;
use amiproof_reports::compare::{self, Comparison};
use amiproof_suites::{controls, settings};

use crate::args::{Compare, Global};
use crate::output::{Failure, Output};
use crate::rundir;

/// Prints the comparison; exits with 5 if the candidate is worse than the baseline.
pub(crate) fn run(global: &Global, args: &Compare, output: &Output) -> Result<ExitCode, Failure> {
    // Reading takes longer than comparing, so each report has a thread.
    let (base, candidate) = std::thread::scope(|scope| {
        let base = scope.spawn(|| rundir::read_report(&global.dir, Some(&args.base)));
        let candidate = rundir::read_report(&global.dir, Some(&args.candidate));
        (base.join(), candidate)
    });
    let (base, _) = base.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let (candidate, _) = candidate?;
    let comparison = caused(&base, &candidate);
    let text = comparison
        .render(args.format, &super::forms::style(*output))
        .map_err(|error| Failure::error(error.to_string(), ""))?;
    output.data(text);
    Ok(if comparison.has_regression() { ExitCode::Regression } else { ExitCode::Passed })
}

/// The comparison of two runs, with what explains the new failures.
pub(super) fn caused(base: &Report, candidate: &Report) -> Comparison {
    let causes = explain::between(base, candidate, settings::all(), controls::all());
    compare::compare(base, candidate).with_causes(causes)
}
