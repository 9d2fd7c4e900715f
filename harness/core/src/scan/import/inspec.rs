//! Chef InSpec's JSON report (`inspec exec --reporter json`), and MITRE's Heimdall Data Format (HDF),
//! the same schema, written by other tools: `exec-json.json` of heimdall2's `inspecjs`.
//!
//! Heimdall derives a control's state from its results in this order: an error, a waiver or an impact of 0 (not applicable), no result (an
//! error), a failure, a pass. Waivers in the file are not waivers of the run: what failed under one counts as
//! failed here.

mod form;
mod merge;

use std::io::BufRead;

use amiproof_model::verdict::{Finding, Verdict};
use amiproof_model::vocabulary::number_in;

use self::form::{Check, Control, Profile, Report};
use super::document::{Answer, Document, Index, MAX_FINDINGS, line, severity, title};
use super::json::Text;
use super::xml::clip;
use super::{ImportError, json};

/// The scanner name of InSpec itself.
pub(super) const INSPEC: &str = "inspec";

/// The scanner name for an HDF file, which does not name the tool that its data came from.
pub(super) const HDF: &str = "hdf";

/// Reads an InSpec report, or one in HDF.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead, scanner: &str) -> Result<Document, ImportError> {
    let report: Report = json::read("InSpec", reader)?;
    let total = report.total();
    let Some(profiles) = report.profiles else {
        return Err(ImportError::NotThis { wanted: "an InSpec report", found: "JSON without profiles".to_owned() });
    };
    let mut document = Document {
        scanner: scanner.to_owned(),
        version: report.version.map(|text| clip(text.0, 40)),
        ..Document::default()
    };
    let mut index = Index::new();
    for profile in &profiles.0 {
        if document.content.is_empty() {
            document.content = title(&profile.title.as_ref().unwrap_or(&profile.name).0);
        }
        for (name, reason) in not_run(profile) {
            document.notes.push(reason.clone());
            let id = format!("profile.{name}");
            let heading = format!("the profile {name} was run");
            document.add(&mut index, Answer::new(id, heading, Verdict::NotEvaluated(reason)))?;
        }
    }
    let controls = merge::merged(profiles.0);
    let held = controls.len() as u64;
    if held > 0 && controls.iter().all(|control| control.tags.own().is_some()) {
        super::own::NAME.clone_into(&mut document.scanner);
    }
    for control in controls {
        document.add(&mut index, answer(control))?;
    }
    if let Some(total) = total.filter(|total| *total > held) {
        let reason = format!("its statistics declare {total} controls, but it contains {held}");
        document.notes.push(reason.clone());
        let heading = "the file contains every control that it declares";
        document.add(&mut index, Answer::new("statistics", heading, Verdict::NotEvaluated(reason)))?;
    }
    if document.answers.is_empty() { Err(ImportError::NoResults { what: "control" }) } else { Ok(document) }
}

/// The profiles that InSpec skipped or could not load, according to their own status and that of their dependencies.
fn not_run(profile: &Profile) -> Vec<(String, String)> {
    let note = |name: &str, status: &Option<Text>, messages: [&Option<Text>; 2]| {
        let status = status.as_ref().map(|status| status.0.as_str())?;
        if matches!(status, "" | "loaded") {
            return None;
        }
        let why = messages.into_iter().flatten().map(|text| line(&text.0)).find(|text| !text.is_empty());
        let why = why.unwrap_or_else(|| "the report gives no reason".to_owned());
        let name = title(name);
        Some((name.clone(), format!("InSpec reports the profile {name} as {}: {why}", line(status))))
    };
    let own = note(&profile.name.0, &profile.status, [&profile.status_message, &profile.skip_message]);
    let others = profile.depends.0.iter().filter_map(|one| {
        let name = one.name.as_ref().map_or("unnamed", |name| name.0.as_str());
        note(name, &one.status, [&one.status_message, &one.skip_message])
    });
    own.into_iter().chain(others).collect()
}

