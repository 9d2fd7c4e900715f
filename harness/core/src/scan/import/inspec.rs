//! Chef InSpec's JSON report (`inspec exec --reporter json`), which is also how MITRE's Heimdall Data Format looks.

use std::io::BufRead;

use amiproof_model::verdict::Verdict;
use serde::Deserialize;
use serde_json::Value;

use super::ImportError;
use super::document::{Answer, Document, Index, MOST_FINDINGS, fail, is_number, line, severity};
use super::guard::ShortStrings;
use super::xml::clip;

#[derive(Deserialize)]
struct Report {
    version: Option<String>,
    profiles: Option<Vec<Profile>>,
}

#[derive(Deserialize)]
struct Profile {
    name: String,
    title: Option<String>,
    #[serde(default)]
    controls: Vec<Control>,
}

#[derive(Deserialize)]
struct Control {
    id: String,
    title: Option<String>,
    impact: Option<f64>,
    #[serde(default)]
    results: Vec<Check>,
    #[serde(default)]
    tags: Value,
}

#[derive(Deserialize)]
struct Check {
    status: String,
    #[serde(default)]
    code_desc: String,
    message: Option<String>,
    skip_message: Option<String>,
}

/// Reads an InSpec report.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let report: Report =
        serde_json::from_reader(ShortStrings::new(reader)).map_err(|error| ImportError::json("InSpec", &error))?;
    let Some(profiles) = report.profiles else {
        return Err(ImportError::NotThis { wanted: "an InSpec report", found: "JSON without profiles".to_owned() });
    };
    let mut document = Document {
        scanner: "inspec".to_owned(),
        version: report.version.map(|text| clip(text, 40)),
        ..Document::default()
    };
    let mut index = Index::new();
    for profile in profiles {
        if document.content.is_empty() {
            document.content = line(profile.title.as_deref().unwrap_or(&profile.name));
        }
        for control in profile.controls {
            document.add(&mut index, answer(control))?;
        }
    }
    if document.answers.is_empty() { Err(ImportError::NoResults { what: "control" }) } else { Ok(document) }
}

fn answer(control: Control) -> Answer {
    let title =
        control.title.as_deref().map(line).filter(|title| !title.is_empty()).unwrap_or_else(|| control.id.clone());
    // MITRE's profiles of CIS benchmarks carry the number as a tag; others put it into the id.
    let tag =
        control.tags.get("cis_number").or_else(|| control.tags.get("cis")).and_then(Value::as_str).map(str::to_owned);
    let number = tag.filter(|text| is_number(text)).or_else(|| number_in(&control.id));
    Answer {
        number,
        severity: control.impact.and_then(grade),
        verdict: verdict(&control),
        ..Answer::new(clip(control.id, 500), title, Verdict::Pass)
    }
}

/// `cis-dil-benchmark-1.1.1.1` ends with the number.
fn number_in(id: &str) -> Option<String> {
    let last = id.rsplit(['-', '_', ' ']).next()?;
    is_number(last).then(|| last.to_owned())
}

/// InSpec's own words for an impact (docs: "control impact").
fn grade(impact: f64) -> Option<amiproof_model::report::Severity> {
    match impact {
        0.9.. => severity("critical"),
        0.7.. => severity("high"),
        0.4.. => severity("medium"),
        0.01.. => severity("low"),
        _ => None,
    }
}

/// A control fails when one of its tests does; with an impact of 0 it does not apply, as Heimdall reads it.
fn verdict(control: &Control) -> Verdict {
    let failed = || control.results.iter().filter(|check| check.status == "failed");
    let reason =
        |check: &Check| line(check.message.as_deref().or(check.skip_message.as_deref()).unwrap_or(&check.code_desc));
    if control.impact == Some(0.0) {
        let reason = control.results.first().map(&reason).unwrap_or_default();
        return Verdict::NotApplicable(if reason.is_empty() { "its impact is none".to_owned() } else { reason });
    }
    let findings: Vec<_> = failed()
        .take(MOST_FINDINGS)
        .filter_map(|check| {
            match fail(
                &line(&check.code_desc),
                reason(check),
                check.message.clone().map_or(String::new(), |text| clip(text, 2_000)),
                "",
            ) {
                Verdict::Fail(findings) => findings.into_iter().next(),
                _ => None,
            }
        })
        .collect();
    if !findings.is_empty() {
        return Verdict::Fail(findings);
    }
    let skipped = control.results.iter().find(|check| check.status == "skipped");
    match (control.results.is_empty(), skipped) {
        (true, _) => Verdict::NotEvaluated("the report holds no test of this control".to_owned()),
        (false, Some(check)) => Verdict::Manual(format!("skipped by InSpec: {}", reason(check))),
        (false, None) if control.results.iter().all(|check| check.status == "passed") => Verdict::Pass,
        (false, None) => {
            Verdict::NotEvaluated("a test of this control has a status that InSpec does not document".to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
