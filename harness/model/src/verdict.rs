//! The outcome of a check, with its evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The verdict of a check about its subject. A check that cannot decide has no verdict but an error: see [`Outcome::Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The subject meets the check.
    Pass,
    /// The subject does not meet the check; there is at least one finding.
    Fail(Vec<Finding>),
    /// The check does not apply to this subject (kube-bench on Windows).
    NotApplicable(String),
    /// The check applies, but there is no evidence (a scan of an unsupported OS). Never green.
    NotEvaluated(String),
    /// The benchmark requires a manual review: what to look at, with the collected evidence. Never green, and not a failure.
    Manual(String),
}

/// One concrete violation on one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The resource, under a name that is stable between runs: `node 1`, `pod client`, `cluster`. Never an instance id.
    pub resource: String,
    /// Summary of the violation in one line, lower case, no full stop.
    pub summary: String,
    /// The full evidence, which may have several lines.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The remediation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remediation: String,
}

impl Finding {
    /// A finding with only a resource and a summary.
    pub fn new(resource: impl Into<String>, summary: impl Into<String>) -> Self {
        Self { resource: resource.into(), summary: summary.into(), detail: String::new(), remediation: String::new() }
    }

    /// This finding with its evidence.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// This finding with its remediation.
    #[must_use]
    pub fn with_remediation(mut self, remediation: impl Into<String>) -> Self {
        self.remediation = remediation.into();
        self
    }
}

/// Outcome of a check: its verdict, or an error if amiproof could not reach one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[strum(serialize_all = "kebab-case")]
pub enum Outcome {
    /// The subject meets the check.
    Pass,
    /// The subject does not meet the check.
    Fail {
        /// At least one.
        findings: Vec<Finding>,
    },
    /// The check does not apply to this subject.
    #[strum(serialize = "not applicable")]
    NotApplicable {
        /// Why the check does not apply here.
        reason: String,
    },
    /// The check applies, but there is no evidence. Never green.
    #[strum(serialize = "not evaluated")]
    NotEvaluated {
        /// Why there is no evidence.
        reason: String,
    },
    /// The benchmark requires a manual review; the evidence is collected. Never green, and not a failure.
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
        self.into()
    }

    /// The reason why it is not a pass, in one line; empty for a pass.
    pub fn reason(&self) -> &str {
        match self {
            Self::Pass => "",
            Self::Fail { findings } => findings.first().map_or("", |finding| finding.summary.as_str()),
            Self::NotApplicable { reason } | Self::NotEvaluated { reason } => reason,
            Self::Manual { look_at } => look_at,
            Self::Error { message } => message,
        }
    }

    /// Whether there is no result: no evidence, or amiproof could not decide.
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

/// Captured evidence: a short text in the report, and a longer one in a separate file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Its name: `termination message of job/client`, `kube-bench output`.
    pub name: String,
    /// The text, cut to 16 KiB (head and tail are kept).
    pub text: String,
    /// The complete file, relative to the folder of `report.json`, if the text was cut or the evidence is not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Where a result was produced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// The pod, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The Kubernetes node.
    pub node: String,
    /// The EC2 instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The AMI that the instance booted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ami_id: Option<String>,
}
