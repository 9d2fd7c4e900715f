//! The thresholds of a matrix file.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{Level, VariantName};
use crate::report::severity::Severity;
use crate::report::subject::Subject;

/// The suite of the rows that [`apply`](super::apply) adds.
pub const SUITE: &str = "gate";

/// The suites of scans, for which a matrix file can have thresholds: those of a run, then those of imported files without a known
/// benchmark.
pub const SCANNED: [&str; 7] = ["kube-bench", "os-cis", "eks-cis", "xccdf", "inspec", "sarif", "junit"];

/// A share in tenths of a percent, written `95%` or `99.5%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Share(pub(super) u16);

impl Share {
    /// Whether `part` of `whole` is at least this share. True if both are zero, which gates exclude.
    pub fn is_met(self, part: usize, whole: usize) -> bool {
        (part as u128) * 1000 >= u128::from(self.0) * (whole as u128)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a share from 0% to 100%");
        let number = text.strip_suffix('%').ok_or_else(wrong)?;
        let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.len() <= 3 && text.chars().all(|c| c.is_ascii_digit());
        if !digits(whole) || !digits(tenth) || tenth.len() > 1 {
            return Err(wrong());
        }
        let (whole, tenth): (u16, u16) = (whole.parse().map_err(|_| wrong())?, tenth.parse().map_err(|_| wrong())?);
        let share = whole * 10 + tenth;
        if share <= 1000 { Ok(Self(share)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => write!(out, "{whole}%"),
            (whole, tenth) => write!(out, "{whole}.{tenth}%"),
        }
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

/// A threshold for a suite on some variants. All given limits must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Threshold {
    /// The suite, one of [`SCANNED`]; for the coverage alone any suite.
    pub suite: String,
    /// Only these variants; empty for all of them and the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantName>,
    /// Only variants that are hardened to this level; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Minimum share of passed controls among those that passed or failed; waived ones count as neither. A control that several
    /// scanners evaluate counts once, and as passed only if all of them pass it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<Share>,
    /// Maximum number of failures of any severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<usize>,
    /// Maximum number of failures of each severity. Failures of other severities are not tolerated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub severities: BTreeMap<Severity, usize>,
    /// Minimum share of the controls of the benchmark that must have a result, or of the checks of a suite without scans.
    /// Default: all, and any gap gives exit code 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Share>,
}

impl Threshold {
    pub(super) fn covers(&self, subject: &Subject, level: Option<Level>) -> bool {
        let variant = match subject {
            Subject::Variant(name) => self.variants.is_empty() || self.variants.contains(name),
            Subject::Cluster => self.variants.is_empty(),
        };
        variant && (self.level.is_none() || self.level == level)
    }
}

/// Whether a scanner reports severities. The results of Inspector's CIS scans, of kube-bench, of Bottlerocket's own reports and
/// of amiproof itself have no severity, so that a threshold by severity cannot count them.
pub fn grades(scanner: &str) -> bool {
    // The scanner name of an import may end with the name of its file.
    !["inspector", "kube-bench", "bottlerocket", "amiproof"].iter().any(|name| scanner.starts_with(name))
}
