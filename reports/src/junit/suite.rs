//! A document of JUnit before it is written: its suites and what they count.

use super::case::{Draft, Kind};

/// What a JUnit file of a report adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct JunitCounts {
    /// All cases.
    pub tests: usize,
    /// Cases with `failure`.
    pub failures: usize,
    /// Cases with `error`.
    pub errors: usize,
    /// Cases with `skipped`.
    pub skipped: usize,
}

impl std::iter::Sum for JunitCounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            tests: sum.tests + one.tests,
            failures: sum.failures + one.failures,
            errors: sum.errors + one.errors,
            skipped: sum.skipped + one.skipped,
        })
    }
}

impl JunitCounts {
    pub(super) fn add(&mut self, kind: Kind) {
        self.tests += 1;
        match kind {
            Kind::Pass => {}
            Kind::Failure => self.failures += 1,
            Kind::Error => self.errors += 1,
            Kind::Skipped => self.skipped += 1,
        }
    }
}

/// What is said about the document as a whole.
pub(crate) struct Root {
    pub(crate) name: String,
    /// Wall clock.
    pub(crate) seconds: f64,
}

/// One `testsuite` before it is written.
pub(crate) struct SuiteDraft<C> {
    pub(crate) name: String,
    pub(crate) started: jiff::Timestamp,
    pub(crate) properties: Vec<(&'static str, String)>,
    pub(crate) cases: Vec<C>,
}

/// A case whose texts are rendered only when it is written; what the enclosing tags need is known before.
pub(crate) trait Case {
    /// Its outcome.
    fn kind(&self) -> Kind;
    /// When the work began, and the time span of it, seconds.
    fn span(&self) -> (jiff::Timestamp, f64);
    /// The case with its whole text.
    fn draft(&self) -> Draft;
}

impl Case for Draft {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn span(&self) -> (jiff::Timestamp, f64) {
        (self.started, self.span)
    }

    fn draft(&self) -> Draft {
        self.clone()
    }
}

impl<C: Case> SuiteDraft<C> {
    pub(super) fn counts(&self) -> JunitCounts {
        let mut counts = JunitCounts::default();
        self.cases.iter().for_each(|case| counts.add(case.kind()));
        counts
    }
}
