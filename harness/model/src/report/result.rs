//! One cell of the matrix.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::placements::Placements;
use super::severity::Severity;
use super::subject::Subject;
use crate::attribution::TrafficPair;
use crate::judge::disposition::{Disposition, Origin};
use crate::name::{CheckId, ControlId, Level};
use crate::text::Text;
use crate::verdict::{Evidence, Outcome};

/// One cell of the matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// Which check.
    pub check: CheckId,
    /// Its title: a lower-case clause without full stop.
    pub title: Text,
    /// The variant or the cluster that it evaluates.
    pub subject: Subject,
    /// The control that it evaluates, if it is one of a benchmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlId>,
    /// The level of the control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The severity of a failure, if the scanner reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The scanner of the result (`kube-bench`, `inspector`, `openscap`); absent for amiproof's own checks. The same word as in
    /// the record of its scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanner: Option<String>,
    /// What the check decided in its last attempt.
    pub outcome: Outcome,
    /// What it means for the run after waivers, baseline and retries.
    pub disposition: Disposition,
    /// Whether hardening caused it, by comparison with the reference variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What other scanners say about the same check on the same subject, if they disagree: `openscap says pass`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<String>,
    /// When the first attempt started.
    pub started: Timestamp,
    /// Seconds over all attempts.
    pub seconds: f64,
    /// Outcomes of the attempts before the last one; empty if there was only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_attempts: Vec<Outcome>,
    /// Where it actually ran.
    #[serde(default, skip_serializing_if = "Placements::is_empty")]
    pub placements: Placements,
    /// Attempted connections, to attribute failures to the right variant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<TrafficPair>,
    /// Capabilities of a node that it exercises (`pod-network`, `cluster-dns`, `kubelet-api`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exercises: Vec<String>,
    /// The evidence of the check: commands, output, events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl CheckResult {
    /// A result with nothing but its outcome, to be completed by the caller:
    /// `CheckResult { title, started, ..CheckResult::new(check, subject, outcome) }`. The title is empty, the time is the epoch,
    /// and the disposition follows from the outcome alone ([`Disposition::of`]).
    pub fn new(check: CheckId, subject: Subject, outcome: Outcome) -> Self {
        Self {
            check,
            title: Text::default(),
            subject,
            control: None,
            level: None,
            severity: None,
            scanner: None,
            disposition: Disposition::of(&outcome),
            outcome,
            origin: None,
            disagreement: None,
            started: Timestamp::UNIX_EPOCH,
            seconds: 0.0,
            earlier_attempts: Vec::new(),
            placements: Placements::default(),
            traffic: Vec::new(),
            exercises: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Whether it is a gate over a scan ([`crate::threshold`]), which no node produced.
    pub fn is_gate(&self) -> bool {
        self.check.suite() == crate::threshold::declared::SUITE
    }
}
