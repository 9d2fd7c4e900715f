//! What checks said before their results were compared with those of other variants.
//!
//! The evaluation of a run replaces outcomes (a failure that a peer caused, a prediction that was refuted) and adds evidence. In one shard it
//! does so without the rows of the others, so its report keeps what was there before, and a merged report begins with that again.

use std::collections::BTreeMap;

use crate::name::CheckId;
use crate::report::result::CheckResult;
use crate::report::shards::Unsettled;
use crate::report::{Report, Subject};
use crate::verdict::Outcome;

/// What a row is known by.
type Key<'a> = (&'a CheckId, &'a Subject, Option<&'a str>);

fn key(result: &CheckResult) -> Key<'_> {
    (&result.check, &result.subject, result.scanner.as_deref())
}

/// Puts back what the checks said. Nothing in a report without shards.
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
    /// Of a report in shards whose rows are as their checks left them.
    pub(crate) fn of(report: &Report) -> Self {
        let rows = || own(&report.results).map(|row| (row.outcome.clone(), row.evidence.len())).collect();
        Self(report.run.shards.as_ref().map(|_| rows()))
    }

    /// Notes what has changed since. Rows are added in between, and none is removed or moved but gates.
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
