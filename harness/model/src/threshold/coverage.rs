//! How much of a benchmark has an answer: the gate that a scan with a gap does not pass.

use std::collections::BTreeMap;

use super::{Benchmark, SUITE, Tally, Threshold};
use crate::judge::Disposition;
use crate::name;
use crate::report::{CheckResult, Report, ScanRecord, Subject, VariantRecord};
use crate::verdict::{Finding, Outcome};

/// The suite that judges the operating system: a variant that says what it is hardened to must be judged by one of its scanners.
pub(super) const OPERATING_SYSTEM: &str = "os-cis";

/// Suites of imported tests and findings that belong to no benchmark.
const WITHOUT_BENCHMARK: [&str; 2] = ["junit", "sarif"];

/// The record of a subject that is a variant.
pub(super) fn variant<'a>(report: &'a Report, subject: &Subject) -> Option<&'a VariantRecord> {
    report.variants.iter().find(|variant| matches!(subject, Subject::Variant(name) if *name == variant.name))
}

/// What has a gate: every suite that scanned a subject, and on variants with a benchmark also the scanners that were not there.
pub(super) fn scanned(report: &Report) -> Vec<(Subject, String)> {
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
    pairs
}

/// The gaps in coverage that no threshold of the matrix file allows: the rows of gates that could not be decided. A suite whose
/// scanners are all missing on an image that is hardened to nothing is not green either, but nobody asked for more. Nor is there a
/// benchmark to be short of where a tool skips tests of its own.
pub fn gaps(report: &Report) -> impl Iterator<Item = &CheckResult> {
    let is_gap = |result: &&CheckResult| {
        let Some(suite) = suite_of(result) else { return false };
        let variant = variant(report, &result.subject);
        let was_asked = || {
            let tally = Tally::of(report, &result.subject, suite);
            tally.absent.is_none()
                || !tally.silent.is_empty()
                || !tally.answered.is_empty()
                || variant.is_some_and(|variant| variant.benchmark.is_some())
        };
        result.disposition == Disposition::NotEvaluated
            && !WITHOUT_BENCHMARK.contains(&suite)
            && !is_allowed(report, &result.subject, suite)
            && was_asked()
    };
    report.results.iter().filter(is_gap)
}

/// The suite whose coverage a row is about: `os-cis` of `gate/os-cis-coverage`.
fn suite_of(result: &CheckResult) -> Option<&str> {
    result.check.as_str().strip_prefix(SUITE)?.strip_prefix('/')?.strip_suffix("-coverage")
}

/// Whether the matrix file says how much of a suite may be missing on a subject.
fn is_allowed(report: &Report, subject: &Subject, suite: &str) -> bool {
    let level = variant(report, subject).and_then(|variant| variant.level);
    let allows = |one: &Threshold| one.coverage.is_some() && one.suite == suite && one.covers(subject, level);
    report.thresholds.iter().any(allows)
}

/// Takes the green from gates of scans that evaluated fewer controls of a benchmark than in an earlier run. A threshold for the
/// coverage says how much may be missing, so it decides alone; and a benchmark in another version is another benchmark.
pub fn hold_against(report: &mut Report, base: &Report) {
    let mut fewer: Vec<(usize, String)> = Vec::new();
    for (at, result) in report.results.iter().enumerate() {
        let Some(suite) = suite_of(result) else { continue };
        if result.disposition != Disposition::Passed || is_allowed(report, &result.subject, suite) {
            continue;
        }
        let evaluated = |report: &Report| Tally::of(report, &result.subject, suite).evaluated;
        let (now, before) = (evaluated(report), evaluated(base));
        let is_new = now.keys().any(|benchmark| !before.contains_key(benchmark));
        for (benchmark, had) in before {
            let has = now.get(&benchmark).copied().unwrap_or(0);
            if has < had && (has > 0 || !is_new) {
                let of = benchmark.map(|name| format!(" of {name}")).unwrap_or_default();
                fewer.push((at, format!("{has} controls{of} were evaluated, in run {} {had}", base.run.id)));
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

/// `promised` is the benchmark that the variant is hardened to, where the suite is the one that judges it.
pub(super) fn coverage<'a>(
    tally: &Tally,
    scans: impl Iterator<Item = &'a ScanRecord>,
    thresholds: &[&Threshold],
    promised: Option<&name::Benchmark>,
) -> Outcome {
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
    if whole == 0
        && let Some(reason) = tally.absent.as_ref().or(tally.inapplicable.as_ref())
    {
        let told = match promised {
            Some(benchmark) => format!("no scanner judged the variant by {benchmark}: {reason}"),
            None => reason.clone(),
        };
        return match least {
            Some(share) if !share.is_met(0, 1) => Outcome::Fail { findings: vec![Finding::new("coverage", told)] },
            _ if promised.is_some() || tally.absent.is_some() => Outcome::NotEvaluated { reason: told },
            _ => Outcome::NotApplicable { reason: told },
        };
    }
    match least {
        Some(share) if answered > 0 && share.is_met(answered, whole) => Outcome::Pass,
        // Nothing at all may be missing, but nothing at all is nothing green either.
        Some(share) if share.is_met(0, 1) => {
            Outcome::NotEvaluated { reason: format!("{told}: {}", tally.main_reason()) }
        }
        Some(share) => {
            let summary = format!("{told}, at least {share} must: {}", tally.main_reason());
            Outcome::Fail { findings: vec![Finding::new("coverage", summary)] }
        }
        None if answered > 0 && answered == whole => Outcome::Pass,
        None => Outcome::NotEvaluated { reason: format!("{told}: {}", tally.main_reason()) },
    }
}
