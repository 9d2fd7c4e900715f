//! `amiproof check`: matrix, waivers, workloads and user data, all problems at once. No network.

use amiproof_core::check::{self, Applies, Scope};
use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::Variant;
use serde_json::json;

use super::selected;
use crate::args::{Check, OutputForm};
use crate::files;
use crate::output::{Failure, Output, count};

/// Prints the problems, or what the matrix selects.
pub(crate) fn run(args: &Check, output: &Output) -> Result<ExitCode, Failure> {
    match args.output {
        OutputForm::Text => {
            let inputs = files::read_offline(&args.selection.file, output)?;
            output.data(summary(args, &inputs)?);
            Ok(ExitCode::Passed)
        }
        OutputForm::Json => {
            let (problems, warnings) = match files::problems_offline(&args.selection.file) {
                Ok(inputs) => (Vec::new(), inputs.warnings),
                Err(problems) => (problems, Vec::new()),
            };
            let code = if problems.is_empty() { ExitCode::Passed } else { ExitCode::Usage };
            let answer = json!({"problems": problems, "warnings": warnings});
            output.json(format_args!("{answer:#}"));
            Ok(code)
        }
    }
}

fn summary(args: &Check, inputs: &files::Inputs) -> Result<String, Failure> {
    let matrix = &files::narrowed(&inputs.matrix, &args.selection.variants)?;
    let checks = selected::checks(matrix, inputs, &args.selection.checks)?;
    let made: usize = matrix.variants.iter().filter_map(Variant::made).map(|made| made.count as usize).sum();
    let nodes = if made == 0 { "existing nodes".to_owned() } else { format!("{} to create", count(made, "node")) };
    let place = matrix.cluster.region.as_ref().map_or_else(String::new, |region| format!(" ({region})"));
    let version =
        matrix.cluster.kubernetes_version.as_ref().map_or_else(String::new, |it| format!(", Kubernetes {it}"));
    let variants = count(matrix.variants.len(), "variant");
    let mut lines =
        vec![format!("{}: {variants} with {nodes} on {}{place}{version}", matrix.name, matrix.cluster.name)];
    for variant in &matrix.variants {
        let applicable = checks
            .iter()
            .filter(|check| check.scope == Scope::Variant && (check.applies)(variant) == Applies::Yes)
            .count();
        let hardening = variant
            .hardening
            .as_ref()
            .map_or_else(|| "stock".to_owned(), |hardening| format!("{} {}", hardening.benchmark, hardening.level));
        lines.push(format!(
            "  {:<32} {:<13} {hardening:<28} {}{}",
            variant.name,
            variant.family.as_str(),
            selected::checks_and_scans(applicable),
            variant.selector().map_or_else(String::new, |selector| format!(" on the nodes '{selector}'"))
        ));
    }
    lines.push(format!("selected: {} (`amiproof list` shows each)", by_suite(&checks)));
    let (waivers, workloads) = (count(inputs.waivers.len(), "waiver"), count(inputs.workloads.len(), "workload"));
    lines.push(format!("{waivers}, {workloads}"));
    Ok(lines.join("\n"))
}

/// How many checks and scans of each suite, in the order of reports.
fn by_suite(checks: &[check::Check]) -> String {
    let count = |suite: &&str| match checks.iter().filter(|check| check.id.suite() == *suite).count() {
        0 => None,
        count => Some(format!("{suite} {count}")),
    };
    let counts: Vec<String> = amiproof_suites::SUITES.iter().filter_map(count).collect();
    if counts.is_empty() { "no check".to_owned() } else { counts.join(", ") }
}
