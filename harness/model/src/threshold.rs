//! Gates over scans: how much of a benchmark must have been answered, and how much of it may fail. Pure.
//!
//! A scan that answered fewer controls than its benchmark has is never simply green: its coverage is a row of its own. What a
//! threshold of the matrix file allows to fail is [`Disposition::Tolerated`]; the threshold's row decides instead.

mod coverage;
mod disagreement;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::coverage::{OPERATING_SYSTEM, coverage, scanned, variant};
pub use self::coverage::{gaps, hold_against};
pub use self::disagreement::mark_disagreements;
use crate::judge::Disposition;
use crate::name::{CheckId, Level, VariantName};
use crate::report::{CheckResult, Report, Severity, Subject};
use crate::verdict::{Finding, Outcome};

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
    /// Whether `part` of `whole` is at least this share; nothing of nothing is.
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Threshold {
    /// The suite of scans it is about, one of [`SCANNED`].
    pub suite: String,
    /// The variants it is for; empty for all of them and the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantName>,
    /// Only variants that are hardened to this level; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The least share of passed controls among those that passed or failed; what is waived counts as neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<Share>,
    /// At most so many failures, whatever their severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<usize>,
    /// At most so many failures of each severity.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub severities: BTreeMap<Severity, usize>,
    /// The least share of answered controls among those that the benchmark has. Without it any gap is something that amiproof could
    /// not decide (exit code 3).
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

    fn limits_failures(&self) -> bool {
        self.pass.is_some() || self.failures.is_some() || !self.severities.is_empty()
    }

    /// What of it does not hold.
    fn missed(&self, tally: &Tally) -> Vec<Finding> {
        let mut missed = Vec::new();
        if let Some(share) = self.pass
            && !share.is_met(tally.passed, tally.passed + tally.failed)
        {
            let decided = tally.passed + tally.failed;
            missed.push(format!("{} of {decided} decided controls passed, at least {share} must", tally.passed));
        }
        if let Some(most) = self.failures
            && tally.failed > most
        {
            missed.push(format!("{} controls failed, at most {most} may", tally.failed));
        }
        for (severity, most) in &self.severities {
            let failed = tally.by_severity.get(severity).copied().unwrap_or(0);
            if failed > *most {
                let word = severity.word();
                missed.push(format!("{failed} controls of severity {word} failed, at most {most} may"));
            }
        }
        missed.into_iter().map(|summary| Finding::new(format!("threshold of {}", self.suite), summary)).collect()
    }
}

/// What one suite of scans came to on one subject.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    by_severity: BTreeMap<Severity, usize>,
    /// By benchmark, the controls with an answer of any scanner: also `not applicable` and `manual` are answers, no evidence is none.
    answered: BTreeMap<Option<Benchmark>, BTreeSet<CheckId>>,
    /// By benchmark, how many results are answers of a scanner: what it leaves to a human is none.
    evaluated: BTreeMap<Option<Benchmark>, usize>,
    /// By benchmark, what has no answer of some scanner.
    silent: BTreeMap<Option<Benchmark>, BTreeSet<CheckId>>,
    /// Why, with how often.
    reasons: BTreeMap<String, usize>,
    /// Why a scanner as a whole does not apply.
    inapplicable: Option<String>,
    /// What a scanner that did not scan at all says about it, because it is not there: no control of it is missing.
    absent: Option<String>,
}

/// A benchmark's name: `cis-al2023-1.0.0`.
type Benchmark = String;

impl Tally {
    fn of(report: &Report, subject: &Subject, suite: &str) -> Self {
        let mut tally = Self::default();
        let own = |result: &&CheckResult| result.subject == *subject && result.check.suite() == suite;
        let scans = report.scans.iter().filter(|scan| scan.subject == *subject && scan.suite == suite);
        let scanners: BTreeSet<&str> = scans.map(|scan| scan.scanner.as_str()).collect();
        for result in report.results.iter().filter(own) {
            let is_recorded = result.scanner.as_deref().is_some_and(|scanner| scanners.contains(scanner));
            tally.add_answer(result, is_recorded);
            match result.disposition {
                Disposition::Passed | Disposition::Flaky => tally.passed += 1,
                Disposition::Failed | Disposition::Known | Disposition::Tolerated => {
                    tally.failed += 1;
                    if let Some(severity) = result.severity {
                        *tally.by_severity.entry(severity).or_default() += 1;
                    }
                }
                _ => {}
            }
        }
        tally
    }

