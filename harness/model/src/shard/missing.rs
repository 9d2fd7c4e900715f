//! A merged report has a row for each variant whose shard is missing, which says that it was not evaluated.

use jiff::Timestamp;

use crate::name::CheckId;
use crate::report::result::CheckResult;
use crate::report::{Report, Subject};
use crate::threshold::declared::SUITE;
use crate::verdict::Outcome;

/// The title of such a row.
const TITLE: &str = "the shard that tests it is in the merged report";

/// Adds a row for each variant of a merged report whose shard is missing, and for the cluster if the first is. Those
/// of an earlier call are removed beforehand, together with the other gates.
pub(crate) fn require(report: &mut Report, now: Timestamp) {
    let Some(shards) = report.run.shards.as_ref().filter(|shards| shards.shard.is_none()) else { return };
    let Ok(check) = CheckId::try_from(format!("{SUITE}/shard")) else { return };
    let count = shards.count;
    let missing = shards.missing().into_iter().flat_map(|(shard, columns)| {
        let cluster = (shard == 1).then_some(Subject::Cluster);
        let variants = columns.into_iter().map(|column| Subject::Variant(column.name.clone()));
        variants.chain(cluster).map(move |subject| (shard, subject)).collect::<Vec<_>>()
    });
    let rows = missing.map(|(shard, subject)| {
        let reason = format!("shard {shard}/{count} is not among the merged reports");
        CheckResult {
            title: TITLE.into(),
            started: now,
            ..CheckResult::new(check.clone(), subject, Outcome::NotEvaluated { reason })
        }
    });
    let rows: Vec<CheckResult> = rows.collect();
    report.results.extend(rows);
}
