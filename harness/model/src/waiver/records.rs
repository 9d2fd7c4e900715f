//! The effect of each waiver in a run.

use jiff::Timestamp;

use super::{Circumstances, Waiver, WaiverRecord, WaiverState};
use crate::name::ControlId;
use crate::report::Report;
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::verdict::Outcome;

/// The effect of each waiver in a run.
pub fn records(report: &Report, waivers: &[Waiver], now: Timestamp) -> Vec<WaiverRecord> {
    let level = |result: &CheckResult| report.variant_of(&result.subject).and_then(|variant| variant.level);
    waivers
        .iter()
        .map(|waiver| {
            let covered =
                report.results.iter().filter(|result| waiver.covers(&Circumstances::of(result, level(result))));
            let failures = covered
                .filter(|result| result.outcome.findings().iter().any(|finding| waiver.covers_finding(finding)))
                .count();
            let state = if waiver.is_expired(now) {
                WaiverState::Expired
            } else if failures > 0 {
                WaiverState::Used
            } else if looked(report, waiver) {
                WaiverState::Unused
            } else {
                WaiverState::NotRun
            };
            WaiverRecord { waiver: waiver.clone(), state, failures }
        })
        .collect()
}

/// Whether the run evaluated the scope of a waiver: one of its variants, its suite, its benchmark. The scope of a control that its
/// benchmark lacks is evaluated if any control of the benchmark is.
pub(super) fn looked(report: &Report, waiver: &Waiver) -> bool {
    let near = |result: &CheckResult| {
        let variant = waiver.variants.is_empty()
            || match &result.subject {
                Subject::Variant(own) => waiver.variants.iter().any(|name| name == own.as_str()),
                Subject::Cluster => false,
            };
        let suite = waiver.check.as_deref().and_then(|check| check.split('/').next()).or(waiver.suite.as_deref());
        let own = result.control.as_ref().map(ControlId::benchmark).unwrap_or_default();
        let wanted = waiver.control.as_ref().map(ControlId::benchmark).or(waiver.benchmark.as_deref());
        let answered = !matches!(result.outcome, Outcome::NotEvaluated { .. } | Outcome::Error { .. });
        variant
            && answered
            && suite.is_none_or(|suite| result.check.suite() == suite)
            && wanted.is_none_or(|wanted| {
                own == wanted || own.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('-'))
            })
    };
    report.results.iter().any(near)
}
