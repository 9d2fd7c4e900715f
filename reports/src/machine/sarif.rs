//! SARIF 2.1.0 (OASIS), one run with one result per row.
//!
//! | row | `kind` |
//! |---|---|
//! | passed, flaky | `pass` |
//! | failed | `fail` |
//! | waived, known, tolerated | `fail`, with an accepted suppression |
//! | informational | `informational` |
//! | not applicable | `notApplicable` |
//! | manual | `review` |
//! | error, not evaluated, blocked, allowed | `open` |
//!
//! Events of the run are notifications of the invocation, which then was not successful. The place of a result is a logical location: there is
//! no source file, so a code host that only shows annotations of files shows none.

use std::collections::BTreeMap;

use amiproof_model::report::Severity;
use indexmap::IndexMap;
use serde::Serialize;

use super::row::{Answer, Particulars, Row, Rows};

/// The address of the schema, by which editors and validators know the format.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// `sarifLog`.
#[derive(Serialize)]
pub(super) struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    automation_details: AutomationDetails,
    invocations: [Invocation; 1],
    results: Vec<Finding>,
    properties: RunProperties,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: String,
    version: String,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Message,
    properties: RuleProperties,
}

#[derive(Serialize)]
struct RuleProperties {
    tags: Vec<String>,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
struct AutomationDetails {
    id: String,
    guid: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    start_time_utc: String,
    end_time_utc: String,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    descriptor: Descriptor,
    level: &'static str,
    message: Message,
    time_utc: String,
}

#[derive(Serialize)]
struct Descriptor {
    id: String,
}

/// `result`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: String,
    rule_index: usize,
    kind: &'static str,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    guid: String,
    partial_fingerprints: BTreeMap<&'static str, String>,
    /// On every result or on none (section 3.27.23), so the list of most is empty.
    suppressions: Vec<Suppression>,
    properties: Properties,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    name: String,
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    disposition: &'static str,
    subject: String,
    seconds: f64,
    started: String,
    #[serde(flatten)]
    more: Particulars,
    #[serde(skip_serializing_if = "String::is_empty")]
    remedy: String,
}

#[derive(Serialize)]
struct RunProperties {
    verdict: &'static str,
    lab: bool,
    counts: IndexMap<&'static str, usize>,
}

/// The report as a log.
pub(super) fn document(rows: &Rows<'_>) -> Log {
    let report = rows.report;
    let mut rules: IndexMap<&str, &Row<'_>> = IndexMap::new();
    let results = rows.all.iter().filter(|row| row.result.is_some());
    let results = results.map(|row| {
        let entry = rules.entry(&row.check);
        let index = entry.index();
        entry.or_insert(row);
        finding(rows, row, index)
    });
    let results = results.collect();
    let notifications: Vec<Notification> = rows.events().map(notification).collect();
    let run = Run {
        tool: Tool {
            driver: Driver {
                name: report.tool.name.clone(),
                version: report.tool.version.clone(),
                rules: rules.into_values().map(rule).collect(),
            },
        },
        automation_details: AutomationDetails {
            id: format!("amiproof/{}/{}", crate::text::line(&report.run.matrix), report.run.id),
            guid: rows.uuid("run", ""),
        },
        invocations: [Invocation {
            execution_successful: notifications.is_empty(),
            start_time_utc: report.run.started.to_string(),
            end_time_utc: rows.ended().to_string(),
            tool_execution_notifications: notifications,
        }],
        results,
        properties: RunProperties {
            verdict: rows.verdict.conclusion.as_str(),
            lab: report.cluster.lab,
            counts: rows.counts().into_iter().collect(),
        },
    };
    Log { schema: SCHEMA, version: "2.1.0", runs: [run] }
}

fn rule(row: &Row<'_>) -> Rule {
    let mut tags = vec![row.suite.clone()];
    tags.extend(row.control().map(|control| control.benchmark().to_owned()));
    Rule { id: row.check.clone(), short_description: message(&row.title), properties: RuleProperties { tags } }
}

fn notification(row: &Row<'_>) -> Notification {
    Notification {
        descriptor: Descriptor { id: row.check.clone() },
        level: "error",
        message: message(&format!("{}: {}", row.title, row.reason)),
        time_utc: row.started.to_string(),
    }
}

fn finding(rows: &Rows<'_>, row: &Row<'_>, rule_index: usize) -> Finding {
    let key = row.key();
    let mut places = vec![place(rows, &row.subject, None)];
    let placements = row.result.iter().flat_map(|result| &result.placements);
    for placement in placements {
        let node = place(rows, &row.subject, Some(&crate::text::line(&placement.node)));
        if !places.iter().any(|known| known.fully_qualified_name == node.fully_qualified_name) {
            places.push(node);
        }
    }
    let suppression = row.accepted().map(|accepted| {
        let until = accepted.until.map(|until| format!(" until {until}")).unwrap_or_default();
        let justification = format!("{} by {}{until}: {}", row.disposition(), accepted.owner, accepted.why);
        Suppression { kind: "external", status: "accepted", justification }
    });
    Finding {
        rule_id: row.check.clone(),
        rule_index,
        kind: kind(row.answer),
        level: level(row),
        message: message(if row.detail.is_empty() { row.sentence() } else { row.detail.clone() }.as_str()),
        locations: [Location { logical_locations: places }],
        guid: rows.uuid("result", &key),
        partial_fingerprints: BTreeMap::from([("amiproofRow/v1", rows.lasting_uuid("result", &key))]),
        suppressions: suppression.into_iter().collect(),
        properties: Properties {
            disposition: row.disposition(),
            subject: row.subject.clone(),
            seconds: row.seconds,
            started: row.started.to_string(),
            more: row.particulars(),
            remedy: row.remedy.clone(),
        },
    }
}

fn place(rows: &Rows<'_>, subject: &str, node: Option<&str>) -> LogicalLocation {
    let matrix = crate::text::line(&rows.report.run.matrix);
    LogicalLocation {
        name: node.unwrap_or(subject).to_owned(),
        fully_qualified_name: match node {
            Some(node) => format!("{matrix}/{subject}/{node}"),
            None => format!("{matrix}/{subject}"),
        },
        kind: "resource",
    }
}

fn kind(answer: Answer) -> &'static str {
    match answer {
        Answer::Pass => "pass",
        Answer::Fail | Answer::Accepted => "fail",
        Answer::Informational => "informational",
        Answer::NotApplicable => "notApplicable",
        Answer::Review => "review",
        Answer::Undecided => "open",
    }
}

/// Everything but a failure has the level `none` (section 3.27.10). A failure is an `error`, because it fails the run,
/// unless its scanner gives it a lower severity.
fn level(row: &Row<'_>) -> &'static str {
    if !matches!(row.answer, Answer::Fail | Answer::Accepted) {
        return "none";
    }
    match row.result.and_then(|result| result.severity) {
        Some(Severity::Low) => "note",
        Some(Severity::Medium) => "warning",
        Some(Severity::High | Severity::Critical) | None => "error",
    }
}

/// A message whose text stays text: braces would be placeholders (section 3.11.5), and brackets with a destination a link (3.11.6).
fn message(text: &str) -> Message {
    Message { text: text.replace('{', "{{").replace('}', "}}").replace("](", "] (") }
}
