//! Counts what happened in a run or in one of its columns, and draws the conclusion.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::exit::ExitCode;
use crate::judge::disposition::Disposition;
use crate::name::VariantName;
use crate::report::Report;
use crate::report::counts::Counts;
use crate::report::phase::{Phase, PhaseEnd, PhaseRecord};
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::threshold;
use crate::verdict::Outcome;

/// The conclusion of a run, or of a column of it. Ordered: the greatest one that applies counts.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "kebab-case")]
pub enum Conclusion {
    /// Everything that applies was evaluated, and passed or was excused. Exit code 0.
    Passed,
    /// As [`Self::Passed`], but some of it was not evaluated, as much as a threshold of the matrix file allows. Exit code 0.
    #[serde(alias = "passedInPart")]
    Incomplete,
    /// There is no row, or none that applies. Exit code 4.
    #[strum(serialize = "nothing selected")]
    NothingSelected,
    /// There are rows that apply, but none that says anything about an image or the cluster. Exit code 3.
    #[strum(serialize = "nothing evaluated")]
    NothingEvaluated,
    /// A check failed. Exit code 1.
    Failed,
    /// Something that was good in the baseline is not any more. Exit code 5.
    Regression,
    /// Something was not evaluated, could not be decided, or broke. Exit code 3.
    Inconclusive,
    /// The run ended before all checks had run. Exit code 130.
    Interrupted,
    /// Something is still in the account or the cluster that should be gone. Exit code 6.
    #[strum(serialize = "left behind")]
    LeftBehind,
}

impl Conclusion {
    /// All of them, best first.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The exit code of the process.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Passed | Self::Incomplete => ExitCode::Passed,
            Self::NothingSelected => ExitCode::NothingSelected,
            Self::Failed => ExitCode::Failed,
            Self::Regression => ExitCode::Regression,
            Self::NothingEvaluated | Self::Inconclusive => ExitCode::Error,
            Self::Interrupted => ExitCode::Interrupted,
            Self::LeftBehind => ExitCode::LeftBehind,
        }
    }

    /// Whether it is exit code 0.
    pub fn is_green(self) -> bool {
        self.exit_code() == ExitCode::Passed
    }
}

/// The scope of a conclusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// The whole run.
    Run,
    /// One variant, or the cluster: one column of the matrix.
    Of(&'a Subject),
}

impl Scope<'_> {
    /// Whether a row is in it.
    pub fn has(self, subject: &Subject) -> bool {
        match self {
            Self::Run => true,
            Self::Of(own) => own == subject,
        }
    }
}

/// Everything that a conclusion depends on.
pub(super) struct Tally<'a> {
    pub(super) counts: Counts,
    pub(super) regressions: usize,
    pub(super) leftovers: usize,
    /// What the teardown could not verify to be gone.
    pub(super) unverified: usize,
    pub(super) interrupted: bool,
    pub(super) broken: Vec<(Option<&'a VariantName>, &'a PhaseRecord)>,
    pub(super) failed: Vec<&'a CheckResult>,
    /// Rows without an answer that nothing in the scope accounts for.
    pub(super) open: Vec<&'a CheckResult>,
    /// Gaps in gates whose scan failed anyway: they are shown, but the failure decides.
    pub(super) settled: Vec<&'a CheckResult>,
    /// Whether any row but amiproof's own gates says something about its subject.
    pub(super) is_evaluated: bool,
}

