//! SARIF 2.1.0 (OASIS): results of static analysers and scanners, folded rule by rule while they are read.

use std::collections::HashMap;
use std::io::BufRead;

use amiproof_model::verdict::Verdict;
use serde::Deserialize;

use super::ImportError;
use super::document::{Answer, Document, Index, fail, line, severity, word};
use super::guard::ShortStrings;
use super::xml::clip;

#[derive(Deserialize)]
struct Log {
    version: Option<String>,
    #[serde(default)]
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    /// Absent and `null` both say that the tool did not look for results (3.14.23); that is something else than none.
    results: Option<Vec<SarifResult>>,
    #[serde(default)]
    invocations: Vec<Invocation>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Driver,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: String,
    version: Option<String>,
    semantic_version: Option<String>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    name: Option<String>,
    short_description: Option<Text>,
    help: Option<Text>,
    default_configuration: Option<Configuration>,
    #[serde(default)]
    properties: Properties,
}

#[derive(Deserialize)]
struct Configuration {
    level: Option<String>,
}

/// GitHub's convention for security results: a CVSS score as text.
#[derive(Default, Deserialize)]
struct Properties {
    #[serde(rename = "security-severity")]
    security_severity: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Text {
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: Option<bool>,
    end_time_utc: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<Reference>,
    kind: Option<String>,
    level: Option<String>,
    message: Option<Text>,
    #[serde(default)]
    locations: Vec<Location>,
    suppressions: Option<Vec<Suppression>>,
}

#[derive(Deserialize)]
struct Reference {
    id: Option<String>,
    index: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Option<Physical>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Option<Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    uri: Option<String>,
}

#[derive(Deserialize)]
struct Suppression {
    status: Option<String>,
    justification: Option<String>,
}

/// Reads a SARIF log.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let log: Log =
        serde_json::from_reader(ShortStrings::new(reader)).map_err(|error| ImportError::json("SARIF", &error))?;
    match log.version.as_deref() {
        Some("2.1.0") => {}
        Some(other) => {
            return Err(ImportError::Version { what: "SARIF", found: clip(other.to_owned(), 20), reads: "2.1.0" });
        }
        None => return Err(ImportError::NotThis { wanted: "SARIF", found: "JSON without a version".to_owned() }),
    }
    let mut document = Document { content: "SARIF".to_owned(), ..Document::default() };
    let mut index = Index::new();
    let mut empty = 0;
    for run in log.runs {
        empty += usize::from(run.results.as_ref().is_none_or(Vec::is_empty));
        one_run(run, &mut document, &mut index)?;
    }
    if document.answers.is_empty() {
        return Err(ImportError::NoResults {
            what: "result in its runs; a clean scan cannot be told from one that did not run",
        });
    }
    if empty > 0 {
        document.notes.push(format!("{empty} of its runs hold no result"));
    }
    Ok(document)
}

fn one_run(run: Run, document: &mut Document, index: &mut Index) -> Result<(), ImportError> {
    let driver = run.tool.driver;
    if document.scanner.is_empty() {
        document.scanner = word(&driver.name);
        document.version = driver.version.or(driver.semantic_version).map(|version| clip(version, 40));
    } else if document.scanner != word(&driver.name) {
        document.notes.push(format!("the file holds runs of {} too", line(&driver.name)));
    }
    for invocation in &run.invocations {
        document.when = document.when.or_else(|| invocation.end_time_utc.as_deref().and_then(|text| text.parse().ok()));
        if invocation.execution_successful == Some(false) {
            let reason = "the tool says of itself that its run did not succeed".to_owned();
            document.notes.push(reason.clone());
            document.add(index, Answer::new("run", "the tool ran to its end", Verdict::NotEvaluated(reason)))?;
        }
    }
    let positions: HashMap<&str, usize> =
        driver.rules.iter().enumerate().map(|(at, rule)| (rule.id.as_str(), at)).collect();
    for result in run.results.unwrap_or_default() {
        let reference = result.rule.as_ref();
        let at = result.rule_index.or(reference.and_then(|rule| rule.index)).and_then(|at| usize::try_from(at).ok());
        let id = result.rule_id.clone().or_else(|| reference.and_then(|rule| rule.id.clone()));
        // `ruleId` may be more precise than the rule's own id: `CA1000/1` (3.27.5).
        let by_id =
            id.as_deref().and_then(|id| positions.get(id).or_else(|| positions.get(id.split('/').next()?))).copied();
        let rule = at.or(by_id).and_then(|at| driver.rules.get(at));
        let id = id.or_else(|| rule.map(|rule| rule.id.clone())).unwrap_or_else(|| "unnamed".to_owned());
        document.add(index, answer(id, &result, rule))?;
    }
    Ok(())
}

