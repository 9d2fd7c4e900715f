//! OCSF 1.5.0: a list of compliance findings (class 2003), one per row.
//!
//! | row | `compliance.status_id` |
//! |---|---|
//! | passed, flaky | 1, Pass |
//! | failed, informational | 3, Fail |
//! | waived, known, tolerated | 3, Fail; the finding itself is suppressed (`status_id` 3) |
//! | not applicable, manual | 99, Other, with that word as `status` |
//! | error, not evaluated, blocked, allowed, and events of the run | 0, Unknown |
//!
//! `compliance.status_code` has the word of the report. A failure has the severity of its scanner; where none says one, it is unknown.

use amiproof_model::report::{Report, Severity, Subject};
use serde::Serialize;

use super::row::{Answer, Row, Rows};
use crate::text;

/// The version of the schema, the newest that common consumers know.
const SCHEMA_VERSION: &str = "1.5.0";

/// Class 2003 (compliance finding), activity 1 (create).
const TYPE_UID: u32 = 200_301;

/// A compliance finding.
#[derive(Serialize)]
pub(super) struct Event {
    activity_id: u32,
    activity_name: &'static str,
    category_uid: u32,
    category_name: &'static str,
    class_uid: u32,
    class_name: &'static str,
    type_uid: u32,
    type_name: &'static str,
    time: i64,
    start_time: i64,
    end_time: i64,
    severity_id: u32,
    severity: &'static str,
    status_id: u32,
    status: &'static str,
    message: String,
    metadata: Metadata,
    finding_info: FindingInfo,
    compliance: Compliance,
    resources: Vec<Resource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Remediation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud: Option<Cloud>,
    unmapped: Unmapped,
}

#[derive(Serialize)]
struct Metadata {
    version: &'static str,
    product: Product,
    /// The id of this event; that of the finding is in `finding_info`.
    uid: String,
    correlation_uid: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profiles: Vec<&'static str>,
}

#[derive(Serialize)]
struct Product {
    name: String,
    vendor_name: String,
    version: String,
}

#[derive(Serialize)]
struct FindingInfo {
    /// The same in every run of the matrix.
    uid: String,
    title: String,
    desc: String,
    types: [String; 1],
    created_time: i64,
}

#[derive(Serialize)]
struct Compliance {
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<String>,
    standards: Vec<String>,
    status_id: u32,
    status: &'static str,
    status_code: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    status_details: Vec<String>,
    checks: [Check; 1],
}

#[derive(Serialize)]
struct Check {
    uid: String,
    name: String,
    status_id: u32,
    status: &'static str,
}

