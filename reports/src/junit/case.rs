//! One JUnit test case: its name, its content, and the space for its text.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use amiproof_model::conclusion::Summary;
use amiproof_model::judge::Disposition;
use amiproof_model::report::{Cause, CheckResult, Leftover, PhaseEnd, PhaseRecord, Report};
use amiproof_model::verdict::{Evidence, Outcome, Placement};
use jiff::Timestamp;
use junit_report::{Duration, TestCase, TestResult};

use crate::origin::origin_sentence;
use crate::sheet::{self, Folded};
use crate::text;
use crate::times::{self, Times};

/// Maximum length of a name or a message, characters (Azure cuts names at 512).
const LINE_LIMIT: usize = 512;

/// Maximum size of one body or one `system-out`, bytes: with both, a case stays below the 100,000 characters at which Jenkins cuts.
const TEXT_LIMIT: usize = 48 * 1024;

/// The outcome of a case in JUnit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No child element.
    Pass,
    /// `failure`.
    Failure,
    /// `error`.
    Error,
    /// `skipped`.
    Skipped,
}

/// A case with its whole text.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) classname: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The `type` attribute: a word that a consumer can group by.
    pub(crate) type_: String,
    /// One line.
    pub(crate) message: String,
    pub(crate) body: String,
    pub(crate) output: String,
    pub(crate) started: Timestamp,
    /// The case's own time: zero for one of several controls of a scan.
    pub(crate) seconds: f64,
    /// The time span of the work, which for such a control is that of the scan; the time of a suite is computed from it.
    pub(crate) span: f64,
}

/// How many bytes of its body and its output a case may write.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    body: usize,
    output: usize,
}

impl Draft {
    pub(crate) fn of_result(times: &Times<'_>, report: &Report, result: &CheckResult) -> Self {
        let subject = result.subject.as_str();
        let kind = super::kind(&result.disposition);
        let cause = report.explained_by(result).filter(|_| kind == Kind::Failure);
        let output = match (&result.disposition, kind) {
            (Disposition::Flaky, _) => flaky_note(result),
            (_, Kind::Failure | Kind::Error) => evidence_text(&result.evidence),
            _ => String::new(),
        };
        Self {
            classname: format!("{subject}.{}", result.check.suite()),
            name: format!("[{subject}] {}: {}", result.check, result.title),
            kind,
            type_: result.disposition.as_str().replace(' ', "-"),
            message: match cause {
                Some(cause) => format!("{}: {}", cause_in_brief(cause), sheet::reason(result)),
                None => sheet::reason(result),
            },
            body: if kind == Kind::Pass { String::new() } else { result_body(result, cause) },
            output,
            started: result.started,
            seconds: times.own(result),
            span: result.seconds,
        }
    }

    /// A case for a failed phase; `None` for others.
    pub(super) fn of_phase(subject: &str, phase: &PhaseRecord) -> Option<Self> {
        let PhaseEnd::Error { message, evidence } = &phase.ended else { return None };
        Some(Self {
            classname: format!("{subject}.run"),
            name: format!("[{subject}] run/{}: the phase completes", phase.phase.as_str().replace(' ', "-")),
            kind: Kind::Error,
            type_: "phase-error".to_owned(),
            message: message.clone(),
            body: format!(
                "phase '{}' of {subject} ended with an error after {}\n\n{message}\n",
                phase.phase.as_str(),
                text::duration(phase.seconds)
            ),
            output: evidence_text(evidence),
            started: phase.started,
            seconds: phase.seconds,
            span: phase.seconds,
        })
    }

    /// A case for a verdict that no other case shows: nothing was selected, or nothing was evaluated.
    pub(super) fn of_verdict(report: &Report, verdict: &Summary) -> Self {
        Self {
            classname: "run.verdict".to_owned(),
            name: "[run] run/verdict: the run evaluates something".to_owned(),
            kind: Kind::Error,
            type_: verdict.conclusion.as_str().replace(' ', "-"),
            message: format!("{}: {}", verdict.conclusion.as_str(), verdict.reason),
            body: format!("{}: {}\n", verdict.conclusion.as_str(), verdict.reason),
            output: String::new(),
            started: report.run.started,
            seconds: 0.0,
            span: 0.0,
        }
    }

    pub(super) fn of_interruption(report: &Report) -> Self {
        let mut body =
            "The run was interrupted; what was not evaluated by then is missing from this file.\n".to_owned();
        for variant in &report.variants {
            let cancelled: Vec<_> =
                variant.phases.iter().filter(|p| p.ended == PhaseEnd::Cancelled).map(|p| p.phase.as_str()).collect();
            if !cancelled.is_empty() {
                let _ = writeln!(body, "{}: cancelled {}", variant.name, cancelled.join(", "));
            }
        }
        Self {
            classname: "run.interrupted".to_owned(),
            name: "[run] run/interrupted: the run completes".to_owned(),
            kind: Kind::Error,
            type_: "interrupted".to_owned(),
            message: "the run was interrupted before everything was evaluated".to_owned(),
            body,
            output: String::new(),
            started: report.run.started,
            seconds: 0.0,
            span: 0.0,
        }
    }

