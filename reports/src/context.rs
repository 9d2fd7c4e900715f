//! What every format needs in addition to the report: the comparison with a baseline, and the verdict of the run and of each column.
//!
//! The verdicts are the model's; no format derives its own. They are those of the report as it is on the disk, which is what the
//! exit code follows from; that a scan covers less than in the baseline is only shown in the rows of gates.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use amiproof_model::conclusion::{Conclusion, Scope, Summary, weight};
use amiproof_model::name::CheckId;
use amiproof_model::report::{CheckResult, Report, Subject};
use amiproof_model::threshold;

use crate::compare::compare;
use crate::compare::comparison::Comparison;

/// A report, compared with a baseline.
pub(crate) struct Context<'a> {
    pub(crate) original: &'a Report,
    /// The report, with a gate not passed if its scan evaluated less than in the baseline.
    pub(crate) report: Cow<'a, Report>,
    /// What changed since the baseline.
    pub(crate) comparison: Option<Comparison>,
    worse: HashSet<(Subject, CheckId)>,
    /// The conclusions that were asked for, of the run (none) and of columns: each needs a look at every result.
    verdicts: RefCell<HashMap<Option<Subject>, Summary>>,
}

impl<'a> Context<'a> {
    pub(crate) fn of(report: &'a Report, baseline: Option<&Report>) -> Self {
        let comparison = baseline.map(|baseline| compare(baseline, report));
        let worse = comparison.iter().flat_map(Comparison::worse);
        let worse = worse.map(|change| (change.subject.clone(), change.check.clone())).collect();
        let verdicts = RefCell::default();
        Self { original: report, report: with_lost_coverage(report, baseline), comparison, worse, verdicts }
    }

    /// The conclusion of the run, which matches its exit code.
    pub(crate) fn verdict(&self) -> Summary {
        self.concluded(None)
    }

    /// The conclusion of a column.
    pub(crate) fn verdict_of(&self, subject: &Subject) -> Summary {
        self.concluded(Some(subject))
    }

    fn concluded(&self, subject: Option<&Subject>) -> Summary {
        let place = subject.cloned();
        let known = self.verdicts.borrow().get(&place).cloned();
        known.unwrap_or_else(|| {
            let summary = self.summary(subject.map_or(Scope::Run, Scope::Of));
            self.verdicts.borrow_mut().insert(place, summary.clone());
            summary
        })
    }

    fn summary(&self, scope: Scope<'_>) -> Summary {
        let regressions = self.comparison.as_ref().map_or(0, |comparison| match scope {
            Scope::Run => comparison.regressions(|_| true),
            Scope::Of(own) => comparison.regressions(|subject| subject == own),
        });
        Summary::of(self.original, scope, regressions)
    }

    /// Whether a result is worse than in the baseline.
    pub(crate) fn is_new(&self, result: &CheckResult) -> bool {
        !self.worse.is_empty() && self.worse.contains(&(result.subject.clone(), result.check.clone()))
    }

    /// The rank of a column with these results, most important first: what the baseline does not have before what it has, smoke tests before
    /// controls.
    pub(crate) fn urgency(&self, results: &[&CheckResult]) -> (bool, u8) {
        let first = results.first();
        (!first.is_some_and(|result| self.is_new(result)), first.map_or(u8::MAX, |result| weight(result.check.suite())))
    }

    /// The results, with those that are worse than in the baseline first.
    pub(crate) fn worse_first<'r>(&self, mut results: Vec<&'r CheckResult>) -> Vec<&'r CheckResult> {
        results.sort_by_key(|result| !self.is_new(result));
        results
    }
}

/// A verdict as text: `failed: 16 failed (workload 15, addon 1)`, `passed`. A reason that only repeats the word is left out.
pub(crate) fn sentence(verdict: &Summary) -> String {
    let word = verdict.conclusion.as_str();
    match verdict.reason.as_str() {
        "" => word.to_owned(),
        reason if reason.starts_with(word) => reason.to_owned(),
        _ if verdict.conclusion == Conclusion::Passed && verdict.counts.passed == verdict.counts.total() => {
            word.to_owned()
        }
        reason => format!("{word}: {reason}"),
    }
}

/// The style class of a verdict.
pub(crate) fn class(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Passed => "passed",
        Conclusion::Incomplete => "not-evaluated",
        Conclusion::NothingSelected => "not-applicable",
        Conclusion::Failed | Conclusion::Regression => "failed",
        Conclusion::NothingEvaluated | Conclusion::Inconclusive | Conclusion::Interrupted | Conclusion::LeftBehind => {
            "error"
        }
    }
}

/// The symbol of a verdict without colours.
pub(crate) fn mark(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Passed => "✅",
        Conclusion::NothingSelected => "➖",
        Conclusion::Failed | Conclusion::Regression => "❌",
        Conclusion::Incomplete
        | Conclusion::NothingEvaluated
        | Conclusion::Inconclusive
        | Conclusion::Interrupted
        | Conclusion::LeftBehind => "⚠️",
    }
}

/// The report, with a gate not passed if its scan evaluated less than in the baseline. Only for display: see
/// [`crate::render`].
pub(crate) fn with_lost_coverage<'a>(report: &'a Report, baseline: Option<&Report>) -> Cow<'a, Report> {
    let Some(baseline) = baseline else { return Cow::Borrowed(report) };
    let mut shown = report.clone();
    threshold::require_coverage_of(&mut shown, baseline);
    Cow::Owned(shown)
}
