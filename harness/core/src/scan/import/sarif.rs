//! SARIF 2.1.0 (OASIS): results of static analysers and scanners, folded rule by rule while they are read.

mod form;
mod rules;

use std::io::BufRead;

use amiproof_model::verdict::Verdict;

use self::form::{Log, Message, Notification, Rule, Run, SarifResult, Suppression, Tool};
use self::rules::Rules;
use super::document::{Answer, Document, Index, fail, line, severity, time, title, word};
use super::json::Scalar;
use super::own::Own;
use super::xml::clip;
use super::{ImportError, json};

/// Reads a SARIF log.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let log: Log = json::read("SARIF", reader)?;
    match log.version {
        Some(version) if version.0 == "2.1.0" => {}
        Some(other) => return Err(ImportError::Version { what: "SARIF", found: clip(other.0, 20), reads: "2.1.0" }),
        None => return Err(ImportError::NotThis { wanted: "SARIF", found: "JSON without a version".to_owned() }),
    }
    let mut document = Document { content: "SARIF".to_owned(), ..Document::default() };
    let mut index = Index::new();
    for run in log.runs.0 {
        one_run(run, &mut document, &mut index)?;
    }
    if log.inline_external_properties.0.iter().any(|external| !external.results.0.is_empty()) {
        let reason = "results of its runs are in inlineExternalProperties, which are not read";
        document.notes.push(reason.to_owned());
        let heading = "all results of the file are read";
        document.add(&mut index, Answer::new("external", heading, Verdict::NotEvaluated(reason.to_owned())))?;
    }
    if document.answers.is_empty() { Err(ImportError::NoResults { what: "run" }) } else { Ok(document) }
}

fn one_run(run: Run, document: &mut Document, index: &mut Index) -> Result<(), ImportError> {
    let Tool { driver, extensions } = run.tool;
    let name = word(&driver.name.0);
    if document.scanner.is_empty() {
        document.scanner.clone_from(&name);
        document.version =
            driver.version.as_ref().or(driver.semantic_version.as_ref()).map(|it| clip(it.0.clone(), 40));
    } else if document.scanner != name {
        document.notes.push(format!("the file also holds runs of {}", line(&driver.name.0)));
    }
    let mut broken = None;
    for invocation in &run.invocations.0 {
        let ended = invocation.end_time_utc.as_ref().and_then(|text| time(&text.0));
        document.when = document.when.or(ended);
        if invocation.execution_successful == Some(false) {
            broken = Some("the tool reports that its run did not succeed");
        }
        let (execution, configuration) =
            (&invocation.tool_execution_notifications.0, &invocation.tool_configuration_notifications.0);
        let is_error = |one: &Notification| one.level.as_ref().is_some_and(|level| level.0 == "error");
        if execution.iter().chain(configuration).any(is_error) {
            broken = broken.or(Some("the tool notes an error of its own run, so it may have missed something"));
        }
    }
    if run.external_property_file_references.is_some_and(|external| !external.results.0.is_empty()) {
        broken = broken.or(Some("its results are in other files, which are not read"));
    }
    if run.results.is_none() {
        // Absent and `null` mean that the tool did not look for results (3.14.23), which is not the same as an empty
        // list.
        broken = broken.or(Some("the run has no list of results: the tool did not look for any"));
    }
    let rules = Rules::of(&driver, &extensions.0);
    let is_own = name == super::own::NAME;
    let (mut counted, mut gone) = (0_usize, 0_usize);
    for result in run.results.unwrap_or_default().0 {
        // What an earlier run found and this one does not (3.27.24).
        if result.baseline_state.as_ref().is_some_and(|state| state.0 == "absent") {
            gone += 1;
            continue;
        }
        counted += 1;
        let rule = rules.find(&result);
        let reference = result.rule.as_ref();
        let id = result.rule_id.as_ref().or_else(|| reference?.id.as_ref()).map(|id| id.0.as_str());
        let id = id.or_else(|| rule.map(|rule| rule.id.0.as_str())).unwrap_or("unnamed").to_owned();
        let own = result.properties.as_ref().filter(|_| is_own);
        let own = own.and_then(|own| Own::of(&own.subject, &Scalar(Some(id.clone())), &own.disposition, &own.control));
        let answer = answer(id, &result, rule);
        document.add(
            index,
            match own {
                Some(own) => own.answer(answer),
                None => answer,
            },
        )?;
    }
    if gone > 0 {
        document.notes.push(format!("{gone} of its results are marked as absent: they no longer occur"));
    }
    let verdict = match broken {
        Some(reason) => Verdict::NotEvaluated(reason.to_owned()),
        // An empty list means that the tool looked and found nothing.
        None if counted == 0 => Verdict::Pass,
        None => return Ok(()),
    };
    if let Verdict::NotEvaluated(reason) = &verdict {
        document.notes.push(reason.clone());
    }
    document.add(index, Answer::new("run", format!("{} completed", line(&driver.name.0)), verdict))
}

