//! Chef InSpec's JSON report (`inspec exec --reporter json`), which is also how MITRE's Heimdall Data Format looks.

use std::io::BufRead;

use amiproof_model::verdict::{Finding, Verdict};
use serde::Deserialize;

use super::ImportError;
use super::document::{Answer, Document, Index, MOST_FINDINGS, is_number, line, severity};
use super::json::{self, List, Scalar, Text};
use super::xml::clip;

#[derive(Deserialize)]
struct Report {
    version: Option<Text>,
    profiles: Option<List<Profile>>,
}

#[derive(Deserialize)]
struct Profile {
    name: Text,
    title: Option<Text>,
    #[serde(default)]
    controls: List<Control>,
}

#[derive(Deserialize)]
struct Control {
    id: Text,
    title: Option<Text>,
    impact: Option<f64>,
    #[serde(default)]
    results: List<Check>,
    #[serde(default)]
    tags: Tags,
}

/// The two tags under which profiles of CIS benchmarks carry the number.
#[derive(Default, Deserialize)]
struct Tags {
    #[serde(default)]
    cis_number: Scalar,
    #[serde(default)]
    cis: Scalar,
}

#[derive(Deserialize)]
struct Check {
    status: Text,
    #[serde(default)]
    code_desc: Text,
    message: Option<Text>,
    skip_message: Option<Text>,
}

/// Reads an InSpec report.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let report: Report = json::read("InSpec", reader)?;
    let Some(profiles) = report.profiles else {
        return Err(ImportError::NotThis { wanted: "an InSpec report", found: "JSON without profiles".to_owned() });
    };
    let mut document = Document {
        scanner: "inspec".to_owned(),
        version: report.version.map(|text| clip(text.0, 40)),
        ..Document::default()
    };
    let mut index = Index::new();
    for profile in profiles.0 {
        if document.content.is_empty() {
            document.content = line(&profile.title.as_ref().unwrap_or(&profile.name).0);
        }
        for control in profile.controls.0 {
            document.add(&mut index, answer(control))?;
        }
    }
    if document.answers.is_empty() { Err(ImportError::NoResults { what: "control" }) } else { Ok(document) }
}

fn answer(control: Control) -> Answer {
    let title = control.title.as_ref().map(|title| line(&title.0)).filter(|title| !title.is_empty());
    // MITRE's profiles of CIS benchmarks carry the number as a tag; others put it into the id.
    let tag = control.tags.cis_number.0.clone().or_else(|| control.tags.cis.0.clone());
    let number = tag.filter(|text| is_number(text)).or_else(|| number_in(&control.id.0));
    let verdict = verdict(&control);
    let id = clip(control.id.0, 500);
    Answer {
        number,
        severity: control.impact.and_then(grade),
        verdict,
        ..Answer::new(id.clone(), title.unwrap_or(id), Verdict::Pass)
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
    let reason =
        |check: &Check| line(&check.message.as_ref().or(check.skip_message.as_ref()).unwrap_or(&check.code_desc).0);
    let checks = &control.results.0;
    if control.impact == Some(0.0) {
        let reason = checks.first().map(&reason).filter(|reason| !reason.is_empty());
        return Verdict::NotApplicable(reason.unwrap_or_else(|| "its impact is none".to_owned()));
    }
    let failed = checks.iter().filter(|check| check.status.0 == "failed").take(MOST_FINDINGS);
    let findings: Vec<Finding> = failed
        .map(|check| {
            let detail = check.message.clone().unwrap_or_default().0;
            Finding::new(line(&check.code_desc.0), reason(check)).with_detail(detail)
        })
        .collect();
    let skipped = checks.iter().find(|check| check.status.0 == "skipped");
    match (findings.is_empty(), checks.is_empty(), skipped) {
        (false, ..) => Verdict::Fail(findings),
        (_, true, _) => Verdict::NotEvaluated("the report holds no test of this control".to_owned()),
        (_, false, Some(check)) => Verdict::Manual(format!("skipped by InSpec: {}", reason(check))),
        (_, false, None) if checks.iter().all(|check| check.status.0 == "passed") => Verdict::Pass,
        (_, false, None) => {
            Verdict::NotEvaluated("a test of this control has a status that InSpec does not document".to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
