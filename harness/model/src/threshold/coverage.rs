//! How many controls of a benchmark have a result: a gate that scans with a gap do not pass.

use std::collections::{BTreeMap, BTreeSet};

use super::declared::{SUITE, Threshold};
use super::tally::{Benchmark, Tally};
use crate::candidate::OPERATING_SYSTEM;
use crate::judge::disposition::Disposition;
use crate::name::Level;
use crate::report::Report;
use crate::report::result::CheckResult;
use crate::report::scan::ScanRecord;
use crate::report::subject::Subject;
use crate::verdict::{Finding, Outcome};

/// The controls of a benchmark for a subject at a level: [`crate::benchmark::asked`].
pub(super) type Table<'t> = &'t dyn Fn(&str, &Subject, Option<Level>) -> Option<BTreeSet<&'static str>>;

/// The suites with a gate: every suite that scanned a subject, on variants with a benchmark also the missing scanners of the operating
/// system, and every suite with a coverage threshold.
pub(super) fn gated(report: &Report, thresholds: &[Threshold]) -> Vec<(Subject, String)> {
    let mut pairs: Vec<(Subject, String)> = Vec::new();
    let mut add = |subject: &Subject, suite: &str| {
        if !pairs.iter().any(|(known, of)| known == subject && of == suite) {
            pairs.push((subject.clone(), suite.to_owned()));
        }
    };
    for scan in &report.scans {
        add(&scan.subject, &scan.suite);
    }
    for variant in report.variants.iter().filter(|variant| variant.benchmark.is_some()) {
        let subject = Subject::Variant(variant.name.clone());
        let was_asked = |result: &CheckResult| {
            result.check.suite() == OPERATING_SYSTEM && result.scanner.is_some() && result.subject == subject
        };
        if report.results.iter().any(was_asked) {
            add(&subject, OPERATING_SYSTEM);
        }
    }
    for threshold in thresholds.iter().filter(|threshold| threshold.coverage.is_some()) {
        for result in report.results.iter().filter(|result| result.check.suite() == threshold.suite) {
            let level = report.variant_of(&result.subject).and_then(|variant| variant.level);
            if threshold.covers(&result.subject, level) {
                add(&result.subject, &threshold.suite);
            }
        }
    }
    pairs
}

/// The gaps in coverage that no threshold allows: the rows of gates that were not evaluated.
pub fn gaps(report: &Report) -> impl Iterator<Item = &CheckResult> {
    report.results.iter().filter(|result| result.is_gate() && result.disposition == Disposition::NotEvaluated)
}

/// The suite in which, according to a row, controls have no result: `os-cis`, where `gate/os-cis-coverage` is not evaluated.
pub fn gap_of(result: &CheckResult) -> Option<&str> {
    suite_of(result).filter(|_| result.disposition == Disposition::NotEvaluated)
}

/// The suite whose coverage a row is about: `os-cis` of `gate/os-cis-coverage`.
fn suite_of(result: &CheckResult) -> Option<&str> {
    result.check.as_str().strip_prefix(SUITE)?.strip_prefix('/')?.strip_suffix("-coverage")
}

/// Whether the matrix file has a coverage threshold for a suite on a subject.
fn is_allowed(report: &Report, subject: &Subject, suite: &str) -> bool {
    let level = report.variant_of(subject).and_then(|variant| variant.level);
    let allows = |one: &Threshold| one.coverage.is_some() && one.suite == suite && one.covers(subject, level);
    report.thresholds.iter().any(allows)
}

/// Marks passed gates as not evaluated if their scans evaluated fewer controls of a benchmark than in an earlier run. With a coverage
/// threshold only the threshold counts, and another version of a benchmark is another benchmark.
pub fn require_coverage_of(report: &mut Report, base: &Report) {
    let mut fewer: Vec<(usize, String)> = Vec::new();
    for (at, result) in report.results.iter().enumerate() {
        let Some(suite) = suite_of(result) else { continue };
        if result.disposition != Disposition::Passed || is_allowed(report, &result.subject, suite) {
            continue;
        }
        let evaluated = |report: &Report| Tally::of(report, &result.subject, suite, None).evaluated;
        let (now, before) = (evaluated(report), evaluated(base));
        let is_new = now.keys().any(|benchmark| !before.contains_key(benchmark));
        for (benchmark, had) in before {
            let has = now.get(&benchmark).copied().unwrap_or(0);
            if has < had && (has > 0 || !is_new) {
                let of = benchmark.map(|name| format!(" of {name}")).unwrap_or_default();
                let count = if has == 1 { format!("1 control{of} was") } else { format!("{has} controls{of} were") };
                fewer.push((at, format!("{count} evaluated; run {} evaluated {had}", base.run.id)));
            }
        }
    }
    for (at, reason) in fewer {
        if let Some(result) = report.results.get_mut(at) {
            result.outcome = Outcome::NotEvaluated { reason };
            result.disposition = Disposition::NotEvaluated;
        }
    }
}

/// The required coverage on a subject.
pub(super) struct Expected<'a> {
    pub(super) subject: &'a Subject,
    /// The benchmark that the variant is hardened to, if the suite evaluates it.
    pub(super) promised: Option<&'a str>,
    /// The level that it is hardened to.
    pub(super) level: Option<Level>,
    /// The minimum share in a threshold of the matrix file.
    pub(super) least: Option<super::Share>,
    pub(super) scans: Vec<&'a ScanRecord>,
    pub(super) table: Table<'a>,
}