#[derive(Serialize)]
struct Resource {
    uid: String,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Remediation {
    desc: String,
}

#[derive(Serialize)]
struct Cloud {
    provider: &'static str,
    region: String,
    account: Account,
}

#[derive(Serialize)]
struct Account {
    name: String,
    uid: String,
    #[serde(rename = "type")]
    kind: &'static str,
    type_id: u32,
}

/// What the class has no place for.
#[derive(Serialize)]
struct Unmapped {
    matrix: String,
    subject: String,
    seconds: f64,
    lab: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scanner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    answers: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppression: Option<Suppression>,
}

#[derive(Serialize)]
struct Suppression {
    owner: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// The report as events.
pub(super) fn document(rows: &Rows<'_>) -> Vec<Event> {
    rows.all.iter().map(|row| event(rows, row)).collect()
}

fn event(rows: &Rows<'_>, row: &Row<'_>) -> Event {
    let report = rows.report;
    let key = row.key();
    let accepted = row.accepted();
    let (severity_id, severity) = severity(row);
    let (status_id, status) = if accepted.is_some() { (3, "Suppressed") } else { (1, "New") };
    let cloud = cloud(report);
    let details = [&row.reason, &row.answers].into_iter().filter(|text| !text.is_empty()).cloned();
    let ended = row.ended.as_millisecond();
    Event {
        activity_id: 1,
        activity_name: "Create",
        category_uid: 2,
        category_name: "Findings",
        class_uid: 2003,
        class_name: "Compliance Finding",
        type_uid: TYPE_UID,
        type_name: "Compliance Finding: Create",
        time: ended,
        start_time: row.started.as_millisecond(),
        end_time: ended,
        severity_id,
        severity,
        status_id,
        status,
        message: row.sentence(),
        metadata: Metadata {
            version: SCHEMA_VERSION,
            product: Product {
                name: report.tool.name.clone(),
                vendor_name: report.tool.name.clone(),
                version: report.tool.version.clone(),
            },
            uid: rows.uuid("result", &key),
            correlation_uid: report.run.id.to_string(),
            profiles: cloud.iter().map(|_| "cloud").collect(),
        },
        finding_info: FindingInfo {
            uid: rows.lasting_uuid("result", &key),
            title: row.title.clone(),
            desc: if row.detail.is_empty() { row.sentence() } else { row.detail.clone() },
            types: [row.suite.clone()],
            created_time: ended,
        },
        compliance: compliance(row, details.collect()),
        resources: resources(report, row),
        remediation: Some(&row.remedy)
            .filter(|remedy| !remedy.is_empty())
            .map(|remedy| Remediation { desc: remedy.clone() }),
        cloud,
        unmapped: Unmapped {
            matrix: text::line(&report.run.matrix),
            subject: row.subject.clone(),
            seconds: row.seconds,
            lab: report.cluster.lab,
            scanner: row.result.and_then(|result| result.scanner.as_deref()).map(text::line),
            origin: row.result.and_then(|result| result.origin).map(crate::origin::origin_word),
            answers: row.answers.clone(),
            suppression: accepted.map(|accepted| Suppression {
                owner: accepted.owner,
                reason: accepted.why,
                until: accepted.until.map(|until| until.to_string()),
            }),
        },
    }
}

fn compliance(row: &Row<'_>, status_details: Vec<String>) -> Compliance {
    let (status_id, status) = status(row.answer);
    let control = row.control();
    Compliance {
        control: control.map(|control| control.number().to_owned()),
        standards: vec![control.map_or_else(|| "amiproof".to_owned(), |control| control.benchmark().to_owned())],
        status_id,
        status,
        status_code: row.disposition(),
        status_details,
        checks: [Check { uid: row.check.clone(), name: row.title.clone(), status_id, status }],
    }
}

fn status(answer: Answer) -> (u32, &'static str) {
    match answer {
        Answer::Pass => (1, "Pass"),
        Answer::Fail | Answer::Accepted | Answer::Informational => (3, "Fail"),
        Answer::NotApplicable => (99, "Not Applicable"),
        Answer::Review => (99, "Manual"),
        Answer::Undecided => (0, "Unknown"),
    }
}

fn severity(row: &Row<'_>) -> (u32, &'static str) {
    let stated = row.result.and_then(|result| result.severity);
    match (row.answer, stated) {
        (Answer::Fail | Answer::Accepted, Some(Severity::Low)) => (2, "Low"),
        (Answer::Fail | Answer::Accepted, Some(Severity::Medium)) => (3, "Medium"),
        (Answer::Fail | Answer::Accepted, Some(Severity::High)) => (4, "High"),
        (Answer::Fail | Answer::Accepted, Some(Severity::Critical)) => (5, "Critical"),
        (Answer::Fail | Answer::Accepted, None) | (Answer::Undecided | Answer::Review, _) => (0, "Unknown"),
        (Answer::Pass | Answer::Informational | Answer::NotApplicable, _) => (1, "Informational"),
    }
}

/// What the row is about: the image or the cluster, then the instances that it ran on.
fn resources(report: &Report, row: &Row<'_>) -> Vec<Resource> {
    let variant = row.result.and_then(|result| report.variant_of(&result.subject));
    let is_variant = matches!(row.result.map(|result| &result.subject), Some(Subject::Variant(_)));
    let (uid, kind) = match variant.and_then(|variant| variant.ami.as_ref()) {
        Some(ami) => (ami.id.to_string(), "AMI"),
        None if is_variant => (row.subject.clone(), "AMI variant"),
        None => (text::line(&report.cluster.name), "EKS cluster"),
    };
    let mut resources = vec![Resource { uid, name: row.subject.clone(), kind }];
    for placement in row.result.iter().flat_map(|result| &result.placements) {
        let uid = text::line(placement.instance_id.as_deref().unwrap_or(&placement.node));
        if !resources.iter().any(|known| known.uid == uid) {
            resources.push(Resource { uid, name: text::line(&placement.node), kind: "EC2 instance" });
        }
    }
    resources
}

/// The account, if there is one: a cluster elsewhere has none, and that of the lab is not real.
fn cloud(report: &Report) -> Option<Cloud> {
    let cluster = &report.cluster;
    (!cluster.account.is_empty() && !cluster.lab).then(|| Cloud {
        provider: "AWS",
        region: text::line(&cluster.region),
        account: Account {
            name: text::line(&cluster.account),
            uid: text::line(&cluster.account),
            kind: "AWS Account",
            type_id: 10,
        },
    })
}