impl<'a> Tally<'a> {
    pub(super) fn of(report: &'a Report, scope: Scope<'_>, regressions: usize) -> Self {
        let rows = || report.results.iter().filter(move |result| scope.has(&result.subject));
        let own_leftover = |variant: Option<&str>| match scope {
            Scope::Run => true,
            Scope::Of(Subject::Cluster) => variant.is_none(),
            Scope::Of(Subject::Variant(name)) => variant == Some(name.as_str()),
        };
        let leftovers = report.cleanup.leftovers.iter();
        let failed: Vec<&CheckResult> = rows().filter(|row| matches!(row.disposition, Disposition::Failed)).collect();
        let scans: HashSet<(&Subject, &str)> = failed.iter().map(|row| (&row.subject, row.check.suite())).collect();
        let is_settled =
            |row: &&CheckResult| threshold::gap_of(row).is_some_and(|suite| scans.contains(&(&row.subject, suite)));
        let (settled, open) = rows().filter(|row| is_open(row, scope)).partition(is_settled);
        Self {
            counts: report.counts_where(|result| scope.has(&result.subject)),
            regressions,
            leftovers: leftovers.filter(|left| own_leftover(left.variant.as_ref().map(|name| name.as_str()))).count(),
            unverified: match scope {
                Scope::Run | Scope::Of(Subject::Cluster) => report.cleanup.open(),
                Scope::Of(Subject::Variant(_)) => 0,
            },
            interrupted: is_interrupted(report, scope),
            broken: broken(report, scope),
            failed,
            open,
            settled,
            is_evaluated: rows().any(|row| row.check.suite() != threshold::SUITE && is_evaluated(row)),
        }
    }

    pub(super) fn conclusion(&self) -> Conclusion {
        if self.leftovers > 0 {
            Conclusion::LeftBehind
        } else if self.interrupted {
            Conclusion::Interrupted
        } else if !self.broken.is_empty() || !self.open.is_empty() || self.unverified > 0 {
            Conclusion::Inconclusive
        } else if self.regressions > 0 {
            Conclusion::Regression
        } else if self.counts.failed + self.counts.blocked > 0 {
            Conclusion::Failed
        } else if self.counts.total() == self.counts.not_applicable {
            Conclusion::NothingSelected
        } else if !self.is_evaluated {
            Conclusion::NothingEvaluated
        } else if self.counts.allowed > 0 {
            Conclusion::Incomplete
        } else {
            Conclusion::Passed
        }
    }
}

/// Whether a row has no result, and nothing in the scope allows that or is the cause of it.
pub(super) fn is_open(row: &CheckResult, scope: Scope<'_>) -> bool {
    match &row.disposition {
        Disposition::NotEvaluated | Disposition::Error => true,
        Disposition::Blocked { subject, .. } => !scope.has(subject),
        _ => false,
    }
}

/// Whether a row says something about its subject. An informational row does if it has a result.
pub(crate) fn is_evaluated(row: &CheckResult) -> bool {
    match row.disposition {
        Disposition::Passed
        | Disposition::Flaky
        | Disposition::Waived { .. }
        | Disposition::Tolerated
        | Disposition::Failed => true,
        Disposition::Informational => matches!(row.outcome, Outcome::Pass | Outcome::Fail { .. }),
        Disposition::NotApplicable
        | Disposition::Manual
        | Disposition::Allowed
        | Disposition::Blocked { .. }
        | Disposition::NotEvaluated
        | Disposition::Error => false,
    }
}

pub(super) fn is_interrupted(report: &Report, scope: Scope<'_>) -> bool {
    let cancelled = |phase: &PhaseRecord| matches!(phase.ended, PhaseEnd::Cancelled);
    report.run.interrupted
        && match scope {
            Scope::Run => true,
            Scope::Of(Subject::Cluster) => report.run.phases.iter().any(cancelled),
            Scope::Of(Subject::Variant(name)) => {
                // A variant without any finished phase was not even begun.
                let own = report.variants.iter().find(|variant| variant.name == *name);
                own.is_none_or(|own| own.phases.is_empty() || own.phases.iter().any(cancelled))
            }
        }
}

/// The phases that broke, teardown not counted: leftovers say that better. A phase that ended with a verdict
/// ([`PhaseEnd::Failed`]) is shown by the row of that verdict.
pub(super) fn broken<'a>(report: &'a Report, scope: Scope<'_>) -> Vec<(Option<&'a VariantName>, &'a PhaseRecord)> {
    let counts = |phase: &&PhaseRecord| phase.phase != Phase::Teardown && matches!(phase.ended, PhaseEnd::Error { .. });
    let mut broken = Vec::new();
    if scope.has(&Subject::Cluster) {
        broken.extend(report.run.phases.iter().filter(counts).map(|phase| (None, phase)));
    }
    for variant in &report.variants {
        if scope.has(&Subject::Variant(variant.name.clone())) {
            broken.extend(variant.phases.iter().filter(counts).map(|phase| (Some(&variant.name), phase)));
        }
    }
    broken
}
