//! What kube-bench's answers mean: one row per control, never greener than the evidence.

use amiproof_model::name::{Benchmark, CheckId, ControlId, NameError};
use amiproof_model::verdict::{Evidence, Finding, Placement, Verdict};

use super::benchmark::node_controls;
use super::parse::{Control, Output, Status};
use crate::check::{Decision, ScanRow};

/// The scanner's name in rows and records.
pub const SCANNER: &str = "kube-bench";

/// What a set of rows is about.
#[derive(Clone, Debug)]
pub struct About {
    /// The benchmark that kube-bench was told to use.
    pub benchmark: Benchmark,
    /// The name of the resource in findings: `node 1`, `cluster`.
    pub resource: String,
    /// Where the Job ran.
    pub placement: Placement,
}

/// The verdict of one control.
///
/// A FAIL with a reason is an audit command that broke, not a control that is not met (kube-bench check/check.go), and says
/// nothing about the node. WARN means that the control was not evaluated or is not scored.
pub fn verdict(control: &Control, resource: &str) -> Verdict {
    match &control.status {
        Status::Pass => Verdict::Pass,
        Status::Fail if !control.reason.is_empty() => {
            Verdict::NotEvaluated(format!("the audit did not run: {}", first_line(&control.reason)))
        }
        Status::Fail => Verdict::Fail(vec![finding(control, resource)]),
        // An unscored control gets WARN where a scored one gets FAIL, even if its audit command broke.
        Status::Warn if control.reason.to_ascii_lowercase().contains("failed to run") => {
            Verdict::NotEvaluated(format!("the audit did not run: {}", first_line(&control.reason)))
        }
        Status::Warn if control.broke() => {
            Verdict::NotEvaluated(format!("kube-bench could not evaluate it: {}", first_line(&control.reason)))
        }
        Status::Warn if control.reason.trim().is_empty() && !control.kind.eq_ignore_ascii_case("manual") => {
            Verdict::Manual(format!("not met, but kube-bench does not score it{}", seen(control)))
        }
        Status::Warn => Verdict::Manual(look_at(control)),
        // `--skip`, or a check that its configuration skips; kube-bench does not report the reason.
        Status::Info => Verdict::NotEvaluated("kube-bench was configured to skip it".to_owned()),
        Status::Missing if !control.reason.is_empty() => Verdict::NotEvaluated(control.reason.clone()),
        Status::Missing => Verdict::NotEvaluated("kube-bench gave no status".to_owned()),
        Status::Unknown(word) => Verdict::NotEvaluated(format!("kube-bench gave the unknown status '{word}'")),
    }
}

/// What a human is to look at: kube-bench says little (`Test marked as a manual test`), the remediation says more.
fn look_at(control: &Control) -> String {
    match first_line(&control.remediation) {
        "" => first_line(&control.reason).to_lowercase(),
        advice => format!("manual, according to kube-bench: {advice}"),
    }
}

fn finding(control: &Control, resource: &str) -> Finding {
    let parts = [("expected", &control.expected), ("found", &control.actual), ("audit", &control.audit)];
    let detail = parts.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!("{name}: {text}"));
    Finding::new(resource, format!("{} is not met{}", control.number, seen(control)))
        .with_detail(detail.collect::<Vec<_>>().join("\n"))
        .with_remediation(&control.remediation)
}

/// `: expected …`, where the output says what it wanted.
fn seen(control: &Control) -> String {
    if control.expected.is_empty() { String::new() } else { format!(": expected {}", first_line(&control.expected)) }
}

fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// One row per control of an output. A control that is listed twice with different results is not evaluated.
///
/// # Errors
/// When kube-bench numbers a control in a way that is not a control number.
pub fn rows(output: &Output, about: &About) -> Result<Vec<ScanRow>, NameError> {
    let mut rows: Vec<ScanRow> = Vec::new();
    for control in &output.controls {
        let new = row(control, about, verdict(control, &about.resource))?;
        match rows.iter_mut().find(|known| known.check == new.check) {
            Some(known) if known.decision.verdict != new.decision.verdict => {
                let number = &control.number;
                known.decision.verdict =
                    Verdict::NotEvaluated(format!("kube-bench lists control {number} twice, with different results"));
            }
            Some(_) => {}
            None => rows.push(new),
        }
    }
    Ok(rows)
}

fn row(control: &Control, about: &About, verdict: Verdict) -> Result<ScanRow, NameError> {
    let id = ControlId::new(&about.benchmark, &control.number)?;
    let evidence = match &verdict {
        Verdict::Pass if control.actual.is_empty() => Vec::new(),
        Verdict::Pass => {
            vec![Evidence { name: "kube-bench: value found".to_owned(), text: control.actual.clone(), file: None }]
        }
        _ => Vec::new(),
    };
    Ok(ScanRow {
        check: CheckId::try_from(format!("kube-bench/{id}"))?,
        title: title(control, &about.benchmark),
        control: Some(id),
        level: None,
        severity: None,
        scanner: SCANNER.to_owned(),
        decision: Decision { verdict, evidence, placements: vec![about.placement.clone()], traffic: Vec::new() },
    })
}

fn title(control: &Control, benchmark: &Benchmark) -> String {
    if !control.title.is_empty() {
        return control.title.clone();
    }
    let known = node_controls(benchmark).into_iter().find(|(number, _)| *number == control.number);
    known.map_or_else(|| format!("control {}", control.number), |(_, topic)| topic.title().to_owned())
}

/// Rows for those of `numbers` that `rows` lacks: not evaluated, and why.
///
/// # Errors
/// When one is not a control number.
pub fn missing_rows<'a>(
    rows: &[ScanRow],
    about: &About,
    numbers: impl IntoIterator<Item = &'a str>,
    reason: &str,
) -> Result<Vec<ScanRow>, NameError> {
    let has =
        |number: &str| rows.iter().any(|row| row.control.as_ref().is_some_and(|control| control.number() == number));
    let missing = numbers.into_iter().filter(|number| !has(number));
    missing
        .map(|number| {
            let control = Control { number: number.to_owned(), ..Control::default() };
            row(&control, about, Verdict::NotEvaluated(reason.to_owned()))
        })
        .collect()
}
