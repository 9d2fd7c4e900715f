//! What is kept of an XCCDF file.

use std::collections::HashMap;

/// A rule as the benchmark defines it.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    pub(super) title: String,
    pub(super) severity: String,
    /// Numbers in a CIS benchmark.
    pub(super) numbers: Vec<String>,
    /// CCE and the like.
    pub(super) identifiers: Vec<String>,
    pub(super) fix: String,
}

/// One `TestResult`.
#[derive(Clone, Debug, Default)]
pub(super) struct Test {
    pub(super) profile: String,
    pub(super) target: String,
    /// A CPE name: `cpe:/a:redhat:openscap:1.3.7`.
    pub(super) system: String,
    /// The scanner's name and version as facts.
    pub(super) scanner: String,
    pub(super) version: String,
    pub(super) benchmark: String,
    pub(super) ended: String,
    pub(super) results: Vec<RuleResult>,
}

/// One `rule-result`.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleResult {
    pub(super) rule: String,
    /// The word of the standard (XCCDF 1.2, table 26).
    pub(super) result: String,
    pub(super) severity: String,
    pub(super) unscored: bool,
    pub(super) unchecked: bool,
    pub(super) identifiers: Vec<String>,
    pub(super) numbers: Vec<String>,
    pub(super) message: String,
    pub(super) instance: String,
}

/// Everything of the file that matters.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) root: String,
    /// The benchmark whose element began last.
    pub(super) benchmark: String,
    pub(super) title: String,
    pub(super) rules: HashMap<String, Rule>,
    pub(super) tests: Vec<Test>,
}
