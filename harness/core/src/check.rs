//! What a check is: data, a thin asynchronous body, and a pure `assess` that tests cover.

pub mod definition;
mod error;

use std::sync::Arc;
use std::time::Duration;

use amiproof_model::attribution::TrafficPair;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::name::{CheckId, ControlId, Level};
use amiproof_model::report::{CheckResult, Phase, ScanRecord, Severity, Subject};
use amiproof_model::verdict::{Evidence, Placement, Verdict};
use amiproof_model::workload::Workload;
use futures::future::BoxFuture;
use jiff::Timestamp;

pub use self::error::{CheckError, Doing};
use crate::context::Context;

/// One executable check with one verdict per subject, or one scan with many results.
#[derive(Clone)]
pub struct Check {
    /// `suite/check`; for a scan the id of the scan itself, which is used only if the scan fails.
    pub id: CheckId,
    /// A lower-case clause without full stop.
    pub title: String,
    /// Whether it runs per variant or once per cluster.
    pub scope: Scope,
    /// The phase of a run that it belongs to: [`Phase::Test`], [`Phase::KubeBench`] or [`Phase::OsScan`].
    pub phase: Phase,
    /// Whether it runs only when `suites.include` or `suites.with` names it or its suite.
    pub opt_in: bool,
    /// Whether it disturbs nodes: it runs after all other checks, alone on its variant, and is not retried.
    pub disturbs: bool,
    /// Deadline of one attempt; `None` for the variant's `timeouts.check`.
    pub timeout: Option<Duration>,
    /// How often a failure is retried; a pass on a retry is flaky.
    pub retries: u32,
    /// Whether it applies to a variant; not used for [`Scope::Cluster`].
    pub applies: fn(&Variant) -> Applies,
    /// The work.
    pub body: Body,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Check").field(&self.id).finish()
    }
}

/// Whether a check runs per variant or once per cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Once per AMI variant.
    Variant,
    /// Once per run.
    Cluster,
}

/// Whether a check applies to a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applies {
    /// It does.
    Yes,
    /// It does not, and why: the reason of [`Verdict::NotApplicable`].
    No(&'static str),
}

/// Every variant.
pub fn always(_: &Variant) -> Applies {
    Applies::Yes
}

/// Every variant that runs Linux.
pub fn linux_only(variant: &Variant) -> Applies {
    match variant.family {
        Family::Windows => Applies::No("Linux only"),
        Family::Al2023 | Family::Al2 | Family::Bottlerocket => Applies::Yes,
    }
}

/// The work of a check.
#[derive(Clone)]
pub enum Body {
    /// One verdict.
    Code(for<'a> fn(&'a Context) -> BoxFuture<'a, Result<Decision, CheckError>>),
    /// Many results, each with its own row.
    Scan(for<'a> fn(&'a Context) -> BoxFuture<'a, Result<ScanAnswer, CheckError>>),
    /// Runs a workload of the catalogue or of the user.
    Workload(Arc<Workload>),
}

/// A verdict with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// Evidence.
    pub evidence: Vec<Evidence>,
    /// Where it actually ran.
    pub placements: Vec<Placement>,
    /// Attempted connections.
    pub traffic: Vec<TrafficPair>,
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, evidence: Vec::new(), placements: Vec::new(), traffic: Vec::new() }
    }
}

/// The result of a scan: which scanners ran, and every answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanAnswer {
    /// One record per scanner, with its benchmark; a scanner without results has one that says why.
    pub scans: Vec<ScanRecord>,
    /// The answers.
    pub rows: Vec<ScanRow>,
}

/// One answer of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanRow {
    /// `kube-bench/cis-eks-1.8.0/3.2.1`.
    pub check: CheckId,
    /// The control's title, as the scanner words it.
    pub title: String,
    /// The control.
    pub control: Option<ControlId>,
    /// Its level, if the scanner reports it.
    pub level: Option<Level>,
    /// The severity of a failure, if the scanner reports it.
    pub severity: Option<Severity>,
    /// The scanner, as in [`ScanRecord::scanner`]; empty if amiproof itself evaluated it.
    pub scanner: String,
    /// The answer.
    pub decision: Decision,
}

impl ScanRow {
    /// Its row in a report, with the disposition of the outcome alone, and a duration of zero, because the scan took the time.
    pub fn into_result(self, subject: Subject, started: Timestamp) -> CheckResult {
        CheckResult {
            title: self.title.into(),
            control: self.control,
            level: self.level,
            severity: self.severity,
            scanner: Some(self.scanner).filter(|name| !name.is_empty()),
            started,
            placements: self.decision.placements.into(),
            traffic: self.decision.traffic,
            evidence: self.decision.evidence,
            ..CheckResult::new(self.check, subject, self.decision.verdict.into())
        }
    }
}
