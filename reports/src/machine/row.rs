//! What every machine-readable format of a report is made of: the cells of the sheet, then what went wrong that is not
//! a result of a check.
//!
//! A cell is one row, whatever number of scanners answered it: that of the most urgent answer, as in the CSV. All texts are clean, and
//! ids are derived from names and from the id of the run, so the same report gives the same bytes.

use std::collections::HashMap;

use amiproof_model::conclusion::Summary;
use amiproof_model::judge::Disposition;
use amiproof_model::name::ControlId;
use amiproof_model::report::{CheckResult, Report, Severity};
use amiproof_model::verdict::Outcome;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::context::Context;
use crate::junit::{self, Draft};
use crate::origin::origin_word;
use crate::sheet::{self, Sheet, Status};
use crate::text;
use crate::times::{self, Times};

/// The longest detail of a row, bytes. The whole text is in `report.json`.
const DETAIL_LIMIT: usize = 8 * 1024;

/// The longest line, characters.
const LINE_LIMIT: usize = 2_000;

/// What is known of a row and has no place of its own in most formats.
#[derive(Serialize)]
pub(crate) struct Particulars {
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scanner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    answers: String,
}

/// What a row says about its subject. Coarser than [`Status`]: formats have few states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It conforms.
    Pass,
    /// It does not, and nothing accepts that.
    Fail,
    /// It does not, and a waiver, a baseline or a threshold accepts that.
    Accepted,
    /// It does not, and need not: a benchmark on an image that is not hardened to it.
    Informational,
    /// The check does not apply to it.
    NotApplicable,
    /// A person has to look.
    Review,
    /// Undecided: no evidence, or an error. Neither a pass nor a failure in any format.
    Undecided,
}

impl Answer {
    fn of(result: &CheckResult) -> Self {
        match (&result.outcome, &result.disposition) {
            (outcome, _) if outcome.is_silent() => Self::Undecided,
            (Outcome::NotApplicable { .. }, _) => Self::NotApplicable,
            (Outcome::Manual { .. }, _) => Self::Review,
            (_, Disposition::Passed | Disposition::Flaky) => Self::Pass,
            (_, Disposition::Waived { .. } | Disposition::Tolerated) => Self::Accepted,
            (_, Disposition::Informational) => Self::Informational,
            (_, Disposition::NotApplicable) => Self::NotApplicable,
            (_, Disposition::Manual) => Self::Review,
            (_, Disposition::Failed) => Self::Fail,
            (
                _,
                Disposition::Error | Disposition::NotEvaluated | Disposition::Blocked { .. } | Disposition::Allowed,
            ) => Self::Undecided,
        }
    }
}

/// One cell of the sheet, or one event of the run.
pub(crate) struct Row<'a> {
    /// The result that decides the cell. None for an event: a broken phase, an interruption, a resource that was left behind.
    pub(crate) result: Option<&'a CheckResult>,
    /// Its name within its subject, the same in every run of the matrix and in no other row of the subject.
    pub(crate) id: String,
    /// `os-cis/cis-al2023-1.0.0/3.3.1`, or `run/phase-error` for an event.
    pub(crate) check: String,
    /// The suite of that check.
    pub(crate) suite: String,
    pub(crate) title: String,
    /// The variant, `cluster`, or `run` for an event of neither.
    pub(crate) subject: String,
    pub(crate) answer: Answer,
    pub(crate) status: Status,
    /// The reason in one line; empty for a pass.
    pub(crate) reason: String,
    /// The reason with findings and places, several lines; empty for a pass.
    pub(crate) detail: String,
    /// What to do; empty if nothing is known.
    pub(crate) remedy: String,
    /// The answers of other scanners to the same question; empty if there are none.
    pub(crate) answers: String,
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    /// Its own duration, seconds.
    pub(crate) seconds: f64,
}

