//! `amiproof list controls`: the controls of the benchmarks of a matrix, what evaluates each, on which variants, and why not on others.

use amiproof_core::check::{Applies, Check};
use amiproof_model::benchmark as numbers;
use amiproof_model::matrix::Variant;
use amiproof_model::name::Level;
use amiproof_model::report::Subject;
use amiproof_suites::benchmark;
use serde::Serialize;

use super::super::selected::Left;
use super::chosen::{Selected, benchmarks};
use crate::output::Failure;

/// The suites that evaluate controls.
const SCANS: [&str; 3] = ["os-cis", "kube-bench", "eks-cis"];

/// A benchmark, as far as one suite evaluates it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed<'a> {
    benchmark: String,
    suite: &'static str,
    selected: bool,
    /// Why no check of the suite is selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<&'static str>,
    /// Whether amiproof knows which controls the benchmark has. If not, they come with the results of the scanner.
    is_known: bool,
    controls: Vec<Control<'a>>,
}

/// A control.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Control<'a> {
    number: &'static str,
    level: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'static str>,
    /// The scanner, or that a person must look.
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluated_by: Option<&'static str>,
    /// The variants that it is evaluated on; `cluster` for the cluster.
    on: Vec<&'a str>,
    not_applicable: Vec<NotApplicable<'a>>,
}

/// A variant that a control does not apply to.
#[derive(Debug, Serialize)]
struct NotApplicable<'a> {
    variant: &'a str,
    reason: String,
}

pub(super) fn listed<'a>(selected: &'a Selected<'a>) -> Result<Vec<Listed<'a>>, Failure> {
    let mut all = Vec::new();
    for suite in SCANS {
        let own: Vec<&(Check, Option<Left>)> =
            selected.checks.iter().filter(|(check, _)| check.id.suite() == suite).collect();
        let mut named: Vec<String> = own.iter().flat_map(|(check, _)| benchmarks(check, selected.matrix)).collect();
        named.sort();
        named.dedup();
        for benchmark in named {
            let is_selected = own.iter().any(|(_, left)| left.is_none());
            let why_not = own.iter().find_map(|(_, left)| *left).filter(|_| !is_selected).map(Left::why);
            let checks: Vec<&Check> = own.iter().map(|(check, _)| check).collect();
            let controls = controls(suite, &benchmark, &checks, &selected.matrix.variants)?;
            let is_known = numbers::controls(&benchmark).is_some();
            all.push(Listed { benchmark, suite, selected: is_selected, why_not, is_known, controls });
        }
    }
    Ok(all)
}

fn controls<'a>(
    suite: &str,
    benchmark: &str,
    checks: &[&Check],
    variants: &'a [Variant],
) -> Result<Vec<Control<'a>>, Failure> {
    let defect = |error: &dyn std::fmt::Display| Failure::error(error.to_string(), "this is a bug in amiproof");
    let catalogue = benchmark::find(benchmark).map_err(|error| defect(error))?;
    let of_nodes = suite != "eks-cis";
    let subject = match (of_nodes, variants.first()) {
        (true, Some(variant)) => Subject::Variant(variant.name.clone()),
        _ => Subject::Cluster,
    };
    let (Some(all), Some(asked)) = (numbers::controls(benchmark), numbers::asked(benchmark, &subject, None)) else {
        return Ok(Vec::new());
    };
    let scanned = variants.iter().filter(|_| of_nodes);
    let scanned = scanned.filter_map(|variant| Some((variant, self::level(suite, benchmark, variant, variants)?)));
    let scanned: Vec<(&'a Variant, Level)> = scanned.collect();
    let mut listed = Vec::new();
    for (number, level) in all.filter(|(number, _)| asked.contains(number)) {
        let known = catalogue.and_then(|all| all.controls.iter().find(|control| control.id.number() == number));
        let (mut on, mut not_applicable) = (Vec::new(), Vec::new());
        for (variant, of_variant) in &scanned {
            let name = variant.name.as_str();
            match no_check(checks, variant) {
                Some(why) => not_applicable.push(NotApplicable { variant: name, reason: why.to_owned() }),
                None if level > *of_variant => {
                    let reason = format!("evaluated up to level {} only", u8::from(*of_variant));
                    not_applicable.push(NotApplicable { variant: name, reason });
                }
                None => on.push(name),
            }
        }
        if !of_nodes {
            on.push("cluster");
        }
        listed.push(Control {
            number,
            level: level.into(),
            title: known.map(|control| control.title.as_str()),
            evaluated_by: known.map(|control| control.judged.description()),
            on,
            not_applicable,
        });
    }
    Ok(listed)
}

