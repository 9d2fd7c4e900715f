//! OCSF, the Open Cybersecurity Schema Framework: compliance findings (class 2003), as a list or as one event per line.
//!
//! `compliance.status_id` decides (`objects/compliance.json` of ocsf-schema: 1 pass, 2 warning, 3 fail), with the
//! checks of the finding (`objects/check.json`), which must agree: a failure anywhere is one. Without a number the
//! caption decides; other captions decide nothing. A finding that was archived or deleted (`status_id` 5 and 6 of the
//! finding itself) is undecided.

use std::io::BufRead;

use amiproof_model::name::Benchmark;
use amiproof_model::verdict::Verdict;
use amiproof_model::vocabulary::{number_in, of_cis_id};
use jiff::Timestamp;
use serde::Deserialize;

use super::ImportError;
use super::document::{Answer, Document, Index, fail, line, severity, title, word};
use super::inspector::Scope;
use super::json::{self, List, Scalar, Text};
use super::own::{self, Own};
use super::xml::clip;

/// The class of compliance findings.
const COMPLIANCE_FINDING: u64 = 2003;

#[derive(Deserialize)]
struct Event {
    class_uid: Option<u64>,
    /// Milliseconds since 1970.
    #[serde(default)]
    time: serde_json::Value,
    activity_id: Option<i64>,
    status_id: Option<i64>,
    severity_id: Option<i64>,
    message: Option<Text>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    finding_info: FindingInfo,
    compliance: Option<Compliance>,
    #[serde(default)]
    resources: List<Resource>,
    /// Before 1.3.
    resource: Option<Resource>,
    remediation: Option<Remediation>,
    unmapped: Option<Unmapped>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    product: Option<Product>,
}

#[derive(Deserialize)]
struct Product {
    name: Option<Text>,
    version: Option<Text>,
}

#[derive(Default, Deserialize)]
struct FindingInfo {
    #[serde(default)]
    uid: Text,
    title: Option<Text>,
    desc: Option<Text>,
}

#[derive(Deserialize)]
struct Compliance {
    control: Option<Text>,
    #[serde(default)]
    standards: List<Text>,
    status_id: Option<i64>,
    status: Option<Text>,
    status_code: Option<Text>,
    status_detail: Option<Text>,
    #[serde(default)]
    status_details: List<Text>,
    #[serde(default)]
    checks: List<Check>,
}

#[derive(Deserialize)]
struct Check {
    #[serde(default)]
    uid: Scalar,
    status_id: Option<i64>,
    status: Option<Text>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    uid: Text,
}

#[derive(Deserialize)]
struct Remediation {
    desc: Option<Text>,
}

/// What amiproof keeps there of its own rows.
#[derive(Deserialize)]
struct Unmapped {
    #[serde(default)]
    subject: Scalar,
}

/// Reads compliance findings; a file without any is rejected. If it also holds other events, a note says so.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let events = json::all::<Event>("OCSF", reader)?;
    let all = events.len();
    let is_one = |event: &Event| event.class_uid == Some(COMPLIANCE_FINDING) && event.compliance.is_some();
    let other = events.iter().find(|event| !is_one(event)).map(|event| event.class_uid);
    let findings: Vec<Event> = events.into_iter().filter(is_one).collect();
    let Some(first) = findings.first() else {
        return Err(match other {
            None => ImportError::NoResults { what: "event" },
            Some(class) => {
                ImportError::NotThis { wanted: "OCSF compliance findings (class 2003)", found: class_name(class) }
            }
        });
    };
    let mut document = Document {
        scanner: product(first),
        version: first.metadata.product.as_ref().and_then(|it| it.version.clone()).map(|text| clip(text.0, 40)),
        content: "OCSF compliance findings".to_owned(),
        ..Document::default()
    };
    if findings.iter().any(|finding| product(finding) != document.scanner) {
        document.scanner = String::new();
        document.version = None;
    }
    let (mut index, mut scope) = (Index::new(), Scope::default());
    for finding in &findings {
        let when = finding.time.as_i64().and_then(|time| Timestamp::from_millisecond(time).ok());
        document.when = document.when.max(when);
        let answer = answer(finding);
        if answer.subject.is_empty() {
            for instance in resources(finding).filter(|id| id.starts_with("i-")) {
                scope.add(instance, "", &answer.id);
            }
        }
        document.add(&mut index, answer)?;
    }
    scope.complete(&mut document)?;
    if let Some(class) = other {
        let left = all - findings.len();
        let reason =
            format!("{left} of its {all} events are not compliance findings and were not read ({})", class_name(class));
        document.notes.push(reason.clone());
        let heading = "all events of the file are read";
        document.add(&mut index, Answer::new("events", heading, Verdict::NotEvaluated(reason)))?;
    }
    Ok(document)
}

