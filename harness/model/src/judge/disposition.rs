//! The disposition of a result, and the origin of a failure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::CheckId;
use crate::report::subject::Subject;
use crate::verdict::Outcome;

/// Effect of a result on the run. Ordered from harmless to worst: replacing a disposition by a greater one never makes the conclusion
/// of the run better.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "kebab-case")]
pub enum Disposition {
    /// Fine.
    Passed,
    /// Passed, but not at the first attempt.
    Flaky,
    /// Failed, but covered by a waiver that has not expired.
    Waived {
        /// Person or team responsible for it.
        owner: String,
        /// Why.
        reason: String,
        /// Until when.
        until: jiff::civil::Date,
    },
    /// Failed, but within a threshold of the matrix file: the row of the threshold decides.
    Tolerated,
    /// Informational: a benchmark of the operating system on an image that is not hardened to it.
    Informational,
    /// The check does not apply to this subject.
    #[strum(serialize = "not applicable")]
    NotApplicable,
    /// A person has to look at it.
    Manual,
    /// Not evaluated, as a `coverage` threshold of the matrix file allows.
    Allowed,
    /// Failed, and nothing accepts it.
    Failed,
    /// Not evaluated because of another failure: no node joined, or the other end of every connection is faulty.
    Blocked {
        /// The check that failed.
        check: CheckId,
        /// What it failed on.
        subject: Subject,
    },
    /// There is no evidence, and nothing allows that.
    #[strum(serialize = "not evaluated")]
    NotEvaluated,
    /// amiproof could not decide.
    Error,
}

impl Disposition {
    /// Its name in reports.
    pub fn as_str(&self) -> &'static str {
        self.into()
    }

    /// The disposition of an outcome before waivers, thresholds and the rest of the run are considered.
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

/// The origin of a failure, by comparison with the reference variant.
///
/// Whether something works on a node is one question, whether a benchmark's control is met another: a sysctl that is wrong on the stock
/// image and on the hardened one is not a fault of the environment.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Origin {
    /// The reference passes, or the check does not apply there: hardening (or the build) is the cause.
    Hardening,
    /// The reference fails too: cluster, account, add-on or test.
    Environment,
    /// A control that the reference does not meet either: the hardening does not implement its benchmark.
    #[strum(serialize = "not applied")]
    NotApplied,
    /// A control that the reference meets: the hardening (or the build) undid it.
    Lost,
    /// There is no reference, or it was not evaluated.
    Unknown,
}

impl Origin {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The result of the reference, as a clause.
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
