//! `amiproof list`: every check, what it evaluates, and whether the matrix selects it.

use amiproof_core::check::{Check, Scope};
use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::Matrix;
use amiproof_suites::benchmark;
use serde::Serialize;

use super::selected::{self, Left};
use crate::args::{List, OutputForm};
use crate::files;
use crate::output::{Failure, Output, count};

/// One check.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    id: &'a str,
    title: &'a str,
    suite: &'a str,
    /// `variant` or `cluster`: how often it runs.
    scope: &'static str,
    /// The benchmarks whose controls it evaluates; `amiproof controls` lists those of a cluster's benchmark.
    benchmarks: Vec<String>,
    /// Whether it runs only if it is named.
    opt_in: bool,
    selected: bool,
    /// Why it is not selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<&'static str>,
    /// The variants that it does not apply to.
    not_applicable: Vec<NotApplicable<'a>>,
}

/// A variant that a check does not apply to.
#[derive(Debug, Serialize)]
struct NotApplicable<'a> {
    variant: &'a str,
    reason: &'static str,
}

/// Prints the table, or JSON.
pub(crate) fn run(args: &List, output: &Output) -> Result<ExitCode, Failure> {
    let inputs = files::read_offline(&args.selection.file, output)?;
    let matrix = files::narrowed(&inputs.matrix, &args.selection.variants)?;
    let prefixes = &args.selection.checks;
    let checks = selected::every(&inputs, prefixes)?;
    let listed: Vec<Listed<'_>> = checks
        .iter()
        .filter_map(|check| {
            let left = selected::left(check, &matrix, &inputs, prefixes);
            // With --checks, only the named checks are listed.
            (left != Some(Left::NotNamed)).then(|| Listed {
                id: check.id.as_str(),
                title: &check.title,
                suite: check.id.suite(),
                scope: if check.scope == Scope::Cluster { "cluster" } else { "variant" },
                benchmarks: benchmarks(check, &matrix),
                opt_in: check.opt_in,
                selected: left.is_none(),
                why_not: left.map(Left::why),
                not_applicable: selected::not_applicable(check, &matrix)
                    .into_iter()
                    .map(|(variant, reason)| NotApplicable { variant, reason })
                    .collect(),
            })
        })
        .collect();
    match args.output {
        OutputForm::Json => {
            let text = serde_json::to_string_pretty(&listed)
                .map_err(|error| Failure::error(format!("cannot write the list as JSON: {error}"), ""))?;
            output.json(text);
        }
        OutputForm::Text => output.data(text(&listed, matrix.variants.len())),
    }
    Ok(ExitCode::Passed)
}

/// Scans evaluate the controls of benchmarks: of the operating system by variant, of the cluster by its Kubernetes version.
fn benchmarks(check: &Check, matrix: &Matrix) -> Vec<String> {
    let mut found: Vec<String> = match check.id.suite() {
        "os-cis" => {
            matrix.variants.iter().filter_map(|it| Some(it.hardening.as_ref()?.benchmark.to_string())).collect()
        }
        "kube-bench" | "eks-cis" => {
            let named = matrix.scans.kube_bench.benchmark.as_ref().map(ToString::to_string);
            let by_version = || {
                let version = matrix.cluster.kubernetes_version.as_ref()?;
                Some(benchmark::for_version(version).ok()??.benchmark.to_string())
            };
            named.or_else(by_version).into_iter().collect()
        }
        _ => Vec::new(),
    };
    found.sort();
    found.dedup();
    found
}

fn text(listed: &[Listed<'_>], variants: usize) -> String {
    let mut lines = Vec::new();
    for check in listed {
        let mark = if check.selected { "+" } else { "-" };
        let of = check.benchmarks.join(", ");
        let of = if of.is_empty() { of } else { format!(" (controls of {of})") };
        lines.push(format!("{mark} {:<44} {}{of}", check.id, check.title));
        if let Some(why) = check.why_not {
            lines.push(format!("    not selected: {why}"));
        } else if check.not_applicable.len() == variants && check.scope == "variant" {
            lines.push(format!("    not applicable: {}", check.not_applicable.first().map_or("", |it| it.reason)));
        } else {
            lines.extend(
                check.not_applicable.iter().map(|it| format!("    not applicable on {}: {}", it.variant, it.reason)),
            );
        }
    }
    let selected = listed.iter().filter(|check| check.selected).count();
    lines.push(format!("selected: {selected} of {}", count(listed.len(), "check")));
    lines.join("\n")
}