fn class_name(class: Option<u64>) -> String {
    match class {
        Some(2004) => "detection findings (class 2004), as Prowler writes them".to_owned(),
        Some(2002) => "vulnerability findings (class 2002)".to_owned(),
        Some(COMPLIANCE_FINDING) => "compliance findings without `compliance`".to_owned(),
        Some(other) => format!("events of class {other}"),
        None => "events without class_uid".to_owned(),
    }
}

fn product(event: &Event) -> String {
    event
        .metadata
        .product
        .as_ref()
        .and_then(|product| product.name.as_ref())
        .map(|name| word(&name.0))
        .unwrap_or_default()
}

/// What the finding is about, instances by their ids.
fn resources(event: &Event) -> impl Iterator<Item = &str> {
    let all = event.resources.0.iter().chain(&event.resource).map(|resource| resource.uid.0.as_str());
    all.filter(|uid| !uid.is_empty()).map(|uid| uid.rsplit_once("instance/").map_or(uid, |(_, id)| id))
}

fn answer(event: &Event) -> Answer {
    let text = |text: &Option<Text>| text.as_ref().map(|text| title(&text.0)).unwrap_or_default();
    let compliance = event.compliance.as_ref();
    let check = compliance.and_then(|compliance| compliance.checks.0.first());
    let checked = check.and_then(|check| check.uid.0.clone()).unwrap_or_default();
    let named = compliance.map(|compliance| text(&compliance.control)).unwrap_or_default();
    let heading = text(&event.finding_info.title);
    // A finding's uid differs between resources, and often between runs.
    let ids = [checked, named.clone(), heading.clone(), event.finding_info.uid.0.clone(), "unnamed".to_owned()];
    let id = ids.into_iter().map(|id| clip(id, 500)).find(|id| !id.is_empty()).unwrap_or_default();
    let (benchmark, number) = compliance.map_or((None, None), control);
    let answer = Answer {
        benchmark,
        numbers: number.into_iter().collect(),
        severity: event.severity_id.and_then(|id| severity(level(id))),
        verdict: verdict(event),
        ..Answer::new(id.clone(), if heading.is_empty() { id } else { heading }, Verdict::Pass)
    };
    match own(event) {
        Some(own) => own.answer(answer),
        None => answer,
    }
}

/// The row of amiproof that an event is, if it is one.
fn own(event: &Event) -> Option<Own> {
    let compliance = event.compliance.as_ref().filter(|_| product(event) == own::NAME)?;
    let text = |text: &Option<Text>| Scalar(text.as_ref().map(|text| text.0.clone()));
    let standard = compliance.standards.0.first().map_or("", |standard| standard.0.as_str());
    let control = compliance.control.as_ref().map(|number| format!("{standard}/{}", number.0));
    Own::of(
        &event.unmapped.as_ref()?.subject,
        &compliance.checks.0.first()?.uid,
        &text(&compliance.status_code),
        &Scalar(control),
    )
}

/// The caption of a severity.
fn level(id: i64) -> &'static str {
    match id {
        2 => "low",
        3 => "medium",
        4 => "high",
        5 | 6 => "critical",
        _ => "",
    }
}

/// The benchmark and the number of its control. A number counts only where the file names the CIS benchmark, or no standard at all:
/// controls of other standards have the same numbers.
fn control(compliance: &Compliance) -> (Option<Benchmark>, Option<String>) {
    let number = compliance.control.as_ref().and_then(|control| number_in(&control.0)).map(str::to_owned);
    let benchmark = compliance.standards.0.iter().find_map(|standard| benchmark(&standard.0));
    match (&benchmark, compliance.standards.0.is_empty()) {
        (Some(_), _) | (None, true) => (benchmark, number),
        (None, false) => (None, None),
    }
}

