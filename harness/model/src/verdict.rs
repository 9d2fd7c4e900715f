//! What a check decides, with the proof.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a check decided about its subject. "Could not decide" is not a verdict but an error: see [`Outcome::Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The subject does what the check asks.
    Pass,
    /// It does not; there is at least one finding.
    Fail(Vec<Finding>),
    /// The question makes no sense for this subject (kube-bench on Windows).
    NotApplicable(String),
    /// The question makes sense, but there is no evidence to answer it with (a scan of an unsupported OS). Never green.
    NotEvaluated(String),
    /// The benchmark asks a human: what to look at, with what was collected for it as evidence. Never green, and nobody's fault.
    Manual(String),
}

/// One concrete violation on one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it was seen on, under a name that is the same in the next run: `node 1`, `pod client`, `cluster`. Never an instance id.
    pub resource: String,
    /// One line that says what is wrong, lower case, no full stop.
    pub summary: String,
    /// The evidence in full, many lines if need be.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remediation: String,
}

impl Finding {
    /// A finding with only a resource and a summary.
    pub fn new(resource: impl Into<String>, summary: impl Into<String>) -> Self {
        Self { resource: resource.into(), summary: summary.into(), detail: String::new(), remediation: String::new() }
    }

    /// The same finding with its evidence.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same finding with what to do about it.
    #[must_use]
    pub fn with_remediation(mut self, remediation: impl Into<String>) -> Self {
        self.remediation = remediation.into();
        self
    }
}

/// What is recorded of a check: its verdict, or that amiproof could not reach one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// See [`Verdict::Pass`].
    Pass,
    /// See [`Verdict::Fail`].
    Fail {
        /// At least one.
        findings: Vec<Finding>,
    },
    /// See [`Verdict::NotApplicable`].
    NotApplicable {
        /// Why the question makes no sense here.
        reason: String,
    },
    /// See [`Verdict::NotEvaluated`].
    NotEvaluated {
        /// Why there is no evidence.
        reason: String,
    },
    /// See [`Verdict::Manual`].
    Manual {
        /// What to look at.
        look_at: String,
    },
    /// amiproof could not decide; says nothing about the image.
    Error {
        /// What happened, where, and what to do next.
        message: String,
    },
}

impl Outcome {
    /// Its name in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail { .. } => "fail",
            Self::NotApplicable { .. } => "not applicable",
            Self::NotEvaluated { .. } => "not evaluated",
            Self::Manual { .. } => "manual",
            Self::Error { .. } => "error",
        }
    }

    /// One line that says why it is not a pass; empty for a pass.
    pub fn reason(&self) -> &str {
        match self {
            Self::Pass => "",
            Self::Fail { findings } => findings.first().map_or("", |finding| finding.summary.as_str()),
            Self::NotApplicable { reason } | Self::NotEvaluated { reason } => reason,
            Self::Manual { look_at } => look_at,
            Self::Error { message } => message,
        }
    }

    /// Whether there is no answer: no evidence, or amiproof could not decide.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::NotEvaluated { .. } | Self::Error { .. })
    }

    /// The findings of a failure; empty for everything else.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Fail { findings } => findings,
            _ => &[],
        }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail(findings) => Self::Fail { findings },
            Verdict::NotApplicable(reason) => Self::NotApplicable { reason },
            Verdict::NotEvaluated(reason) => Self::NotEvaluated { reason },
            Verdict::Manual(look_at) => Self::Manual { look_at },
        }
    }
}

/// Captured proof: a short text inside the report, a longer one in a file beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What it is: `termination message of job/client`, `kube-bench output`.
    pub name: String,
    /// The text, cut to 16 KiB (head and tail kept) when it is longer.
    pub text: String,
    /// The whole of it, relative to the folder of `report.json`, where it was cut or is not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Where a result was really produced: the placement proof.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// The pod, where one ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The Kubernetes node.
    pub node: String,
    /// The EC2 instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The AMI that the instance really booted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ami_id: Option<String>,
}
