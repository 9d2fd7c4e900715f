//! `amiproof compare BASE CAND`: what is new, fixed, gone or newly skipped between two runs.

use amiproof_model::exit::ExitCode;
use amiproof_reports::compare::{self, ComparisonFormat};

use crate::args::{Compare, Global};
use crate::output::{Failure, Output};
use crate::rundir;

/// Prints the comparison; answers 5 when something that passed fails now.
pub(crate) fn run(global: &Global, args: &Compare, output: &Output) -> Result<ExitCode, Failure> {
    let (base, _) = rundir::read_report(&global.dir, Some(&args.base))?;
    let (candidate, _) = rundir::read_report(&global.dir, Some(&args.candidate))?;
    let comparison = compare::compare(&base, &candidate);
    let format = match args.format.as_str() {
        "text" => ComparisonFormat::Terminal,
        "markdown" => ComparisonFormat::Markdown,
        "json" => ComparisonFormat::Json,
        "junit" => ComparisonFormat::Junit,
        other => {
            return Err(Failure::usage(format!("there is no format '{other}'"), "use text, markdown, json or junit"));
        }
    };
    let text = comparison
        .render(format, &super::run::style(*output))
        .map_err(|error| Failure::error(error.to_string(), ""))?;
    output.data(text);
    Ok(if comparison.has_regression() { ExitCode::Regression } else { ExitCode::Passed })
}