    /// `recorded` says whether the run has a record of the scan that the result is of.
    fn add_answer(&mut self, result: &CheckResult, recorded: bool) {
        let benchmark = result.control.as_ref().map(|control| control.benchmark().to_owned());
        // `os-cis/inspector`: not a control or rule, but the scanner itself.
        let is_scanner = result.check.as_str().matches('/').count() == 1;
        match &result.outcome {
            outcome if outcome.is_silent() && is_scanner && result.scanner.is_some() && !recorded => {
                self.absent = Some(outcome.reason().to_owned());
            }
            outcome if outcome.is_silent() => {
                self.silent.entry(benchmark).or_default().insert(result.check.clone());
                *self.reasons.entry(outcome.reason().to_owned()).or_default() += 1;
            }
            Outcome::NotApplicable { reason }
                if is_scanner && (self.inapplicable.is_none() || result.scanner.is_some()) =>
            {
                self.inapplicable = Some(reason.clone());
            }
            outcome if result.scanner.is_some() => {
                if !matches!(outcome, Outcome::Manual { .. }) {
                    *self.evaluated.entry(benchmark.clone()).or_default() += 1;
                }
                self.answered.entry(benchmark).or_default().insert(result.check.clone());
            }
            _ => {}
        }
    }

    /// How many controls have an answer, and how many there are: by each benchmark as many as it has, where a scanner says how many.
    fn coverage(&self, expected: &BTreeMap<Option<Benchmark>, usize>) -> (usize, usize) {
        let benchmarks: BTreeSet<&Option<Benchmark>> =
            self.answered.keys().chain(self.silent.keys()).chain(expected.keys()).collect();
        let (mut answered, mut whole) = (0, 0);
        for benchmark in benchmarks {
            let own = self.answered.get(benchmark);
            let count = own.map_or(0, BTreeSet::len);
            let is_open = |check: &&CheckId| own.is_none_or(|own| !own.contains(*check));
            let silent = self.silent.get(benchmark).map_or(0, |silent| silent.iter().filter(is_open).count());
            answered += count;
            whole += expected.get(benchmark).copied().unwrap_or(count + silent).max(count);
        }
        (answered, whole)
    }

    /// The reason that most of the missing answers give.
    fn main_reason(&self) -> &str {
        let most = self.reasons.iter().max_by_key(|(_, count)| **count).map(|(reason, _)| reason);
        most.or(self.absent.as_ref()).map_or("no scanner says why", String::as_str)
    }
}

/// Adds a row for the coverage of every suite that scanned a subject, and one for the thresholds that are about it; failures within
/// a threshold that holds become [`Disposition::Tolerated`]. Rows of an earlier call are replaced.
pub fn apply(report: &mut Report, thresholds: &[Threshold], now: Timestamp) {
    report.results.retain(|result| result.check.suite() != SUITE);
    for (subject, suite) in scanned(report) {
        let variant = variant(report, &subject);
        let level = variant.and_then(|variant| variant.level);
        let own: Vec<&Threshold> = thresholds
            .iter()
            .filter(|threshold| threshold.suite == suite && threshold.covers(&subject, level))
            .collect();
        let tally = Tally::of(report, &subject, &suite);
        let scans = report.scans.iter().filter(|scan| scan.subject == subject && scan.suite == suite);
        let promised = variant.and_then(|variant| variant.benchmark.as_ref()).filter(|_| suite == OPERATING_SYSTEM);
        let outcome = coverage(&tally, scans, &own, promised);
        let mut rows = vec![row(format!("{SUITE}/{suite}-coverage"), COVERAGE, &subject, outcome, now)];
        if own.iter().any(|threshold| threshold.limits_failures()) {
            let missed: Vec<Finding> = own.iter().flat_map(|threshold| threshold.missed(&tally)).collect();
            let holds = missed.is_empty();
            let outcome = if holds { Outcome::Pass } else { Outcome::Fail { findings: missed } };
            rows.push(row(format!("{SUITE}/{suite}-threshold"), THRESHOLD, &subject, outcome, now));
            if holds {
                tolerate(report, &subject, &suite);
            }
        }
        report.results.extend(rows.into_iter().flatten());
    }
}

const COVERAGE: &str = "every control of the benchmark has an answer";
const THRESHOLD: &str = "no more controls fail than the matrix file allows";

fn tolerate(report: &mut Report, subject: &Subject, suite: &str) {
    let own = |result: &&mut CheckResult| result.subject == *subject && result.check.suite() == suite;
    for result in report.results.iter_mut().filter(own) {
        if result.disposition == Disposition::Failed {
            result.disposition = Disposition::Tolerated;
        }
    }
}

/// A row of a gate; `None` only where the suite's name could not be part of a check id, which the matrix file refuses.
fn row(id: String, title: &str, subject: &Subject, outcome: Outcome, now: Timestamp) -> Option<CheckResult> {
    let disposition = match &outcome {
        Outcome::Pass => Disposition::Passed,
        Outcome::Fail { .. } => Disposition::Failed,
        Outcome::NotApplicable { .. } => Disposition::NotApplicable,
        _ => Disposition::NotEvaluated,
    };
    Some(CheckResult {
        check: CheckId::try_from(id).ok()?,
        title: title.to_owned(),
        subject: subject.clone(),
        control: None,
        level: None,
        severity: None,
        scanner: None,
        outcome,
        disposition,
        origin: None,
        disagreement: None,
        started: now,
        seconds: 0.0,
        earlier_attempts: Vec::new(),
        placements: Vec::new(),
        traffic: Vec::new(),
        exercises: Vec::new(),
        evidence: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