impl<'a> Row<'a> {
    /// `al2023-l1/node/ready`: its name in this run and in the next one.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.subject, self.id)
    }

    /// The control that it evaluates.
    pub(crate) fn control(&self) -> Option<&'a ControlId> {
        self.result.and_then(|result| result.control.as_ref())
    }

    /// What formats keep beside a result.
    pub(crate) fn particulars(&self) -> Particulars {
        let result = self.result;
        Particulars {
            control: self.control().map(ToString::to_string),
            scanner: result.and_then(|result| result.scanner.as_deref()).map(text::line),
            severity: result.and_then(|result| result.severity).map(Severity::as_str),
            origin: result.and_then(|result| result.origin).map(origin_word),
            answers: self.answers.clone(),
        }
    }

    /// `failed`, `not evaluated`: the word of the report.
    pub(crate) fn disposition(&self) -> &'static str {
        self.status.as_str()
    }

    /// The reason, or the title of what passed: never empty.
    pub(crate) fn sentence(&self) -> String {
        match self.reason.as_str() {
            "" => format!("{}: {}", self.disposition(), self.title),
            reason if reason.starts_with(self.disposition()) => reason.to_owned(),
            reason => format!("{}: {reason}", self.disposition()),
        }
    }

    /// What accepts a failure, and until when.
    pub(crate) fn accepted(&self) -> Option<Accepted> {
        let of = |owner: &str, why: &str, until| {
            Some(Accepted { owner: text::short_line(owner, 200), why: text::short_line(why, LINE_LIMIT), until })
        };
        match &self.result.filter(|_| self.answer == Answer::Accepted)?.disposition {
            Disposition::Waived { owner, reason, until } => of(owner, reason, Some(*until)),
            Disposition::Tolerated => of("threshold", "a threshold of the matrix file tolerates it", None),
            _ => None,
        }
    }
}

/// What accepts a failure.
pub(crate) struct Accepted {
    /// The owner of the waiver, or `baseline` or `threshold`.
    pub(crate) owner: String,
    pub(crate) why: String,
    /// The last day of a waiver.
    pub(crate) until: Option<Date>,
}

/// A report as rows.
pub(crate) struct Rows<'a> {
    pub(crate) report: &'a Report,
    pub(crate) verdict: Summary,
    /// In the order of the sheet, by suite and check; events last.
    pub(crate) all: Vec<Row<'a>>,
}

impl<'a> Rows<'a> {
    pub(crate) fn of(context: &'a Context<'_>) -> Self {
        let report = &*context.report;
        let verdict = context.verdict();
        let sheet = Sheet::of(report);
        let times = Times::of(sheet.decisive());
        let mut all = Vec::new();
        for row in sheet.suites.iter().flat_map(|suite| &suite.rows) {
            for cell in &row.cells {
                let Some(result) = sheet::decisive(cell) else { continue };
                all.push(of_result(report, &times, row.check.as_str(), cell, result));
            }
        }
        let events = junit::extra(report, &verdict).into_iter();
        all.extend(
            events.map(|(_, subject, draft)| {
                of_event(subject.as_ref().map_or("run", |subject| subject.as_str()), &draft)
            }),
        );
        make_unique(&mut all);
        Self { report, verdict, all }
    }

    /// The events: what went wrong that is not a result of a check.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Row<'a>> {
        self.all.iter().filter(|row| row.result.is_none())
    }

    /// The subjects in the order in which they first appear.
    pub(crate) fn subjects(&self) -> Vec<&str> {
        let mut subjects: Vec<&str> = Vec::new();
        for row in &self.all {
            if !subjects.contains(&row.subject.as_str()) {
                subjects.push(&row.subject);
            }
        }
        subjects
    }

    /// When the run ended.
    pub(crate) fn ended(&self) -> Timestamp {
        later(self.report.run.started, self.report.run.seconds)
    }

    /// An id that is unique to this run.
    pub(crate) fn uuid(&self, kind: &str, key: &str) -> String {
        uuid(&[self.report.run.id.as_str(), kind, key])
    }

    /// An id that is the same in every run of the matrix.
    pub(crate) fn lasting_uuid(&self, kind: &str, key: &str) -> String {
        uuid(&[&self.report.run.matrix, kind, key])
    }

    /// Every status with the number of its rows, events not counted.
    pub(crate) fn counts(&self) -> Vec<(&'static str, usize)> {
        let of = |status: &Status| {
            let has = |row: &&Row<'_>| row.result.is_some() && row.status == *status;
            (status.as_str(), self.all.iter().filter(has).count())
        };
        Status::ALL.iter().map(of).filter(|(_, number)| *number > 0).collect()
    }
}

