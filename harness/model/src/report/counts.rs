//! Numbers of results by disposition.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::judge::disposition::Disposition;

/// Number of results of each disposition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Passed at the first attempt.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Failed, but waived.
    pub waived: usize,
    /// Passed, but only on a retry.
    pub flaky: usize,
    /// Failed, within what a threshold allows.
    #[serde(default)]
    pub tolerated: usize,
    /// Not applicable.
    pub not_applicable: usize,
    /// Not evaluated.
    pub not_evaluated: usize,
    /// Informational.
    #[serde(default)]
    pub informational: usize,
    /// Not evaluated, within what a threshold allows.
    #[serde(default)]
    pub allowed: usize,
    /// Not evaluated, because something else failed.
    #[serde(default)]
    pub blocked: usize,
    /// Manual.
    #[serde(default)]
    pub manual: usize,
    /// amiproof could not decide.
    pub error: usize,
}

impl Counts {
    /// The sum of all.
    pub fn total(&self) -> usize {
        self.passed
            + self.failed
            + self.waived
            + self.flaky
            + self.tolerated
            + self.not_applicable
            + self.not_evaluated
            + self.informational
            + self.allowed
            + self.blocked
            + self.manual
            + self.error
    }

    /// Counts one more result.
    pub fn add(&mut self, disposition: &Disposition) {
        match disposition {
            Disposition::Passed => self.passed += 1,
            Disposition::Failed => self.failed += 1,
            Disposition::Waived { .. } => self.waived += 1,
            Disposition::Flaky => self.flaky += 1,
            Disposition::Tolerated => self.tolerated += 1,
            Disposition::Informational => self.informational += 1,
            Disposition::Allowed => self.allowed += 1,
            Disposition::Blocked { .. } => self.blocked += 1,
            Disposition::Manual => self.manual += 1,
            Disposition::NotApplicable => self.not_applicable += 1,
            Disposition::NotEvaluated => self.not_evaluated += 1,
            Disposition::Error => self.error += 1,
        }
    }
}
