//! CTRF, the Common Test Report Format, with one test per row.
//!
//! | row | `status` |
//! |---|---|
//! | passed, flaky | `passed`, the latter with `flaky` and its earlier attempts |
//! | failed | `failed` |
//! | waived, known, tolerated, informational, not applicable | `skipped`, as in JUnit |
//! | manual | `pending` |
//! | error, not evaluated, blocked, allowed, and events of the run | `other` |
//!
//! `rawStatus` has the word of the report, and `message` the reason.

use amiproof_model::verdict::Outcome;
use indexmap::IndexMap;
use serde::Serialize;

use super::row::{Answer, Particulars, Row, Rows};
use crate::sheet::Status;
use crate::{text, times};

/// The only version of the specification that there is: a working draft without a number.
const SPEC_VERSION: &str = "0.0.0";

/// The root object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    report_format: &'static str,
    spec_version: &'static str,
    report_id: String,
    timestamp: String,
    generated_by: String,
    results: Results,
}

#[derive(Serialize)]
struct Results {
    tool: Tool,
    summary: Summary,
    tests: Vec<Test>,
    environment: Environment,
}

#[derive(Serialize)]
struct Tool {
    name: String,
    version: String,
}

#[derive(Serialize)]
struct Summary {
    tests: usize,
    passed: usize,
    failed: usize,
    pending: usize,
    skipped: usize,
    other: usize,
    flaky: usize,
    suites: usize,
    start: i64,
    stop: i64,
    extra: SummaryExtra,
}

#[derive(Serialize)]
struct SummaryExtra {
    verdict: &'static str,
    counts: IndexMap<&'static str, usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    id: String,
    name: String,
    status: State,
    duration: i64,
    start: i64,
    stop: i64,
    suite: [String; 2],
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    trace: String,
    raw_status: &'static str,
    tags: Vec<String>,
    flaky: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    retry_attempts: Vec<Attempt>,
    retries: usize,
    extra: Extra,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Passed,
    Failed,
    Skipped,
    Pending,
    Other,
}

#[derive(Serialize)]
struct Attempt {
    attempt: usize,
    status: State,
    message: String,
}

/// What the format has no place for.
#[derive(Serialize)]
struct Extra {
    subject: String,
    check: String,
    #[serde(flatten)]
    more: Particulars,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<AcceptedBy>,
}

#[derive(Serialize)]
struct AcceptedBy {
    owner: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Environment {
    report_name: String,
    test_environment: String,
    extra: EnvironmentExtra,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvironmentExtra {
    run: String,
    kubernetes_version: String,
    lab: bool,
}

/// The report as a document.
pub(super) fn document(rows: &Rows<'_>) -> Document {
    let report = rows.report;
    let tests: Vec<Test> = rows.all.iter().map(|row| test(rows, row)).collect();
    Document {
        report_format: "CTRF",
        spec_version: SPEC_VERSION,
        report_id: rows.uuid("run", ""),
        timestamp: rows.ended().to_string(),
        generated_by: format!("{} {}", report.tool.name, report.tool.version),
        results: Results {
            tool: Tool { name: report.tool.name.clone(), version: report.tool.version.clone() },
            summary: summary(rows, &tests),
            tests,
            environment: Environment {
                report_name: text::line(&report.run.matrix),
                test_environment: text::line(&report.cluster.name),
                extra: EnvironmentExtra {
                    run: report.run.id.to_string(),
                    kubernetes_version: report.cluster.kubernetes().to_owned(),
                    lab: report.cluster.lab,
                },
            },
        },
    }
}

fn summary(rows: &Rows<'_>, tests: &[Test]) -> Summary {
    let count = |state| tests.iter().filter(|test| test.status == state).count();
    let mut suites: Vec<&[String; 2]> = tests.iter().map(|test| &test.suite).collect();
    suites.sort_unstable();
    suites.dedup();
    Summary {
        tests: tests.len(),
        passed: count(State::Passed),
        failed: count(State::Failed),
        pending: count(State::Pending),
        skipped: count(State::Skipped),
        other: count(State::Other),
        flaky: tests.iter().filter(|test| test.flaky).count(),
        suites: suites.len(),
        start: rows.report.run.started.as_millisecond(),
        stop: rows.ended().as_millisecond(),
        extra: SummaryExtra { verdict: rows.verdict.conclusion.as_str(), counts: rows.counts().into_iter().collect() },
    }
}

fn test(rows: &Rows<'_>, row: &Row<'_>) -> Test {
    let result = row.result;
    let attempts = result.iter().flat_map(|result| &result.earlier_attempts).enumerate();
    let retry_attempts: Vec<Attempt> = attempts.map(|(at, outcome)| attempt(at + 1, outcome)).collect();
    let mut tags = vec![row.subject.clone(), row.suite.clone()];
    tags.extend(row.control().map(|control| control.benchmark().to_owned()));
    // The title of an event says all of this.
    let name = match result {
        Some(_) => format!("[{}] {}: {}", row.subject, row.id, row.title),
        None => row.title.clone(),
    };
    Test {
        id: rows.lasting_uuid("result", &row.key()),
        name,
        status: state(row.answer),
        duration: times::milliseconds(row.seconds),
        start: row.started.as_millisecond(),
        stop: row.ended.as_millisecond(),
        suite: [row.subject.clone(), row.suite.clone()],
        message: row.reason.clone(),
        trace: row.detail.clone(),
        raw_status: row.disposition(),
        tags,
        flaky: row.status == Status::Flaky,
        retries: retry_attempts.len(),
        retry_attempts,
        extra: Extra {
            subject: row.subject.clone(),
            check: row.check.clone(),
            more: row.particulars(),
            accepted: row.accepted().map(|accepted| AcceptedBy {
                owner: accepted.owner,
                reason: accepted.why,
                until: accepted.until.map(|until| until.to_string()),
            }),
        },
    }
}

fn attempt(number: usize, outcome: &Outcome) -> Attempt {
    let status = match outcome {
        Outcome::Pass => State::Passed,
        Outcome::Fail { .. } => State::Failed,
        Outcome::NotApplicable { .. } => State::Skipped,
        Outcome::Manual { .. } => State::Pending,
        Outcome::NotEvaluated { .. } | Outcome::Error { .. } => State::Other,
    };
    Attempt { attempt: number, status, message: text::short_line(outcome.reason(), 1_000) }
}

fn state(answer: Answer) -> State {
    match answer {
        Answer::Pass => State::Passed,
        Answer::Fail => State::Failed,
        Answer::Accepted | Answer::Informational | Answer::NotApplicable => State::Skipped,
        Answer::Review => State::Pending,
        Answer::Undecided => State::Other,
    }
}
