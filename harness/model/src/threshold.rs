//! Gates over scans: how much of a benchmark must have been answered, and how much of it may fail. Pure.
//!
//! A scan that answered fewer controls than its benchmark has is never simply green: its coverage is a row of its own. What a
//! threshold of the matrix file allows to fail is [`Disposition::Tolerated`]; the threshold's row decides instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::judge::Disposition;
use crate::name::{CheckId, Level, VariantName};
use crate::report::{CheckResult, Report, ScanRecord, Severity, Subject};
use crate::verdict::{Finding, Outcome};

/// The suite of the rows that [`apply`] adds.
pub const SUITE: &str = "gate";

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
    /// The suite of scans it is about (`os-cis`, `kube-bench`, `eks-cis`).
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
    /// The least share of answered controls among those that the benchmark has. Without it a gap is shown, but fails nothing.
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
    /// By benchmark, what has no answer of some scanner.
    silent: BTreeMap<Option<Benchmark>, BTreeSet<CheckId>>,
    /// Why, with how often.
    reasons: BTreeMap<String, usize>,
    /// Why a scanner as a whole does not apply.
    inapplicable: Option<String>,
}

/// A benchmark's name: `cis-al2023-1.0.0`.
type Benchmark = String;

impl Tally {
    fn of(report: &Report, subject: &Subject, suite: &str) -> Self {
        let mut tally = Self::default();
        let own = |result: &&CheckResult| result.subject == *subject && result.check.suite() == suite;
        for result in report.results.iter().filter(own) {
            tally.add_answer(result);
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

    fn add_answer(&mut self, result: &CheckResult) {
        let benchmark = result.control.as_ref().map(|control| control.benchmark().to_owned());
        match &result.outcome {
            outcome if outcome.is_silent() => {
                self.silent.entry(benchmark).or_default().insert(result.check.clone());
                *self.reasons.entry(outcome.reason().to_owned()).or_default() += 1;
            }
            // `os-cis/inspector`: not a control or rule, but a scanner that says that it has none here.
            Outcome::NotApplicable { reason } if result.check.as_str().matches('/').count() == 1 => {
                if self.inapplicable.is_none() || result.scanner.is_some() {
                    self.inapplicable = Some(reason.clone());
                }
            }
            _ if result.scanner.is_some() => {
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
        self.reasons.iter().max_by_key(|(_, count)| **count).map_or("no scanner says why", |(reason, _)| reason)
    }
}

/// Adds a row for the coverage of every suite that scanned a subject, and one for the thresholds that are about it; failures within
/// a threshold that holds become [`Disposition::Tolerated`]. Rows of an earlier call are replaced.
pub fn apply(report: &mut Report, thresholds: &[Threshold], now: Timestamp) {
    report.results.retain(|result| result.check.suite() != SUITE);
    let levels: BTreeMap<Subject, Option<Level>> =
        report.variants.iter().map(|record| (Subject::Variant(record.name.clone()), record.level)).collect();
    let mut subjects: Vec<(Subject, String)> = Vec::new();
    for scan in &report.scans {
        let pair = (scan.subject.clone(), scan.suite.clone());
        if !subjects.contains(&pair) {
            subjects.push(pair);
        }
    }
    for (subject, suite) in subjects {
        let level = levels.get(&subject).copied().flatten();
        let own: Vec<&Threshold> = thresholds
            .iter()
            .filter(|threshold| threshold.suite == suite && threshold.covers(&subject, level))
            .collect();
        let tally = Tally::of(report, &subject, &suite);
        let scans = report.scans.iter().filter(|scan| scan.subject == subject && scan.suite == suite);
        let outcome = coverage(&tally, scans, &own);
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

fn coverage<'a>(tally: &Tally, scans: impl Iterator<Item = &'a ScanRecord>, thresholds: &[&Threshold]) -> Outcome {
    let mut expected: BTreeMap<Option<Benchmark>, usize> = BTreeMap::new();
    for scan in scans {
        if let Some(has) = scan.expected {
            let known = expected.entry(scan.benchmark.as_ref().map(ToString::to_string)).or_default();
            *known = has.max(*known);
        }
    }
    let (answered, whole) = tally.coverage(&expected);
    let told = format!("{answered} of {whole} controls have an answer");
    let least = thresholds.iter().filter_map(|threshold| threshold.coverage).max();
    match least {
        Some(share) if whole > 0 && share.is_met(answered, whole) => Outcome::Pass,
        Some(share) => {
            let summary = format!("{told}, at least {share} must: {}", tally.main_reason());
            Outcome::Fail { findings: vec![Finding::new("coverage", summary)] }
        }
        None if answered > 0 && answered == whole => Outcome::Pass,
        None if whole == 0
            && let Some(reason) = &tally.inapplicable =>
        {
            Outcome::NotApplicable { reason: reason.clone() }
        }
        None => Outcome::NotEvaluated { reason: format!("{told}: {}", tally.main_reason()) },
    }
}

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

/// Says of every result whose check another scanner answered otherwise what that one says: `openscap says pass`.
pub fn mark_disagreements(results: &mut [CheckResult]) {
    type Answers = BTreeMap<String, &'static str>;
    let mut answers: BTreeMap<(CheckId, Subject), Answers> = BTreeMap::new();
    for result in results.iter() {
        if let (Some(scanner), Outcome::Pass | Outcome::Fail { .. }) = (&result.scanner, &result.outcome) {
            let of_check = answers.entry((result.check.clone(), result.subject.clone())).or_default();
            of_check.insert(scanner.clone(), result.outcome.word());
        }
    }
    for result in results.iter_mut() {
        let of_check = answers.get(&(result.check.clone(), result.subject.clone()));
        let own = result.outcome.word();
        let others = of_check.into_iter().flatten().filter(|(scanner, word)| {
            Some(scanner.as_str()) != result.scanner.as_deref() && **word != own && matches!(own, "pass" | "fail")
        });
        let others: Vec<String> = others.map(|(scanner, word)| format!("{scanner} says {word}")).collect();
        result.disagreement = if others.is_empty() { None } else { Some(others.join(", ")) };
    }
}

#[cfg(test)]
mod tests;
