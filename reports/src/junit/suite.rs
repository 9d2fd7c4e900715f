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

/// One `testsuite` before its text is cut to the file's limit.
pub(crate) struct SuiteDraft {
    pub(crate) name: String,
    pub(crate) started: jiff::Timestamp,
    pub(crate) properties: Vec<(&'static str, String)>,
    pub(crate) cases: Vec<Draft>,
}