fn answer(id: String, result: &SarifResult, rule: Option<&Rule>) -> Answer {
    let text = |message: Option<&Message>| message.and_then(|message| message.text.clone()).unwrap_or_default().0;
    let short = title(&text(rule.and_then(|rule| rule.short_description.as_ref())));
    let name = rule.and_then(|rule| rule.name.clone()).unwrap_or_default().0;
    let heading = [short, title(&name), id.clone()].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let default = || rule?.default_configuration.as_ref()?.level.as_ref();
    let level = result.level.as_ref().or_else(default).map_or("warning", |level| level.0.as_str());
    let score = rule.and_then(|rule| rule.properties.security_severity.0.as_deref()).and_then(score);
    let has_identifier = id.starts_with("CVE-") || id.starts_with("CCE-");
    Answer {
        severity: score.or_else(|| severity(level)),
        identifiers: if has_identifier { vec![clip(id.clone(), 100)] } else { Vec::new() },
        verdict: verdict(result, text(rule.and_then(|rule| rule.help.as_ref()))),
        ..Answer::new(clip(id, 500), heading, Verdict::Pass)
    }
}

/// The words for a CVSS score, as GitHub draws the lines.
fn score(text: &str) -> Option<amiproof_model::report::Severity> {
    let score: f64 = text.parse().ok()?;
    severity(match score {
        9.0.. => "critical",
        7.0.. => "high",
        4.0.. => "medium",
        _ => "low",
    })
}

/// What a result means by its kind (3.27.9); one without a kind is a failure.
fn verdict(result: &SarifResult, help: String) -> Verdict {
    let message = result.message.as_ref().and_then(|message| message.text.clone()).unwrap_or_default().0;
    let summary = if message.is_empty() { "the file gives no message".to_owned() } else { line(&message) };
    match result.kind.as_ref().map(|kind| kind.0.as_str()) {
        Some("pass") => Verdict::Pass,
        Some("notApplicable") => Verdict::NotApplicable(summary),
        Some("informational") => Verdict::NotApplicable(format!("for information only: {summary}")),
        Some("review") => Verdict::Manual(summary),
        // The tool did not have enough information to decide.
        Some("open") => Verdict::NotEvaluated(summary),
        None | Some("fail") => {
            let uri = result
                .locations
                .0
                .iter()
                .find_map(|location| location.physical_location.as_ref()?.artifact_location.as_ref()?.uri.as_ref());
            let resource = uri.map(|uri| line(&uri.0)).unwrap_or_default();
            let suppressed =
                suppressed(result).map(|why| format!(" (suppressed in the file: {why})")).unwrap_or_default();
            fail(&resource, format!("{summary}{suppressed}"), message, help)
        }
        Some(other) => Verdict::NotEvaluated(format!("the file gives the unknown kind '{}'", line(other))),
    }
}

/// The reason of a suppression in the file. That is not a waiver: it has no owner and no expiry date.
fn suppressed(result: &SarifResult) -> Option<String> {
    let accepted = |suppression: &&Suppression| suppression.status.as_ref().is_none_or(|status| status.0 == "accepted");
    let suppression = result.suppressions.as_ref()?.0.iter().find(accepted)?;
    let why = suppression.justification.as_ref().map(|text| line(&text.0)).filter(|why| !why.is_empty());
    Some(why.unwrap_or_else(|| "no reason given".to_owned()))
}

#[cfg(test)]
mod tests;