fn uuid(parts: &[&str]) -> String {
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"urn:amiproof");
    // A length before each part, so that no two lists of parts are the same text.
    let name: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    Uuid::new_v5(&namespace, name.as_bytes()).to_string()
}

fn of_result<'a>(
    report: &Report,
    times: &Times<'_>,
    id: &str,
    cell: &[&'a CheckResult],
    result: &'a CheckResult,
) -> Row<'a> {
    let draft = Draft::of_result(times, report, result);
    let others = cell.iter().filter(|other| !std::ptr::eq(**other, result)).map(|other| {
        let scanner = other.scanner.as_deref().unwrap_or("amiproof");
        format!("{scanner}: {} ({})", other.disposition.as_str(), other.check)
    });
    let answers = others.collect::<Vec<_>>().join("; ");
    let mut remedies: Vec<&str> = Vec::new();
    for finding in result.outcome.findings() {
        if !finding.remediation.trim().is_empty() && !remedies.contains(&finding.remediation.as_str()) {
            remedies.push(&finding.remediation);
        }
    }
    let title = text::short_line(&result.title, LINE_LIMIT);
    let answer = Answer::of(result);
    Row {
        result: Some(result),
        id: text::line(id),
        check: text::line(result.check.as_str()),
        suite: text::line(result.check.suite()),
        title: if title.is_empty() { text::line(result.check.as_str()) } else { title },
        subject: text::line(result.subject.as_str()),
        answer,
        status: Status::of(&result.disposition),
        reason: text::short_line(&draft.message, LINE_LIMIT),
        detail: if answer == Answer::Pass { String::new() } else { cut(&draft.body) },
        remedy: cut(&remedies.join("\n")),
        answers: text::short_line(&answers, LINE_LIMIT),
        started: result.started,
        ended: later(result.started, result.seconds),
        seconds: draft.seconds,
    }
}

fn of_event<'a>(subject: &str, draft: &Draft) -> Row<'a> {
    let check = text::line(&format!("run/{}", draft.type_));
    Row {
        result: None,
        id: check.clone(),
        check,
        suite: "run".to_owned(),
        title: text::short_line(&draft.name, LINE_LIMIT),
        subject: text::line(subject),
        answer: Answer::Undecided,
        status: Status::Error,
        reason: text::short_line(&draft.message, LINE_LIMIT),
        detail: cut(&draft.body),
        remedy: String::new(),
        answers: String::new(),
        started: draft.started,
        ended: later(draft.started, draft.span),
        seconds: times::legal(draft.seconds),
    }
}

/// A second row of the same name, such as a second resource that was left behind, gets `#2`.
fn make_unique(rows: &mut [Row<'_>]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let number = seen.entry(row.key()).or_insert(0);
        *number += 1;
        if *number > 1 {
            row.id = format!("{}#{number}", row.id);
        }
    }
}

fn cut(whole: &str) -> String {
    let clean = text::clean(whole);
    text::head_and_tail(clean.trim(), DETAIL_LIMIT, "the full text is in report.json and its evidence files")
        .into_owned()
}

/// A time this many seconds later; the same time if that is out of range.
fn later(start: Timestamp, seconds: f64) -> Timestamp {
    let span = SignedDuration::try_from_secs_f64(times::legal(seconds)).unwrap_or(SignedDuration::ZERO);
    start.checked_add(span).unwrap_or(start)
}