/// The coverage.
#[derive(Default)]
struct Covered {
    answered: usize,
    whole: usize,
    /// Benchmarks without a known list of controls.
    unknown: Vec<Benchmark>,
    /// Whether there is any benchmark.
    has_benchmark: bool,
}

impl Expected<'_> {
    /// Counts the controls in the list of each benchmark, not those that happen to have a result.
    fn covered(&self, tally: &Tally) -> Covered {
        let of_scans = self.scans.iter().filter_map(|scan| scan.benchmark.as_ref().map(ToString::to_string)).map(Some);
        let known = tally.answered.keys().chain(tally.silent.keys()).cloned();
        let promised = self.promised.map(|name| Some(name.to_owned()));
        let benchmarks: BTreeSet<Option<Benchmark>> = of_scans.chain(known).chain(promised).collect();
        let mut covered = Covered::default();
        let nothing = BTreeSet::new();
        for benchmark in &benchmarks {
            let answered = tally.answered.get(benchmark).unwrap_or(&nothing);
            let silent = tally.silent.get(benchmark).unwrap_or(&nothing);
            let mut whole: BTreeSet<&str> = answered.iter().chain(silent).map(String::as_str).collect();
            if let Some(name) = benchmark {
                covered.has_benchmark = true;
                match (self.table)(name, self.subject, self.level_of(name)) {
                    Some(listed) => whole.extend(listed),
                    // Other benchmarks than the one that the variant is hardened to are judged row by row.
                    None if self.promised.is_none_or(|promised| promised == name) => covered.unknown.push(name.clone()),
                    None => {}
                }
            }
            covered.answered += answered.len();
            covered.whole += whole.len().max(self.counted(benchmark.as_deref()));
        }
        covered
    }

    /// The number of controls that the scanner itself reports: fewer rows are a gap, whatever the list contains.
    fn counted(&self, benchmark: Option<&str>) -> usize {
        let of = self.scans.iter().filter(|scan| scan.benchmark.as_ref().map(|name| name.as_str()) == benchmark);
        of.filter_map(|scan| scan.expected).max().unwrap_or(0)
    }

    /// The variant's level for the benchmark that it is hardened to, otherwise the level of the scan.
    fn level_of(&self, benchmark: &str) -> Option<Level> {
        if self.promised == Some(benchmark) {
            return self.level;
        }
        let of =
            self.scans.iter().filter(|scan| scan.benchmark.as_ref().is_some_and(|name| name.as_str() == benchmark));
        of.filter_map(|scan| scan.level).max()
    }

    /// The outcome of the gate.
    pub(super) fn outcome(&self, tally: &Tally) -> Outcome {
        let covered = self.covered(tally);
        let statement = format!("{} of {} controls have an answer", covered.answered, covered.whole);
        let by_promised = |name: &str| tally.answered.get(&Some(name.to_owned())).is_some_and(|own| !own.is_empty());
        let gap = match self.promised.filter(|name| !by_promised(name)) {
            Some(name) => Some(format!("no scanner evaluated the variant against {name}: {}", self.instead(tally))),
            None if covered.answered == 0 => tally.absent.clone().or_else(|| {
                let reason = tally.inapplicable.clone();
                reason.filter(|_| tally.silent.is_empty())
            }),
            None => None,
        };
        if let Some(statement) = gap {
            return match self.least {
                Some(share) if !share.is_met(0, 1) => {
                    Outcome::Fail { findings: vec![Finding::new("coverage", statement)] }
                }
                _ if self.promised.is_some() || tally.absent.is_some() => Outcome::NotEvaluated { reason: statement },
                _ => Outcome::NotApplicable { reason: statement },
            };
        }
        if let [unknown, ..] = covered.unknown.as_slice()
            && self.least.is_none_or(|share| !share.is_met(0, 1))
        {
            let reason =
                format!("amiproof has no list of the controls of {unknown}, so completeness cannot be checked");
            return Outcome::NotEvaluated { reason };
        }
        let is_whole = covered.answered > 0 && covered.answered == covered.whole;
        match self.least {
            Some(share) if covered.answered > 0 && share.is_met(covered.answered, covered.whole) => Outcome::Pass,
            // A threshold of 0% allows every gap, but a suite without any result is not green.
            Some(share) if share.is_met(0, 1) => {
                Outcome::NotEvaluated { reason: format!("{statement}: {}", tally.main_reason()) }
            }
            Some(share) => {
                let summary = format!("{statement}; the threshold requires at least {share}: {}", tally.main_reason());
                Outcome::Fail { findings: vec![Finding::new("coverage", summary)] }
            }
            None if is_whole && !covered.has_benchmark => Outcome::NotApplicable {
                reason: "its results belong to no benchmark, so the expected number is unknown".to_owned(),
            },
            None if is_whole => Outcome::Pass,
            None => Outcome::NotEvaluated { reason: format!("{statement}: {}", tally.main_reason()) },
        }
    }

    /// Why there are no results of the variant's benchmark.
    fn instead(&self, tally: &Tally) -> String {
        let others: BTreeMap<&str, usize> = tally
            .answered
            .iter()
            .filter_map(|(name, own)| Some((name.as_deref()?, own.len())))
            .filter(|(_, count)| *count > 0)
            .collect();
        // The reason of a scanner that ran without a result is more specific than that of a missing scanner.
        let statement = tally.absent.clone().or_else(|| tally.inapplicable.clone()).filter(|_| tally.silent.is_empty());
        match (others.keys().next(), statement) {
            (Some(other), _) => format!("the answers are about {other}"),
            (None, Some(statement)) => statement,
            (None, None) => tally.main_reason().to_owned(),
        }
    }
}
