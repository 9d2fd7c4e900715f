//! Which variants a benchmark applies to, and on which its results are only informational.
//!
//! A variant with `hardening` is a candidate. A stock image was never meant to meet a benchmark of the operating system: on a variant
//! without hardening the same rows are informational: they fail nothing and do not affect the exit code.

use std::collections::BTreeSet;

use crate::judge::disposition::Disposition;
use crate::name::VariantName;
use crate::report::Report;
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::threshold::declared::SUITE;

/// The suite whose rows are a benchmark of the operating system, for every scanner.
pub const OPERATING_SYSTEM: &str = "os-cis";

/// Which results of a run are only informational.
struct InformationalScope {
    /// Variants without hardening.
    stock: BTreeSet<VariantName>,
    /// The benchmarks of the hardened variants.
    benchmarks: BTreeSet<String>,
    /// Suites of stock variants that evaluate one of those benchmarks.
    suites: BTreeSet<(VariantName, String)>,
}

impl InformationalScope {
    fn of(report: &Report) -> Self {
        let stock = report.variants.iter().filter(|variant| variant.benchmark.is_none());
        let hardened = report.variants.iter().filter_map(|variant| variant.benchmark.as_ref());
        let mut scope = Self {
            stock: stock.map(|variant| variant.name.clone()).collect(),
            benchmarks: hardened.map(ToString::to_string).collect(),
            suites: BTreeSet::new(),
        };
        let suites = report.results.iter().filter(|result| scope.is_control(result));
        let suites = suites.filter_map(|result| match &result.subject {
            Subject::Variant(name) => Some((name.clone(), result.check.suite().to_owned())),
            Subject::Cluster => None,
        });
        scope.suites = suites.collect();
        scope
    }

    /// Whether a result is one of a benchmark on a stock image.
    fn is_control(&self, result: &CheckResult) -> bool {
        let Subject::Variant(name) = &result.subject else { return false };
        let by = result.control.as_ref().is_some_and(|control| self.benchmarks.contains(control.benchmark()));
        self.stock.contains(name) && !result.is_gate() && (result.check.suite() == OPERATING_SYSTEM || by)
    }

    /// Whether it is the gate over such results.
    fn is_gate(&self, result: &CheckResult) -> bool {
        let Subject::Variant(name) = &result.subject else { return false };
        let id = result.check.within_suite();
        let suite = id.strip_suffix("-coverage").or_else(|| id.strip_suffix("-threshold"));
        let is_of = |suite: &str| self.suites.contains(&(name.clone(), suite.to_owned()));
        self.stock.contains(name) && result.check.suite() == SUITE && suite.is_some_and(is_of)
    }
}

/// Makes the rows of an operating-system benchmark on stock images informational: failures and rows without evidence, including the gates
/// over them. Passed rows stay passed, and errors of amiproof stay errors.
pub fn inform(report: &mut Report) {
    let scope = InformationalScope::of(report);
    for result in &mut report.results {
        let decides = matches!(result.disposition, Disposition::Failed | Disposition::NotEvaluated);
        if decides && (scope.is_control(result) || scope.is_gate(result)) {
            result.disposition = Disposition::Informational;
        }
    }
}
