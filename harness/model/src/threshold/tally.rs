//! The counts of one suite on one subject, computed once for all its gates.

use std::collections::{BTreeMap, BTreeSet};

use super::declared::{SCANNED, grades};
use crate::judge::disposition::Disposition;
use crate::report::Report;
use crate::report::result::CheckResult;
use crate::report::severity::Severity;
use crate::report::subject::Subject;
use crate::verdict::Outcome;

/// A benchmark's name: `cis-al2023-1.0.0`.
pub(super) type Benchmark = String;

/// The counts of one suite on one subject.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The combined rows by control, or by check if there is no control.
    cells: BTreeMap<(Option<Benchmark>, String), Cell>,
    /// The benchmark that the subject is hardened to; passes of other benchmarks do not count for it.
    promised: Option<Benchmark>,
    /// The scanners of failures without a severity.
    pub(super) ungraded: BTreeSet<String>,
    /// Whether the scanner of any decided row reports severities.
    pub(super) has_grader: bool,
    /// The scanners of decided rows that never report severities.
    pub(super) never_grade: BTreeSet<String>,
    /// By benchmark, the controls (or, without a benchmark, the checks) with a result of any scanner, including `not applicable` and
    /// `manual`, but not `not evaluated`.
    pub(super) answered: BTreeMap<Option<Benchmark>, BTreeSet<String>>,
    /// By benchmark, the number of results that a scanner decided, without manual ones.
    pub(super) evaluated: BTreeMap<Option<Benchmark>, usize>,
    /// By benchmark, the controls without a result of some scanner.
    pub(super) silent: BTreeMap<Option<Benchmark>, BTreeSet<String>>,
    /// The reasons for missing results, with their counts.
    reasons: BTreeMap<String, usize>,
    /// Why a scanner as a whole does not apply.
    pub(super) inapplicable: Option<String>,
    /// The reason of a scanner that is not installed and did not scan at all: its controls do not count as missing.
    pub(super) absent: Option<String>,
}

/// The combined rows of one control, over all scanners and files.
#[derive(Debug, Default)]
struct Cell {
    passes: bool,
    fails: bool,
    /// Whether one of its rows is neither passed nor failed: then the control did not pass.
    is_open: bool,
    /// The severities of its failures.
    severities: BTreeSet<Severity>,
}

impl Tally {
    pub(super) fn of(report: &Report, subject: &Subject, suite: &str, promised: Option<&str>) -> Self {
        let mut tally = Self { promised: promised.map(str::to_owned), ..Self::default() };
        let own = |result: &&CheckResult| result.subject == *subject && result.check.suite() == suite;
        let scans = report.scans.iter().filter(|scan| scan.subject == *subject && scan.suite == suite);
        let scanners: BTreeSet<&str> = scans.map(|scan| scan.scanner.as_str()).collect();
        for result in report.results.iter().filter(own) {
            if SCANNED.contains(&suite) {
                let is_recorded = result.scanner.as_deref().is_some_and(|scanner| scanners.contains(scanner));
                tally.add_answer(result, is_recorded);
            } else {
                tally.add_check(result);
            }
            tally.add_decision(result);
        }
        if *subject == Subject::Cluster {
            tally.add_elsewhere(report, suite);
        }
        tally
    }

    /// Number of passed controls: all rows of a control passed, and it belongs to the variant's benchmark, if there is one. Another file
    /// can remove a control from this number, but never add one that another row leaves open.
    pub(super) fn passed(&self) -> usize {
        let is_own = |benchmark: &Option<Benchmark>| self.promised.is_none() || *benchmark == self.promised;
        let passed = |cell: &Cell| cell.passes && !cell.fails && !cell.is_open;
        self.cells.iter().filter(|((benchmark, _), cell)| is_own(benchmark) && passed(cell)).count()
    }

    /// Number of failed controls of all benchmarks: no failure is left out.
    pub(super) fn failed(&self) -> usize {
        self.cells.values().filter(|cell| cell.fails).count()
    }

    /// Number of controls with a failure of a severity. A control with several severities counts for each of them.
    pub(super) fn failed_with(&self, severity: Severity) -> usize {
        self.cells.values().filter(|cell| cell.severities.contains(&severity)).count()
    }

    fn add_decision(&mut self, result: &CheckResult) {
        let scanner = || result.scanner.clone().unwrap_or_else(|| "amiproof".to_owned());
        let cell = self.cells.entry(place(result)).or_default();
        let is_failure = match result.disposition {
            Disposition::Passed | Disposition::Flaky => false,
            Disposition::Failed | Disposition::Tolerated => true,
            _ => {
                cell.is_open = true;
                return;
            }
        };
        cell.passes |= !is_failure;
        cell.fails |= is_failure;
        cell.severities.extend(result.severity.filter(|_| is_failure));
        if grades(&scanner()) {
            self.has_grader = true;
        } else {
            self.never_grade.insert(scanner());
        }
        if is_failure && result.severity.is_none() {
            self.ungraded.insert(scanner());
        }
    }

    /// A check of amiproof's own, which is not a control.
    fn add_check(&mut self, result: &CheckResult) {
        let check = result.check.to_string();
        if result.outcome.is_silent() {
            self.silent.entry(None).or_default().insert(check);
            *self.reasons.entry(result.outcome.reason().to_owned()).or_default() += 1;
        } else {
            self.answered.entry(None).or_default().insert(check);
        }
    }

    /// `recorded` says whether the run has a record of the result's scan.
    fn add_answer(&mut self, result: &CheckResult, recorded: bool) {
        let (benchmark, key) = place(result);
        // `os-cis/inspector`: not a control or rule, but the scanner itself.
        let is_scanner = result.check.as_str().matches('/').count() == 1;
        match &result.outcome {
            outcome if outcome.is_silent() && is_scanner && result.scanner.is_some() && !recorded => {
                self.absent = Some(outcome.reason().to_owned());
            }
            outcome if outcome.is_silent() => {
                self.silent.entry(benchmark).or_default().insert(key);
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
                self.answered.entry(benchmark).or_default().insert(key);
            }
            _ => {}
        }
    }

    /// Controls of the cluster that another suite evaluates: kube-bench and `eks-cis` divide the benchmark of EKS.
    fn add_elsewhere(&mut self, report: &Report, suite: &str) {
        let others = report.results.iter().filter(|result| {
            result.subject == Subject::Cluster && result.check.suite() != suite && !result.outcome.is_silent()
        });
        for control in others.filter_map(|result| result.control.as_ref()) {
            if let Some(own) = self.answered.get_mut(&Some(control.benchmark().to_owned())) {
                own.insert(control.number().to_owned());
            }
        }
    }

    /// The most frequent reason for missing results.
    pub(super) fn main_reason(&self) -> &str {
        let most = self.reasons.iter().max_by_key(|(_, count)| **count).map(|(reason, _)| reason);
        most.or(self.absent.as_ref()).map_or("no scanner says why", String::as_str)
    }
}

/// The control of a result, or its check if it has no control.
fn place(result: &CheckResult) -> (Option<Benchmark>, String) {
    match &result.control {
        Some(control) => (Some(control.benchmark().to_owned()), control.number().to_owned()),
        None => (None, result.check.to_string()),
    }
}