    pub(super) fn of_leftover(started: Timestamp, leftover: &Leftover) -> Self {
        Self {
            classname: "run.cleanup".to_owned(),
            name: format!("[run] run/cleanup: {} {} is deleted", leftover.kind, leftover.id),
            kind: Kind::Error,
            type_: "left-behind".to_owned(),
            message: format!("{} {} was left behind: {}", leftover.kind, leftover.id, leftover.reason),
            body: format!("{}\n\nremove it with:\n{}\n", leftover.reason, leftover.help),
            output: String::new(),
            started,
            seconds: 0.0,
            span: 0.0,
        }
    }

    pub(super) fn of_not_verified(started: Timestamp, sentence: &str) -> Self {
        Self {
            classname: "run.cleanup".to_owned(),
            name: format!("[run] run/cleanup: {}", text::short_line(sentence, LINE_LIMIT)),
            kind: Kind::Error,
            type_: "not-verified".to_owned(),
            message: sentence.to_owned(),
            body: sentence.to_owned(),
            output: String::new(),
            started,
            seconds: 0.0,
            span: 0.0,
        }
    }

    pub(super) fn test_case(&self, share: Share) -> TestCase {
        let message = text::short_line(&self.message, LINE_LIMIT);
        // GitLab reads the text of the element and not its message attribute, so there is always some text.
        let body = if share.body == 0 { message.clone() } else { cut(&self.body, share.body) };
        let (type_, cause) = (self.type_.clone(), Some(split_cdata_end(&body)));
        TestCase {
            name: self.name.clone(),
            time: Duration::saturating_seconds_f64(times::legal(self.seconds)),
            result: match self.kind {
                Kind::Pass => TestResult::Success,
                Kind::Failure => TestResult::Failure { type_, message, cause },
                Kind::Error => TestResult::Error { type_, message, cause },
                Kind::Skipped => TestResult::SkippedWithCause { type_, message, cause },
            },
            classname: Some(self.classname.clone()),
            filepath: None,
            system_out: (share.output > 0).then(|| split_cdata_end(&cut(&self.output, share.output))),
            system_err: None,
        }
    }
}

/// The names that cases of a document have.
#[derive(Default)]
pub(super) struct Names(HashSet<u64>);

impl Names {
    /// Makes name and classname valid, short, and unique as a pair: a second case of the same name gets ` (2)`.
    pub(super) fn make_unique(&mut self, case: &mut Draft) {
        case.classname = text::short_line(&case.classname, LINE_LIMIT);
        case.name = text::short_line(&case.name, LINE_LIMIT);
        let whole = case.name.clone();
        let mut number = 1;
        while !self.0.insert(digest(&case.classname, &case.name)) {
            number += 1;
            let suffix = format!(" ({number})");
            case.name = text::short_line(&whole, LINE_LIMIT - suffix.len()) + &suffix;
        }
    }
}

/// A hash instead of the names, which are most of a large document. If two different names had the same hash, one of
/// them would get a suffix that it does not need.
fn digest(classname: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (classname, name).hash(&mut hasher);
    hasher.finish()
}

/// How large the texts of a case are, bytes.
pub(super) struct Size {
    /// Tags, names and message, which are always written.
    fixed: usize,
    body: usize,
    output: usize,
    /// Whether it is a failure or an error.
    is_red: bool,
}

impl Size {
    pub(super) fn of(case: &Draft) -> Self {
        /// What the tags and attributes of a case cost, besides their values.
        const MARKUP: usize = 160;
        Self {
            fixed: MARKUP + case.classname.len() + case.name.len() + 2 * case.message.len().min(2 * LINE_LIMIT),
            body: case.body.len(),
            output: case.output.len(),
            is_red: matches!(case.kind, Kind::Failure | Kind::Error),
        }
    }

    /// All that a case may write.
    pub(super) fn all(&self) -> Share {
        Share { body: self.body.min(TEXT_LIMIT), output: self.output.min(TEXT_LIMIT) }
    }

    /// What it costs to write all that it may.
    pub(super) fn cost(&self) -> usize {
        let Share { body, output } = self.all();
        self.fixed + body + output
    }
}

/// Distributes `budget` bytes: bodies of failures and errors first, then their outputs, then everything else, each up to
/// [`TEXT_LIMIT`]. Names and messages are deducted first.
pub(super) fn shares(cases: &[Size], budget: usize) -> Vec<Share> {
    let fixed: usize = cases.iter().map(|case| case.fixed).sum();
    let mut left = budget.saturating_sub(fixed);
    let mut take = |wanted: usize| {
        let share = wanted.min(TEXT_LIMIT).min(left);
        left -= share;
        share
    };
    let mut shares = vec![Share::default(); cases.len()];
    for wanted_red in [true, false] {
        for (case, share) in cases.iter().zip(&mut shares).filter(|(case, _)| case.is_red == wanted_red) {
            share.body = take(case.body);
        }
        for (case, share) in cases.iter().zip(&mut shares).filter(|(case, _)| case.is_red == wanted_red) {
            share.output = take(case.output);
        }
    }
    shares
}