fn answer(control: Control) -> Answer {
    let heading = control.title.as_ref().map(|text| title(&text.0)).filter(|text| !text.is_empty());
    // MITRE's profiles of CIS benchmarks carry the number as a tag; others put it into the id.
    let numbers = match control.tags.numbers() {
        [] => number_in(&control.id.0).map(str::to_owned).into_iter().collect(),
        tags => tags.to_vec(),
    };
    let verdict = verdict(&control);
    let own = control.tags.own();
    let id = if control.id.0.is_empty() { "unnamed".to_owned() } else { clip(control.id.0, 500) };
    let answer = Answer {
        numbers,
        severity: control.impact.and_then(grade),
        verdict,
        ..Answer::new(id.clone(), heading.unwrap_or(id), Verdict::Pass)
    };
    match own {
        Some(own) => own.answer(answer),
        None => answer,
    }
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

/// How InSpec begins the message of a control that a condition of its profile (`only_if`) kept from being run, as `prepare_checks` of
/// its `rule.rb` writes it. A test that a profile skips by itself ("ask a person") begins differently.
const NOT_RUN: &str = "Skipped control due to ";

/// A control fails when one of its tests does; with an impact of 0 it does not apply, as Heimdall reads it.
fn verdict(control: &Control) -> Verdict {
    let reason =
        |check: &Check| line(&check.message.as_ref().or(check.skip_message.as_ref()).unwrap_or(&check.code_desc).0);
    let checks = &control.results.0;
    let is_error =
        |check: &&Check| check.status.0 == "error" || check.backtrace.as_ref().is_some_and(|lines| !lines.0.is_empty());
    let errored = checks.iter().find(is_error);
    if errored.is_none() && !checks.is_empty() && checks.iter().all(|check| check.status.0 == "not_applicable") {
        let reason = checks.first().map(&reason).filter(|reason| !reason.is_empty());
        return Verdict::NotApplicable(reason.unwrap_or_else(|| "the file marks it as not applicable".to_owned()));
    }
    if errored.is_none() && control.impact == Some(0.0) {
        let reason = checks.first().map(&reason).filter(|reason| !reason.is_empty());
        return Verdict::NotApplicable(reason.unwrap_or_else(|| "its impact is 0".to_owned()));
    }
    let failed = checks.iter().filter(|check| check.status.0 == "failed").take(MAX_FINDINGS);
    let findings: Vec<Finding> = failed
        .map(|check| {
            let detail = check.message.clone().unwrap_or_default().0;
            Finding::new(line(&check.code_desc.0), reason(check)).with_detail(detail)
        })
        .collect();
    let skipped = checks.iter().find(|check| check.status.0 == "skipped");
    let waived = control.waiver_data.as_ref().filter(|waiver| waiver.skipped());
    let broken = checks.iter().filter(|check| check.status.0 == "passed").filter_map(|check| check.exception.as_ref());
    let broken = broken.map(|text| line(&text.0)).find(|text| !text.is_empty());
    let broken = broken.or_else(|| errored.map(&reason));
    match (findings.is_empty(), checks.is_empty(), skipped) {
        (false, ..) => Verdict::Fail(findings),
        (_, true, _) => Verdict::NotEvaluated("the report contains no test for this control".to_owned()),
        (..) if broken.is_some() => {
            Verdict::NotEvaluated(format!("a test of it errored: {}", broken.unwrap_or_default()))
        }
        (_, false, Some(check)) => match waived {
            Some(waiver) => {
                let why = waiver.justification.as_ref().map(|text| line(&text.0)).filter(|why| !why.is_empty());
                let why = why.unwrap_or_else(|| "no reason given".to_owned());
                Verdict::NotEvaluated(format!("InSpec did not run it because of one of its own waivers: {why}"))
            }
            None if reason(check).starts_with(NOT_RUN) => {
                Verdict::NotEvaluated(format!("InSpec did not run it: {}", reason(check)))
            }
            None => Verdict::Manual(format!("skipped by InSpec: {}", reason(check))),
        },
        // Tests that do not apply do not spoil the ones that passed; the case that none applies is handled above.
        (_, false, None)
            if checks.iter().all(|check| matches!(check.status.0.as_str(), "passed" | "not_applicable")) =>
        {
            Verdict::Pass
        }
        (_, false, None) => {
            let is_other = |check: &&Check| !matches!(check.status.0.as_str(), "passed" | "not_applicable");
            let word = checks.iter().find(is_other).map(|check| line(&check.status.0)).unwrap_or_default();
            Verdict::NotEvaluated(match word.as_str() {
                "" => "a test of this control has no status".to_owned(),
                "pending" => "a test of this control is pending".to_owned(),
                word => format!("a test of this control has the status '{word}', which InSpec does not document"),
            })
        }
    }
}

#[cfg(test)]
mod tests;