/// Turns `CIS Amazon Linux 2023 Benchmark v1.0.0` into amiproof's name; a name in that form stays.
fn benchmark(name: &str) -> Option<Benchmark> {
    if let Some(known) = name.parse().ok().filter(|known: &Benchmark| known.as_str().starts_with("cis-")) {
        return Some(known);
    }
    let words: Vec<&str> = name.split_whitespace().collect();
    let is_version = |word: &&str| {
        let bare = word.trim_start_matches(['v', 'V']);
        bare.contains('.') && bare.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let version = words.iter().rev().find(|word| is_version(word))?;
    let rest: Vec<&str> = words.iter().filter(|word| *word != version).copied().collect();
    match rest.as_slice() {
        ["CIS", middle @ .., "Benchmark"] if !middle.is_empty() => {
            of_cis_id(&format!("cisecurity.benchmarks_benchmark_{version}_CIS_{}_Benchmark", middle.join("_")))
        }
        _ => None,
    }
}

/// The meaning of a status.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Pass,
    Fail,
    Warning,
    NotApplicable,
    Manual,
    Nothing,
    /// A word or number that the schema does not know.
    Other,
}

fn says(id: Option<i64>, caption: Option<&Text>) -> Says {
    let by_word = match caption.map(|caption| caption.0.trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "unknown") => Says::Nothing,
        Some("pass" | "passed") => Says::Pass,
        Some("fail" | "failed") => Says::Fail,
        Some("warning") => Says::Warning,
        Some("not applicable") => Says::NotApplicable,
        Some("manual") => Says::Manual,
        Some(_) => Says::Other,
    };
    let by_number = match id {
        None => return by_word,
        Some(1) => Says::Pass,
        Some(2) => Says::Warning,
        Some(3) => Says::Fail,
        Some(0) => Says::Nothing,
        // "Other": the caption says what it is; it is neither a pass nor a failure.
        Some(99) => match by_word {
            Says::NotApplicable | Says::Manual => by_word,
            Says::Fail => Says::Fail,
            _ => Says::Other,
        },
        Some(_) => Says::Other,
    };
    match (by_number, by_word) {
        (Says::Fail, _) | (_, Says::Fail) => Says::Fail,
        // A pass whose caption contradicts it does not count as one.
        (Says::Pass, Says::Pass | Says::Nothing) => Says::Pass,
        (Says::Pass, other) => other,
        (other, _) => other,
    }
}

fn verdict(event: &Event) -> Verdict {
    let Some(compliance) = &event.compliance else {
        return Verdict::NotEvaluated("the file gives no result".to_owned());
    };
    let details = compliance.status_details.0.first().or(compliance.status_detail.as_ref());
    let details = [details, event.message.as_ref(), event.finding_info.desc.as_ref()];
    let why = details.into_iter().flatten().map(|text| line(&text.0)).find(|text| !text.is_empty());
    let why = why.unwrap_or_else(|| "the file gives no reason".to_owned());
    if matches!(event.status_id, Some(5 | 6)) {
        return Verdict::NotEvaluated(
            "the finding is archived or deleted, so its state is no longer updated".to_owned(),
        );
    }
    let own = says(compliance.status_id, compliance.status.as_ref());
    let checks: Vec<Says> =
        compliance.checks.0.iter().map(|check| says(check.status_id, check.status.as_ref())).collect();
    let is_silent = |check: &Check| check.status_id.is_none() && check.status.is_none();
    let is_open = |(check, says): (&Check, &Says)| !is_silent(check) && *says != Says::Pass;
    match own {
        _ if own == Says::Fail || checks.contains(&Says::Fail) => {
            let fix = event.remediation.as_ref().and_then(|one| one.desc.clone()).unwrap_or_default().0;
            let state = match event.status_id {
                Some(3) => " (suppressed in the file)",
                Some(4) => " (resolved in the file)",
                _ if event.activity_id == Some(3) => " (closed in the file)",
                _ => "",
            };
            let resource = resources(event).find(|id| id.starts_with("i-")).or_else(|| resources(event).next());
            let detail = event.finding_info.desc.clone().unwrap_or_default().0;
            fail(&line(resource.unwrap_or_default()), format!("{why}{state}"), detail, fix)
        }
        Says::Pass if compliance.checks.0.iter().zip(&checks).any(is_open) => Verdict::NotEvaluated(
            "the file contradicts itself: the finding passed, but one of its checks did not".to_owned(),
        ),
        Says::Pass => Verdict::Pass,
        Says::NotApplicable => Verdict::NotApplicable(why),
        Says::Manual => Verdict::Manual(why),
        Says::Warning => Verdict::NotEvaluated(format!("a warning, which is not a result: {why}")),
        Says::Fail | Says::Nothing => Verdict::NotEvaluated(format!("the file gives no result: {why}")),
        Says::Other => {
            let status = compliance.status.as_ref().map(|status| line(&status.0)).unwrap_or_default();
            Verdict::NotEvaluated(format!("the file gives the unknown status '{status}': {why}"))
        }
    }
}

#[cfg(test)]
mod tests;