fn answer(id: String, result: &SarifResult, rule: Option<&Rule>) -> Answer {
    let text = |text: Option<&Text>| text.and_then(|text| text.text.clone()).unwrap_or_default();
    let short = line(&text(rule.and_then(|rule| rule.short_description.as_ref())));
    let name = rule.and_then(|rule| rule.name.clone()).unwrap_or_default();
    let title = [short, line(&name), id.clone()].into_iter().find(|title| !title.is_empty()).unwrap_or_default();
    let level =
        result.level.as_deref().or_else(|| rule?.default_configuration.as_ref()?.level.as_deref()).unwrap_or("warning");
    let score = rule.and_then(|rule| rule.properties.security_severity.as_ref()).and_then(score);
    let identifiers =
        if id.starts_with("CVE-") || id.starts_with("CCE-") { vec![clip(id.clone(), 100)] } else { Vec::new() };
    Answer {
        severity: score.or_else(|| severity(level)),
        identifiers,
        verdict: verdict(result, text(rule.and_then(|rule| rule.help.as_ref()))),
        ..Answer::new(clip(id, 500), title, Verdict::Pass)
    }
}

/// The words for a CVSS score, as GitHub draws the lines.
fn score(value: &serde_json::Value) -> Option<amiproof_model::report::Severity> {
    let score = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    severity(match score {
        9.0.. => "critical",
        7.0.. => "high",
        4.0.. => "medium",
        _ => "low",
    })
}

/// What a result means by its kind (3.27.9); one without a kind is a failure.
fn verdict(result: &SarifResult, help: String) -> Verdict {
    let message = result.message.as_ref().and_then(|message| message.text.clone()).unwrap_or_default();
    let said = if message.is_empty() { "the file does not say what".to_owned() } else { line(&message) };
    match result.kind.as_deref() {
        Some("pass") => Verdict::Pass,
        Some("notApplicable") => Verdict::NotApplicable(said),
        Some("informational") => Verdict::NotApplicable(format!("for information only: {said}")),
        Some("open" | "review") => Verdict::Manual(said),
        None | Some("fail") => {
            let uri = result
                .locations
                .iter()
                .find_map(|location| location.physical_location.as_ref()?.artifact_location.as_ref()?.uri.as_deref());
            let suppressed =
                suppressed(result).map(|why| format!(" (suppressed in the file: {why})")).unwrap_or_default();
            fail(&line(uri.unwrap_or_default()), format!("{said}{suppressed}"), clip(message, 2_000), clip(help, 1_000))
        }
        Some(other) => Verdict::NotEvaluated(format!("the file gives the unknown kind '{}'", line(other))),
    }
}

/// Why a result was suppressed by whoever made the file. That is no waiver: nobody here signed for it, and it has no date.
fn suppressed(result: &SarifResult) -> Option<String> {
    let accepted = |suppression: &&Suppression| suppression.status.as_deref().is_none_or(|status| status == "accepted");
    let suppression = result.suppressions.as_ref()?.iter().find(accepted)?;
    Some(
        suppression
            .justification
            .as_deref()
            .map(line)
            .filter(|why| !why.is_empty())
            .unwrap_or_else(|| "no reason given".to_owned()),
    )
}

#[cfg(test)]
mod tests;