fn cut(whole: &str, limit: usize) -> String {
    let clean = text::clean(whole);
    text::head_and_tail(&clean, limit, "the full text is in report.json and its evidence files").into_owned()
}

/// `junit-report` puts text into one CDATA section as it is; a `]]>` inside it would end the section early.
fn split_cdata_end(text: &str) -> String {
    text.replace("]]>", "]]]]><![CDATA[>")
}

/// `forwarded packets are dropped (nftables forward policy, 3.4.2.7; likely)`.
fn cause_in_brief(cause: &Cause) -> String {
    let numbers: String = cause.controls.iter().map(|control| format!(", {}", control.number())).collect();
    format!("{} ({}{numbers}; {})", cause.title, cause.label, cause.certainty.as_str())
}

fn result_body(result: &CheckResult, cause: Option<&Cause>) -> String {
    let mut body = String::new();
    let out = &mut body;
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}: {}\n", result.disposition.as_str(), text::line(&sheet::reason(result)));
    let _ = writeln!(out, "check: {} on {}", result.check, result.subject.as_str());
    if let Some(control) = &result.control {
        let level = result.level.map(|level| format!(" ({level})")).unwrap_or_default();
        let _ = writeln!(out, "control: {control}{level}");
    }
    if let Some(origin) = result.origin {
        let _ = writeln!(out, "origin: {}", origin_sentence(origin));
    }
    if let Some(cause) = cause {
        let _ = writeln!(out, "cause: {}", cause_in_brief(cause));
        let _ = writeln!(out, "  {}", cause.evidence());
        for help in &cause.help {
            let _ = writeln!(out, "  {help}");
        }
    }
    // The reason of every other outcome is whole in the first line.
    let findings = Folded::of(result);
    for (at, finding) in findings.iter().enumerate() {
        write_finding(out, at + 1, findings.len(), finding);
    }
    write_placements(out, &result.placements);
    write_attempts(out, &result.earlier_attempts);
    body
}

fn write_finding(out: &mut String, number: usize, total: usize, folded: &Folded<'_>) {
    let finding = folded.finding;
    let _ = writeln!(out, "\nfinding {number} of {total}, {}: {}", folded.place(), finding.summary);
    for detail in folded.detail().lines() {
        let _ = writeln!(out, "  {detail}");
    }
    for (at, remedy) in finding.remediation.lines().enumerate() {
        let _ = writeln!(out, "  {}{remedy}", if at == 0 { "remedy: " } else { "        " });
    }
}

fn write_placements(out: &mut String, placements: &[Placement]) {
    if !placements.is_empty() {
        let _ = writeln!(out, "\nran on:");
    }
    for placement in placements {
        let _ = writeln!(out, "  {}", placement_line(placement));
    }
}

fn write_attempts(out: &mut String, attempts: &[Outcome]) {
    for (at, attempt) in attempts.iter().enumerate() {
        let _ = writeln!(out, "attempt {}: {}: {}", at + 1, attempt.as_str(), attempt.reason());
    }
}

fn flaky_note(result: &CheckResult) -> String {
    let mut note = format!("flaky: {}\n", sheet::reason(result));
    write_attempts(&mut note, &result.earlier_attempts);
    note
}

fn evidence_text(evidence: &[Evidence]) -> String {
    let mut out = String::new();
    for piece in evidence {
        let file = piece.file.as_deref().map(|file| format!(" (full text: {file})")).unwrap_or_default();
        let _ = writeln!(out, "== {}{file}", piece.name);
        let _ = writeln!(out, "{}", piece.text.trim_end());
    }
    out
}

/// `pod client on node ip-10-0-1-2 (i-0abc, ami-0abc)`.
pub(crate) fn placement_line(placement: &Placement) -> String {
    let pod = placement.pod.as_deref().map(|pod| format!("pod {pod} on ")).unwrap_or_default();
    let ids: Vec<&str> =
        [placement.instance_id.as_deref(), placement.ami_id.as_deref()].into_iter().flatten().collect();
    let ids = if ids.is_empty() { String::new() } else { format!(" ({})", ids.join(", ")) };
    format!("{pod}node {}{ids}", placement.node)
}

/// How a result appears in JUnit. Inconclusive results are errors, never skips, which consumers count as success.
pub(crate) fn kind(disposition: &Disposition) -> Kind {
    match disposition {
        Disposition::Passed | Disposition::Flaky => Kind::Pass,
        Disposition::Failed => Kind::Failure,
        Disposition::Error | Disposition::NotEvaluated => Kind::Error,
        Disposition::Waived { .. }
        | Disposition::Tolerated
        | Disposition::NotApplicable
        | Disposition::Informational
        | Disposition::Allowed
        | Disposition::Blocked { .. }
        | Disposition::Manual => Kind::Skipped,
    }
}
