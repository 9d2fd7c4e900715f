//! Results as their checks returned them, before they were compared with those of other variants.
//!
//! The evaluation of a run replaces outcomes (a failure that a peer caused, a prediction that was refuted) and adds
//! evidence. In one shard it does so without the rows of the others, so its report keeps the original results, and
//! merging begins with these.

use std::collections::BTreeMap;

use crate::name::CheckId;
use crate::report::result::CheckResult;
use crate::report::shards::Unsettled;
use crate::report::{Report, Subject};
use crate::verdict::Outcome;

/// What identifies a row.
type Key<'a> = (&'a CheckId, &'a Subject, Option<&'a str>);

fn key(result: &CheckResult) -> Key<'_> {
    (&result.check, &result.subject, result.scanner.as_deref())
}

/// Restores the results as the checks returned them. A report without shards is left as it is.
pub fn restore(report: &mut Report) {
    let Some(shards) = &mut report.run.shards else { return };
    let unsettled = std::mem::take(&mut shards.unsettled);
    if unsettled.is_empty() {
        return;
    }
    let before: BTreeMap<Key<'_>, &Unsettled> =
        unsettled.iter().map(|row| ((&row.check, &row.subject, row.scanner.as_deref()), row)).collect();
    for result in &mut report.results {
        let Some(row) = before.get(&key(result)).copied() else { continue };
        result.evidence.truncate(row.evidence);
        if let Some(outcome) = &row.outcome {
            result.outcome = outcome.clone();
        }
    }
}

/// The rows as their checks left them.
pub(crate) struct Before(Option<Vec<(Outcome, usize)>>);

impl Before {
    /// The rows of a report of a shard, before any evaluation.
    pub(crate) fn of(report: &Report) -> Self {
        let rows = || own(&report.results).map(|row| (row.outcome.clone(), row.evidence.len())).collect();
        Self(report.run.shards.as_ref().map(|_| rows()))
    }

    /// Records what has changed since. In between rows are only added; none but gates are removed or moved.
    pub(crate) fn note(self, report: &mut Report) {
        let (Some(before), Some(shards)) = (self.0, &mut report.run.shards) else { return };
        let rows = own(&report.results).zip(before);
        let changed = rows.filter_map(|(row, (outcome, evidence))| {
            let outcome = (row.outcome != outcome).then_some(outcome);
            (outcome.is_some() || row.evidence.len() != evidence).then(|| Unsettled {
                check: row.check.clone(),
                subject: row.subject.clone(),
                scanner: row.scanner.clone(),
                outcome,
                evidence,
            })
        });
        shards.unsettled = changed.collect();
    }
}

/// The rows that checks and scanners gave.
fn own(results: &[CheckResult]) -> impl Iterator<Item = &CheckResult> {
    results.iter().filter(|result| !result.is_gate())
}
