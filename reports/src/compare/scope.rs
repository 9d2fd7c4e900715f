//! Which results of the baseline are comparable with the candidate, and which benchmarks changed their version.

use std::collections::HashMap;

use amiproof_model::name::VariantName;
use amiproof_model::report::{CheckResult, Report, Subject};
use indexmap::{IndexMap, IndexSet};

use super::comparison::BenchmarkChange;
use super::state::State;

/// Subject, suite and benchmark family: within these a benchmark has a version.
pub(super) type BenchmarkKey<'a> = (&'a Subject, &'a str, &'a str);

/// Which results of the baseline are comparable with the candidate.
pub(super) struct Scope<'a> {
    base_variants: Vec<&'a VariantName>,
    candidate_variants: Vec<&'a VariantName>,
    pub(super) suites_not_run: Vec<&'a str>,
    pub(super) base_benchmarks: HashMap<BenchmarkKey<'a>, Vec<&'a str>>,
    pub(super) candidate_benchmarks: HashMap<BenchmarkKey<'a>, Vec<&'a str>>,
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

    /// The other version of the result's benchmark that the other run answers instead of this one.
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

/// Benchmark changes by subject, suite, old and new benchmark.
#[derive(Default)]
pub(super) struct Benchmarks(pub(super) IndexMap<(Subject, String, String, String), BenchmarkChange>);

impl Benchmarks {
    pub(super) fn went(&mut self, old: &CheckResult, to: &str) {
        let from = old.control.as_ref().map_or("", |control| control.benchmark());
        let entry = self.entry(old, from, to);
        entry.disappeared += 1;
        entry.disappeared_failing += usize::from(State::of(old) == State::Failing);
    }

    pub(super) fn came(&mut self, new: &CheckResult, from: &str) {
        let to = new.control.as_ref().map_or("", |control| control.benchmark());
        let entry = self.entry(new, from, to);
        entry.appeared += 1;
        entry.appeared_failing += usize::from(State::of(new) == State::Failing);
    }

    fn entry(&mut self, result: &CheckResult, from: &str, to: &str) -> &mut BenchmarkChange {
        let suite = result.check.suite().to_owned();
        let key = (result.subject.clone(), suite.clone(), from.to_owned(), to.to_owned());
        self.0.entry(key).or_insert_with(|| BenchmarkChange {
            subject: result.subject.clone(),
            suite,
            from: from.to_owned(),
            to: to.to_owned(),
            disappeared: 0,
            disappeared_failing: 0,
            appeared: 0,
            appeared_failing: 0,
        })
    }
}
