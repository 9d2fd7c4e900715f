//! `amiproof explain`: the settings that explain what failed, by the facts that a report holds and the settings that this build knows.

use amiproof_model::exit::ExitCode;
use amiproof_model::explain;
use amiproof_model::report::{CheckResult, Explanation, Report};
use amiproof_model::verdict::Outcome;
use amiproof_reports::explain::render;
use amiproof_suites::{controls, settings};

use super::forms;
use crate::args::{Explain, Global, OutputForm};
use crate::output::{Failure, Output};
use crate::rundir;
use crate::suggest;

/// Prints the explanations of a run. That something failed is not an error of this command.
pub(crate) fn run(global: &Global, args: &Explain, output: &Output) -> Result<ExitCode, Failure> {
    let (mut report, _) = rundir::read_report(&global.dir, args.run.as_deref())?;
    explain::explain(&mut report, settings::all(), controls::all());
    let variant = args.variant.as_deref();
    if let Some(name) = variant
        && !report.variants.iter().any(|known| known.name.as_str() == name)
    {
        let known: Vec<&str> = report.variants.iter().map(|variant| variant.name.as_str()).collect();
        let help = suggest::instead(name, &known, "its variants are");
        return Err(Failure::usage(format!("--variant: run {} has no variant '{name}'", report.run.id), help));
    }
    let is_of = |explanation: &&Explanation| variant.is_none_or(|name| explanation.variant.as_str() == name);
    let has = |explanation: &&Explanation| {
        let mut cells = explanation.causes.iter().flat_map(|cause| &cause.cells).chain(&explanation.unexplained);
        args.check.as_deref().is_none_or(|check| cells.any(|cell| cell.as_str() == check))
    };
    let found: Vec<&Explanation> = report.explanations.iter().filter(is_of).filter(has).collect();
    if let OutputForm::Json = args.output {
        let text = serde_json::to_string_pretty(&found).map_err(|error| Failure::error(error.to_string(), ""))?;
        output.json(text);
        return Ok(ExitCode::Passed);
    }
    if found.is_empty() {
        output.data(format_args!("{}\n", nothing(&report, variant, args.check.as_deref())?));
    } else {
        output.data(render(&found, args.check.as_deref(), &forms::style(*output)));
    }
    Ok(ExitCode::Passed)
}

/// Why there is nothing to explain.
fn nothing(report: &Report, variant: Option<&str>, check: Option<&str>) -> Result<String, Failure> {
    let Some(check) = check else {
        return Ok("nothing to explain: no failure has the origin 'hardening'".to_owned());
    };
    let is_asked = |result: &&CheckResult| {
        result.check.as_str() == check && variant.is_none_or(|name| result.subject.as_str() == name)
    };
    let results: Vec<&CheckResult> = report.results.iter().filter(is_asked).collect();
    if results.is_empty() {
        let mut ids: Vec<&str> = report.results.iter().map(|result| result.check.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let help = format!("{}, and matrix.csv those of the run", suggest::check(check, &ids));
        return Err(Failure::usage(format!("--check: run {} has no result of {check}", report.run.id), help));
    }
    let failed = results.iter().filter(|result| matches!(result.outcome, Outcome::Fail { .. })).count();
    Ok(match failed {
        0 => format!("nothing to explain: {check} did not fail"),
        _ => format!("{check} failed, but not because of hardening: see its origin in the report"),
    })
}
