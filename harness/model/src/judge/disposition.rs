//! What a result means for the run, and where a failure comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::CheckId;
use crate::report::subject::Subject;
use crate::verdict::Outcome;

/// What a result means for the run. Ordered: the greater it is, the less it lets a run pass, so that replacing a disposition by a
/// greater one never makes the [`Conclusion`](crate::conclusion::Conclusion) better.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Disposition {
    /// Fine.
    Passed,
    /// Passed, but not at the first attempt.
    Flaky,
    /// Not fine, but someone signed for it and the date has not passed.
    Waived {
        /// Who answers for it.
        owner: String,
        /// Why.
        reason: String,
        /// Until when.
        until: jiff::civil::Date,
    },
    /// Not fine, but the baseline was not either. Only where the user asked to accept known failures.
    Known,
    /// Not fine, but within what a threshold of the matrix file allows: the threshold's own row decides.
    Tolerated,
    /// Shown and not judged: a benchmark of the operating system on an image that nobody hardened to it.
    Informational,
    /// See [`Outcome::NotApplicable`].
    NotApplicable,
    /// See [`Outcome::Manual`].
    Manual,
    /// Not evaluated, within what a `coverage` of the matrix file allows to be missing.
    Allowed,
    /// Not fine, and nobody said that it may be.
    Failed,
    /// Not evaluated, because something else failed that says why: no node joined, or the other end of every connection is broken.
    Blocked {
        /// The check that failed.
        check: CheckId,
        /// What it failed on.
        subject: Subject,
    },
    /// See [`Outcome::NotEvaluated`]. Nothing allows it.
    NotEvaluated,
    /// See [`Outcome::Error`].
    Error,
}

impl Disposition {
    /// Its name in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Waived { .. } => "waived",
            Self::Known => "known",
            Self::Tolerated => "tolerated",
            Self::Informational => "informational",
            Self::NotApplicable => "not applicable",
            Self::NotEvaluated => "not evaluated",
            Self::Allowed => "allowed",
            Self::Blocked { .. } => "blocked",
            Self::Manual => "manual",
            Self::Error => "error",
            Self::Flaky => "flaky",
        }
    }

    /// What an outcome means before waivers, thresholds and the rest of the run are looked at.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Pass => Self::Passed,
            Outcome::Fail { .. } => Self::Failed,
            Outcome::NotApplicable { .. } => Self::NotApplicable,
            Outcome::NotEvaluated { .. } => Self::NotEvaluated,
            Outcome::Manual { .. } => Self::Manual,
            Outcome::Error { .. } => Self::Error,
        }
    }
}

/// Where a failure comes from, as the reference variant shows it.
///
/// Whether something works on a node is one question, whether a benchmark's control is met another: a sysctl that is wrong on the stock
/// image and on the hardened one is not a fault of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The reference passes, or the question does not arise there: hardening (or the build) did it.
    Hardening,
    /// The reference fails too: cluster, account, add-on or test.
    Environment,
    /// A control that the reference does not meet either: the hardening does not do what its benchmark asks.
    NotApplied,
    /// A control that the reference meets: the hardening (or the build) undid it.
    Lost,
    /// There is no reference, or it was not evaluated.
    Unknown,
}

impl Origin {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hardening => "hardening",
            Self::Environment => "environment",
            Self::NotApplied => "not applied",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }

    /// What the reference shows, as a clause.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Hardening => "the reference passes",
            Self::Environment => "the reference fails too",
            Self::NotApplied => "the reference does not meet it either",
            Self::Lost => "the reference meets it",
            Self::Unknown => "no reference, or it was not evaluated",
        }
    }
}