/// The level at which a suite evaluates a benchmark on a variant; `None` if it does not. A stock image is scanned at level 1 with the benchmark
/// of its hardened counterparts, for information.
fn level(suite: &str, benchmark: &str, variant: &Variant, all: &[Variant]) -> Option<Level> {
    let is_of = |variant: &Variant| variant.hardening.as_ref().is_some_and(|own| own.benchmark.as_str() == benchmark);
    match &variant.hardening {
        _ if suite != "os-cis" => Some(Level::Two),
        Some(own) => is_of(variant).then_some(own.level),
        None => all.iter().any(|other| other.family == variant.family && is_of(other)).then_some(Level::One),
    }
}

/// Why no check of a suite applies to a variant.
fn no_check(checks: &[&Check], variant: &Variant) -> Option<&'static str> {
    let mut reasons = checks.iter().map(|check| match (check.applies)(variant) {
        Applies::Yes => None,
        Applies::No(why) => Some(why),
    });
    let first = reasons.next()?;
    if reasons.any(|reason| reason.is_none()) { None } else { first }
}

pub(super) fn text(listed: &[Listed<'_>]) -> String {
    let mut lines = Vec::new();
    for benchmark in listed {
        let count = benchmark.controls.len();
        let what = if benchmark.is_known {
            format!("{count} controls")
        } else {
            "its controls are not known here, and come with the results of the scanner".to_owned()
        };
        lines.push(format!("{} by the suite {}: {what}", benchmark.benchmark, benchmark.suite));
        if let Some(why) = benchmark.why_not {
            lines.push(format!("  not selected: {why}"));
        }
        let mark = if benchmark.selected { "+" } else { "-" };
        for control in &benchmark.controls {
            let mark = if control.on.is_empty() { "-" } else { mark };
            let mut words = vec![format!("{mark} {:<12} L{}", control.number, control.level)];
            words.extend(control.title.map(str::to_owned));
            words.extend(control.evaluated_by.map(|by| format!("({by})")));
            if !control.on.is_empty() {
                words.push(format!("on {}", control.on.join(", ")));
            }
            lines.push(words.join(" "));
            lines.extend(
                control.not_applicable.iter().map(|it| format!("    not applicable on {}: {}", it.variant, it.reason)),
            );
        }
    }
    if listed.is_empty() {
        lines.push("the matrix names no benchmark whose controls are evaluated".to_owned());
    }
    let of: usize =
        listed.iter().filter(|benchmark| benchmark.selected).map(|benchmark| benchmark.controls.len()).sum();
    lines.push(format!("{of} controls are selected; `amiproof controls` describes those of EKS benchmarks"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::selected;
    use crate::files::{self, Inputs};

    const MATRIX: &str = "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: m}\n\
        cluster: {name: c, region: us-west-2, kubernetesVersion: \"1.33\", create: true}\nsuites: {exclude: [eks-cis]}\nvariants:\n  \
        - {name: stock, family: al2023, ami: {ssm: recommended}}\n  \
        - {name: l1, family: al2023, reference: stock, hardening: {benchmark: cis-al2023-1.0.0, level: 1}, ami: {id: ami-0123456789abcdef0}}\n  \
        - {name: l2, family: al2023, reference: stock, hardening: {benchmark: cis-al2023-1.0.0, level: 2}, ami: {id: ami-0123456789abcdef1}}\n  \
        - {name: bottle, family: bottlerocket, hardening: {benchmark: cis-bottlerocket-1.0.0, level: 1}, ami: {id: ami-0123456789abcdef2}}\n";

    fn of<'a>(inputs: &'a Inputs) -> Selected<'a> {
        let checks = selected::every(inputs, &[]).unwrap().into_iter();
        let checks = checks.map(|check| {
            let left = selected::left(&check, &inputs.matrix, inputs, &[]);
            (check, left)
        });
        Selected { matrix: &inputs.matrix, checks: checks.collect() }
    }

    #[test]
    fn each_control_says_on_which_variants_it_is_evaluated_and_why_not_on_others() {
        let inputs = files::without_file("m", MATRIX).unwrap();
        let selected = of(&inputs);
        let listed = listed(&selected).unwrap();
        let text = text(&listed);
        let of_a_benchmark = |line: &&str| !line.starts_with(['+', '-', ' ']);
        let heads: Vec<&str> = text.lines().filter(of_a_benchmark).collect();
        insta::assert_snapshot!(heads.join("\n"));
        for part in [
            "+ 1.1.1.1      L2 on l2\n    not applicable on stock: evaluated up to level 1 only\n    not applicable on l1: ",
            "+ 1.1.1.4      L1 on stock, l1, l2\n+ 1.1.1.5",
            "  not selected: suites.exclude of the matrix\n- 2.1.1",
        ] {
            assert!(text.contains(part), "no '{part}' in:\n{text}");
        }
    }
}
