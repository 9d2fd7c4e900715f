//! Gates over scans: how much of a benchmark must have been answered, and how much of it may fail. Pure.
//!
//! A scan that answered fewer controls than its benchmark has is never simply green: its coverage is a row of its own. A threshold of
//! the matrix file tolerates only what it counted: each failure spends a budget that the file declares, and the threshold's row decides
//! instead. What no budget is for stays a failure, and a budget that nothing can be counted against is not evaluated.

mod coverage;
mod disagreement;
mod limits;
mod tally;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::coverage::{Asked, Table, gated};
pub use self::coverage::{gaps, hold_against};
pub use self::disagreement::mark_disagreements;
use self::tally::Tally;
use crate::benchmark;
use crate::candidate::OPERATING_SYSTEM;
use crate::judge::Disposition;
use crate::name::{CheckId, Level, VariantName};
use crate::report::{CheckResult, Report, Severity, Subject};
use crate::verdict::Outcome;

/// The suite of the rows that [`apply`] adds.
pub const SUITE: &str = "gate";

/// The suites of scans, which are what a threshold can be about: those of a run, then those of imported files that answer no known
/// benchmark.
pub const SCANNED: [&str; 7] = ["kube-bench", "os-cis", "eks-cis", "xccdf", "inspec", "sarif", "junit"];

/// A share in tenths of a percent, written `95%` or `99.5%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Share(u16);

impl Share {
    /// Whether `part` of `whole` is at least this share. Nothing of nothing is only as a number: gates do not ask it.
    pub fn is_met(self, part: usize, whole: usize) -> bool {
        (part as u128) * 1000 >= u128::from(self.0) * (whole as u128)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a share from 0% to 100%");
        let number = text.strip_suffix('%').ok_or_else(wrong)?;
        let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.len() <= 3 && text.chars().all(|c| c.is_ascii_digit());
        if !digits(whole) || !digits(tenth) || tenth.len() > 1 {
            return Err(wrong());
        }
        let (whole, tenth): (u16, u16) = (whole.parse().map_err(|_| wrong())?, tenth.parse().map_err(|_| wrong())?);
        let share = whole * 10 + tenth;
        if share <= 1000 { Ok(Self(share)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => write!(out, "{whole}%"),
            (whole, tenth) => write!(out, "{whole}.{tenth}%"),
        }
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

/// What a suite of scans must reach on some variants. Everything that is given must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Threshold {
    /// The suite it is about, one of [`SCANNED`]; for the coverage alone any suite.
    pub suite: String,
    /// The variants it is for; empty for all of them and the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantName>,
    /// Only variants that are hardened to this level; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The least share of passed controls among those that passed or failed; what is waived counts as neither. A control that several
    /// scanners judge is one, and passed only where all of them say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<Share>,
    /// At most so many failures, whatever their severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<usize>,
    /// At most so many failures of each severity. Failures of a severity that is not here are not tolerated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub severities: BTreeMap<Severity, usize>,
    /// The least share of answered controls among those that the benchmark has, or of answered checks of a suite that is no scan.
    /// Without it any gap is something that amiproof could not decide (exit code 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Share>,
}

impl Threshold {
    fn covers(&self, subject: &Subject, level: Option<Level>) -> bool {
        let variant = match subject {
            Subject::Variant(name) => self.variants.is_empty() || self.variants.contains(name),
            Subject::Cluster => self.variants.is_empty(),
        };
        variant && (self.level.is_none() || self.level == level)
    }
}

/// Whether a scanner says how bad its failures are. The results of Inspector's CIS scans, of kube-bench, of Bottlerocket's own reports and
/// of amiproof itself carry no severity, so that a threshold by severities can count none of them.
pub fn grades(scanner: &str) -> bool {
    // The name of an import may hold that of its file behind the scanner's.
    !["inspector", "kube-bench", "bottlerocket", "amiproof"].iter().any(|name| scanner.starts_with(name))
}

/// Adds a row for the coverage of every suite that scanned a subject, and one for the thresholds that are about it. What a threshold
/// that holds counted becomes [`Disposition::Tolerated`] where it failed and [`Disposition::Allowed`] where it was not evaluated. Rows
/// of an earlier call are replaced.
pub fn apply(report: &mut Report, thresholds: &[Threshold], now: Timestamp) {
    apply_by(report, thresholds, now, &benchmark::asked);
}

fn apply_by(report: &mut Report, thresholds: &[Threshold], now: Timestamp, table: Table<'_>) {
    report.results.retain(|result| !result.is_gate());
    for (subject, suite) in gated(report, thresholds) {
        let variant = report.variant_of(&subject);
        let level = variant.and_then(|variant| variant.level);
        let own: Vec<&Threshold> = thresholds
            .iter()
            .filter(|threshold| threshold.suite == suite && threshold.covers(&subject, level))
            .collect();
        let promised = variant.and_then(|variant| variant.benchmark.as_ref()).filter(|_| suite == OPERATING_SYSTEM);
        let tally = Tally::of(report, &subject, &suite, promised.map(|benchmark| benchmark.as_str()));
        let asked = Asked {
            subject: &subject,
            promised: promised.map(|benchmark| benchmark.as_str()),
            level,
            least: own.iter().filter_map(|threshold| threshold.coverage).max(),
            scans: report.scans.iter().filter(|scan| scan.subject == subject && scan.suite == suite).collect(),
            table,
        };
        let (coverage, is_declared) = (asked.outcome(&tally), asked.least.is_some());
        let limits = limits::outcome(&own, &tally);
        let id = format!("{SUITE}/{suite}-coverage");
        match &coverage {
            Outcome::Pass if is_declared => account(report, &subject, &suite, &Disposition::Allowed),
            // The matrix file says what less means: a failure, which stands in the gate's row.
            Outcome::Fail { .. } => {
                if let Ok(check) = CheckId::try_from(id.clone()) {
                    let blocked = Disposition::Blocked { check, subject: subject.clone() };
                    account(report, &subject, &suite, &blocked);
                }
            }
            _ => {}
        }
        if limits == Some(Outcome::Pass) {
            limits::tolerate(report, &subject, &suite, &own);
        }
        let coverage = row(id, COVERAGE, &subject, coverage, now);
        let limits =
            limits.and_then(|outcome| row(format!("{SUITE}/{suite}-threshold"), THRESHOLD, &subject, outcome, now));
        report.results.extend(coverage.into_iter().chain(limits));
    }
}

const COVERAGE: &str = "every control of the benchmark has an answer";
const THRESHOLD: &str = "no more controls fail than the matrix file allows";

/// Gives what was not evaluated the meaning that a declared coverage has for it. An error is no gap in a scan: it says that amiproof
/// broke.
fn account(report: &mut Report, subject: &Subject, suite: &str, meaning: &Disposition) {
    let own = |result: &&mut CheckResult| result.subject == *subject && result.check.suite() == suite;
    for result in report.results.iter_mut().filter(own) {
        if result.disposition == Disposition::NotEvaluated {
            result.disposition = meaning.clone();
        }
    }
}

/// A row of a gate; `None` only where the suite's name could not be part of a check id, which the matrix file refuses.
fn row(id: String, title: &str, subject: &Subject, outcome: Outcome, now: Timestamp) -> Option<CheckResult> {
    let check = CheckId::try_from(id).ok()?;
    Some(CheckResult { title: title.to_owned(), started: now, ..CheckResult::new(check, subject.clone(), outcome) })
}

#[cfg(test)]
mod tests;
