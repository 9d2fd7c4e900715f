//! Rows of checks that did not run.

use amiproof_model::name::CheckId;
use amiproof_model::report::CheckResult;
use amiproof_model::verdict::Outcome;
use jiff::Timestamp;

use crate::check::{Applies, Check};

/// The results of checks that could not run, because the subject never got that far: each has a row, none is green.
pub(crate) fn not_asked(
    subject: &amiproof_model::report::Subject,
    variant: Option<&amiproof_model::matrix::Variant>,
    checks: &[Check],
    reason: &str,
    now: Timestamp,
) -> Vec<CheckResult> {
    let outcome = |check: &Check| match variant.map(|variant| (check.applies)(variant)) {
        Some(Applies::No(why)) => Outcome::NotApplicable { reason: why.to_owned() },
        Some(Applies::Yes) | None => Outcome::NotEvaluated { reason: reason.to_owned() },
    };
    checks
        .iter()
        .map(|check| CheckResult { outcome: outcome(check), ..empty(&check.id, &check.title, subject, now) })
        .collect()
}

/// A row of a check without a result yet: not evaluated, without a reason.
pub(crate) fn empty(
    check: &CheckId,
    title: &str,
    subject: &amiproof_model::report::Subject,
    now: Timestamp,
) -> CheckResult {
    let outcome = Outcome::NotEvaluated { reason: String::new() };
    CheckResult { title: title.into(), started: now, ..CheckResult::new(check.clone(), subject.clone(), outcome) }
}
