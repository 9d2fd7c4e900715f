//! HDF, the Heimdall Data Format: what InSpec's `exec --reporter json` writes, as Heimdall reads it.
//!
//! One profile per subject, so that the same check of two variants is two controls and a failure on one does not hide a pass on the other;
//! one control with one result per row. Heimdall derives a control's state from its result, its impact and its waiver:
//!
//! | row | result | Heimdall |
//! |---|---|---|
//! | passed, flaky | `passed` | Passed |
//! | failed | `failed` | Failed |
//! | waived, known, tolerated | `failed`, with `waiver_data` | Not Applicable, waived |
//! | informational | `failed` with impact 0 | Not Applicable |
//! | not applicable | `skipped` with impact 0 | Not Applicable |
//! | manual, not evaluated, blocked, allowed | `skipped` | Not Reviewed |
//! | error, and events of the run | `error` | Profile Error |

use amiproof_model::report::Severity;
use indexmap::IndexMap;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::row::{Answer, Particulars, Row, Rows};
use crate::sheet::Status;
use crate::text;

/// `ExecJSON`.
#[derive(Serialize)]
pub(super) struct Document {
    platform: Platform,
    profiles: Vec<Profile>,
    statistics: Statistics,
    version: String,
}

#[derive(Serialize)]
struct Platform {
    name: String,
    release: String,
    target_id: String,
}

#[derive(Serialize)]
struct Statistics {
    duration: f64,
}

#[derive(Serialize)]
struct Profile {
    name: String,
    title: String,
    summary: String,
    version: String,
    sha256: String,
    supports: [(); 0],
    attributes: [(); 0],
    groups: Vec<Group>,
    controls: Vec<Control>,
    status: &'static str,
}

#[derive(Serialize)]
struct Group {
    id: String,
    title: String,
    controls: Vec<String>,
}

#[derive(Serialize)]
struct Control {
    id: String,
    title: String,
    desc: String,
    descriptions: Vec<Description>,
    impact: f64,
    refs: [(); 0],
    tags: Tags,
    source_location: SourceLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiver_data: Option<WaiverData>,
    results: [Tested; 1],
}

#[derive(Serialize)]
struct Description {
    label: &'static str,
    data: String,
}

#[derive(Serialize)]
struct Tags {
    check: String,
    subject: String,
    disposition: &'static str,
    /// With the severity, which Heimdall takes instead of the impact.
    #[serde(flatten)]
    more: Particulars,
}

#[derive(Serialize)]
struct SourceLocation {
    #[serde(rename = "ref")]
    reference: &'static str,
}

#[derive(Serialize)]
struct WaiverData {
    justification: String,
    expiration_date: Option<String>,
    run: bool,
    /// The only field by which Heimdall knows a waived control, although the check did run: `run` and the result say so.
    skipped_due_to_waiver: bool,
    message: String,
}

/// `ControlResult`.
#[derive(Serialize)]
struct Tested {
    status: &'static str,
    code_desc: String,
    run_time: f64,
    start_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<String>,
}

/// The report as an execution.
pub(super) fn document(rows: &Rows<'_>) -> Document {
    let report = rows.report;
    Document {
        platform: Platform {
            name: "eks".to_owned(),
            release: report.cluster.kubernetes().to_owned(),
            target_id: text::line(&report.cluster.name),
        },
        profiles: rows.subjects().into_iter().map(|subject| profile(rows, subject)).collect(),
        statistics: Statistics { duration: crate::times::legal(report.run.seconds) },
        version: report.tool.version.clone(),
    }
}

fn profile(rows: &Rows<'_>, subject: &str) -> Profile {
    let report = rows.report;
    let own: Vec<&Row<'_>> = rows.all.iter().filter(|row| row.subject == subject).collect();
    let mut suites: IndexMap<&str, Vec<String>> = IndexMap::new();
    for row in &own {
        suites.entry(&row.suite).or_default().push(row.id.clone());
    }
    let group =
        |(suite, controls): (&str, Vec<String>)| Group { id: suite.to_owned(), title: suite.to_owned(), controls };
    let matrix = text::line(&report.run.matrix);
    let lab = if report.cluster.lab { ", in the lab" } else { "" };
    let mut digest = Sha256::new();
    for row in &own {
        digest.update(format!("{}\n{}\n", row.key(), row.title));
    }
    let sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Profile {
        name: format!("{matrix}/{subject}"),
        title: format!("{} of {matrix}", subject),
        summary: format!("run {} of {} {}{lab}", report.run.id, report.tool.name, report.tool.version),
        version: report.tool.version.clone(),
        sha256,
        supports: [],
        attributes: [],
        groups: suites.into_iter().map(group).collect(),
        controls: own.into_iter().map(control).collect(),
        status: "loaded",
    }
}

fn control(row: &Row<'_>) -> Control {
    let result = row.result;
    let severity = result.and_then(|result| result.severity);
    let fix = Some(&row.remedy).filter(|remedy| !remedy.is_empty());
    let waiver = row.accepted().map(|accepted| WaiverData {
        justification: format!("{}: {}", accepted.owner, accepted.why),
        expiration_date: accepted.until.map(|until| until.to_string()),
        run: true,
        skipped_due_to_waiver: true,
        message: row.reason.clone(),
    });
    Control {
        id: row.id.clone(),
        title: row.title.clone(),
        // Shown in place of the message where the impact is 0.
        desc: row.sentence(),
        descriptions: fix.map(|fix| Description { label: "fix", data: fix.clone() }).into_iter().collect(),
        impact: impact(row.answer, severity),
        refs: [],
        tags: Tags {
            check: row.check.clone(),
            subject: row.subject.clone(),
            disposition: row.disposition(),
            more: row.particulars(),
        },
        source_location: SourceLocation { reference: "report.json" },
        waiver_data: waiver,
        results: [tested(row)],
    }
}

fn tested(row: &Row<'_>) -> Tested {
    let status = status(row);
    let why = || Some(if row.detail.is_empty() { row.sentence() } else { row.detail.clone() });
    Tested {
        status,
        code_desc: format!("{} on {}: {}", row.check, row.subject, row.title),
        run_time: row.seconds,
        start_time: row.started.to_string(),
        message: if matches!(status, "failed" | "error") { why() } else { None },
        skip_message: if status == "skipped" { why() } else { None },
        exception: (status == "error").then(|| row.reason.clone()),
    }
}

fn status(row: &Row<'_>) -> &'static str {
    match row.answer {
        Answer::Pass => "passed",
        Answer::Fail | Answer::Accepted | Answer::Informational => "failed",
        Answer::Undecided if row.status == Status::Error => "error",
        Answer::NotApplicable | Answer::Review | Answer::Undecided => "skipped",
    }
}

/// InSpec's impact: 0 makes a control "not applicable" to Heimdall, so only not applicable and informational rows get
/// it. Without a severity it is medium.
fn impact(answer: Answer, severity: Option<Severity>) -> f64 {
    match (answer, severity) {
        (Answer::NotApplicable | Answer::Informational, _) => 0.0,
        (_, Some(Severity::Low)) => 0.3,
        (_, Some(Severity::Medium) | None) => 0.5,
        (_, Some(Severity::High)) => 0.7,
        (_, Some(Severity::Critical)) => 0.9,
    }
}
