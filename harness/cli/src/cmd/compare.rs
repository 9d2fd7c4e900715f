//! `amiproof compare BASE CAND`: what is new, fixed, gone or newly skipped between two runs.

use amiproof_model::exit::ExitCode;
use amiproof_reports::compare;

use crate::args::{Compare, Global};
use crate::output::{Failure, Output};
use crate::rundir;

/// Prints the comparison; answers 5 when something that passed fails now.
pub(crate) fn run(global: &Global, args: &Compare, output: &Output) -> Result<ExitCode, Failure> {
    let (base, _) = rundir::read_report(&global.dir, Some(&args.base))?;
    let (candidate, _) = rundir::read_report(&global.dir, Some(&args.candidate))?;
    let comparison = compare::compare(&base, &candidate);
    let text = match args.format.as_str() {
        "text" => compare::terminal(&comparison, &super::run::style(*output)),
        "markdown" => compare::markdown(&comparison),
        "json" => compare::json(&comparison).map_err(|error| Failure::error(error.to_string(), ""))?,
        other => {
            return Err(Failure::usage(format!("there is no format '{other}'"), "use text, markdown or json"));
        }
    };
    output.data(text);
    Ok(if comparison.has_regression() { ExitCode::Regression } else { ExitCode::Passed })
}
