//! `amiproof list`: every check, suite or control, and whether the matrix selects it.

mod chosen;
mod controls;
mod suites;

use amiproof_core::check::{Check, Scope};
use amiproof_model::exit::ExitCode;
use serde::Serialize;

use self::chosen::{Selected, benchmarks};
use super::forms::json;
use super::selected::{self, Left};
use crate::args::{List, OutputForm, What};
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
    let matrix = &files::narrowed(&inputs.matrix, &args.selection.variants)?;
    let prefixes = &args.selection.checks;
    let checks = selected::every(&inputs, prefixes)?.into_iter().filter_map(|check| {
        let left = selected::left(&check, matrix, &inputs, prefixes);
        (left != Some(Left::NotNamed)).then_some((check, left))
    });
    let selected = Selected { matrix, checks: checks.collect() };
    match args.what {
        What::Checks => {
            let listed = listed(&selected);
            show(args.output, output, &listed, || text(&listed, matrix.variants.len()))
        }
        What::Suites => {
            let listed = suites::listed(&selected);
            show(args.output, output, &listed, || suites::text(&listed))
        }
        What::Controls => {
            let listed = controls::listed(&selected)?;
            show(args.output, output, &listed, || controls::text(&listed))
        }
    }
}

fn show(
    form: OutputForm,
    output: &Output,
    listed: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<ExitCode, Failure> {
    match form {
        OutputForm::Json => output.json(json(listed)?),
        OutputForm::Text => output.data(text()),
    }
    Ok(ExitCode::Passed)
}

fn listed<'a>(selected: &'a Selected<'a>) -> Vec<Listed<'a>> {
    let matrix = selected.matrix;
    let listed = |(check, left): &'a (Check, Option<Left>)| Listed {
        id: check.id.as_str(),
        title: &check.title,
        suite: check.id.suite(),
        scope: if check.scope == Scope::Cluster { "cluster" } else { "variant" },
        benchmarks: benchmarks(check, matrix),
        opt_in: check.opt_in,
        selected: left.is_none(),
        why_not: left.map(Left::why),
        not_applicable: selected::not_applicable(check, matrix)
            .into_iter()
            .map(|(variant, reason)| NotApplicable { variant, reason })
            .collect(),
    };
    selected.checks.iter().map(listed).collect()
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
