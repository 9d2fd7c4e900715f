//! Which results of the baseline are comparable with the candidate, and which benchmarks and scanners replaced others.

use std::collections::HashMap;

use amiproof_model::name::{ControlId, VariantName};
use amiproof_model::report::{CheckResult, Report, Subject};
use indexmap::{IndexMap, IndexSet};

use super::caveat::{About, Replacement};
use super::state::State;

/// Subject, suite and benchmark family: within these a benchmark has a version.
pub(super) type BenchmarkKey<'a> = (&'a Subject, &'a str, &'a str);

/// The results that judge a control of a subject in a suite.
pub(super) type Judges<'a> = HashMap<(&'a Subject, &'a str, &'a ControlId), Vec<&'a CheckResult>>;

/// Which results of the baseline are comparable with the candidate.
pub(super) struct Scope<'a> {
    base_variants: Vec<&'a VariantName>,
    candidate_variants: Vec<&'a VariantName>,
    pub(super) suites_not_run: Vec<&'a str>,
    pub(super) base_benchmarks: HashMap<BenchmarkKey<'a>, Vec<&'a str>>,
    pub(super) candidate_benchmarks: HashMap<BenchmarkKey<'a>, Vec<&'a str>>,
    pub(super) base_judges: Judges<'a>,
    pub(super) candidate_judges: Judges<'a>,
}

impl<'a> Scope<'a> {
    pub(super) fn of(base: &'a Report, candidate: &'a Report) -> Self {
        let ran = suites(candidate);
        // A suite without any result was left out by choice, unless the run was incomplete: then its absence is a loss.
        let complete = !candidate.run.interrupted && !candidate.has_broken_pipeline();
        let missing = suites(base).into_iter().filter(|suite| complete && !ran.contains(suite));
        Self {
            base_variants: base.variants.iter().map(|variant| &variant.name).collect(),
            candidate_variants: candidate.variants.iter().map(|variant| &variant.name).collect(),
            suites_not_run: missing.collect(),
            base_benchmarks: benchmarks(base),
            candidate_benchmarks: benchmarks(candidate),
            base_judges: judges(base),
            candidate_judges: judges(candidate),
        }
    }

    /// Whether the candidate could have this result of the baseline.
    pub(super) fn compares(&self, old: &CheckResult) -> bool {
        let exists = match &old.subject {
            Subject::Cluster => true,
            Subject::Variant(name) => self.candidate_variants.contains(&name),
        };
        exists && !self.suites_not_run.contains(&old.check.suite())
    }

    /// Whether the baseline had the subject of this result of the candidate.
    pub(super) fn existed(&self, new: &CheckResult) -> bool {
        match &new.subject {
            Subject::Cluster => true,
            Subject::Variant(name) => self.base_variants.contains(&name),
        }
    }

    /// The version of the result's benchmark that the other run used in place of this one.
    pub(super) fn benchmark_in(
        &self,
        other: &HashMap<BenchmarkKey<'a>, Vec<&'a str>>,
        result: &'a CheckResult,
    ) -> Option<&'a str> {
        let benchmark = result.control.as_ref()?.benchmark();
        let versions = other.get(&(&result.subject, result.check.suite(), family(benchmark)))?;
        if versions.contains(&benchmark) { None } else { versions.first().copied() }
    }
}

/// The other run's result for the same control, if another scanner replaced this result's: that scanner evaluates the
/// control only in the other run, and the scanner of this result only in this run. A control that had a verdict and
/// has none now is a loss, whoever judges it.
pub(super) fn other_scanner<'a>(
    own: &Judges<'a>,
    others: &Judges<'a>,
    result: &CheckResult,
    is_old: bool,
) -> Option<&'a CheckResult> {
    let key = (&result.subject, result.check.suite(), result.control.as_ref()?);
    let (own, others) = (own.get(&key)?, others.get(&key)?);
    let scanner = result.scanner.as_deref()?;
    if others.iter().any(|other| other.scanner.as_deref().is_none_or(|other| other == scanner)) {
        return None;
    }
    others.iter().copied().find(|other| {
        let (old, new) = if is_old { (result, *other) } else { (*other, result) };
        let is_decided = State::of(new).is_verdict() || !State::of(old).is_verdict();
        is_decided && own.iter().all(|own| own.scanner != other.scanner)
    })
}

fn judges(report: &Report) -> Judges<'_> {
    let mut found = Judges::new();
    for result in &report.results {
        if let Some(control) = &result.control {
            found.entry((&result.subject, result.check.suite(), control)).or_default().push(result);
        }
    }
    found
}

/// The suites that have results, in order.
fn suites(report: &Report) -> IndexSet<&str> {
    report.results.iter().map(|result| result.check.suite()).collect()
}

fn benchmarks(report: &Report) -> HashMap<BenchmarkKey<'_>, Vec<&str>> {
    let mut found: HashMap<BenchmarkKey<'_>, Vec<&str>> = HashMap::new();
    for result in &report.results {
        let Some(control) = &result.control else { continue };
        let versions = found.entry((&result.subject, result.check.suite(), family(control.benchmark()))).or_default();
        if !versions.contains(&control.benchmark()) {
            versions.push(control.benchmark());
        }
    }
    found
}

fn family(benchmark: &str) -> &str {
    benchmark.rsplit_once('-').map_or(benchmark, |(family, _)| family)
}

/// Replaced benchmarks and scanners, by subject, suite, old and new one.
#[derive(Default)]
pub(super) struct Replaced(IndexMap<(Subject, String, String, String), Replacement>);

impl Replaced {
    pub(super) fn removed(&mut self, old: &CheckResult, about: About, from: &str, to: &str) {
        let entry = self.entry(old, about, from, to);
        entry.disappeared += 1;
        entry.disappeared_failing += usize::from(State::of(old) == State::Failing);
    }

    pub(super) fn added(&mut self, new: &CheckResult, about: About, from: &str, to: &str) {
        let entry = self.entry(new, about, from, to);
        entry.appeared += 1;
        entry.appeared_failing += usize::from(State::of(new) == State::Failing);
    }

    pub(super) fn into_vec(self) -> Vec<Replacement> {
        self.0.into_values().collect()
    }

    fn entry(&mut self, result: &CheckResult, about: About, from: &str, to: &str) -> &mut Replacement {
        let suite = result.check.suite().to_owned();
        let key = (result.subject.clone(), suite.clone(), from.to_owned(), to.to_owned());
        self.0.entry(key).or_insert_with(|| Replacement {
            subject: result.subject.clone(),
            suite,
            about,
            from: from.to_owned(),
            to: to.to_owned(),
            disappeared: 0,
            disappeared_failing: 0,
            appeared: 0,
            appeared_failing: 0,
        })
    }
}
