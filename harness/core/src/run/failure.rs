//! Rows of a variant whose nodes failed before any check could run on them: the failure itself, and the rows blocked by it.

use amiproof_model::matrix::Variant;
use amiproof_model::report::CheckResult;
use amiproof_model::verdict::Outcome;
use jiff::Timestamp;

use super::event::{Failed, of_variant};
use super::rows;
use crate::check::Check;

/// The check that says whether nodes joined; its row exists for a failed node group even if the check was not selected.
pub(crate) const JOINED: &str = "node/joined";
/// The check that says whether nodes are Ready.
pub(crate) const READY: &str = "node/ready";

/// A row per selected check: the one that failed with its finding, the others not evaluated because of it.
pub(crate) fn results(variant: &Variant, selected: &[Check], failed: &Failed, now: Timestamp) -> Vec<CheckResult> {
    let subject = of_variant(&variant.name);
    let reason = format!("not evaluated because {} failed: {}", failed.check, failed.finding.summary);
    let mut rows = rows::not_asked(&subject, Some(variant), selected, &reason, now);
    if !rows.iter().any(|row| row.check == failed.check) {
        let title =
            if failed.check.as_str() == READY { "every node is Ready" } else { "every instance joined the cluster" };
        rows.push(rows::empty(&failed.check, title, &subject, now));
    }
    for row in rows.iter_mut().filter(|row| row.check == failed.check) {
        row.outcome = Outcome::Fail { findings: vec![failed.finding.clone()] };
        row.evidence.clone_from(&failed.evidence);
    }
    rows
}

#[cfg(test)]
mod tests {
    use amiproof_model::matrix::Family;
    use amiproof_model::verdict::{Evidence, Finding};

    use super::*;
    use crate::fixture;

    #[test]
    fn the_failure_is_a_row_of_its_own_also_where_nobody_selected_it() {
        let variant = fixture::variant("l2", Family::Al2023);
        let failed = Failed {
            check: JOINED.parse().unwrap(),
            finding: Finding::new("node group", "0 of 2 nodes joined: kubelet: invalid kernel flag"),
            evidence: vec![Evidence { name: "console".into(), text: "t".into(), file: None }],
            instances: Vec::new(),
        };
        let rows = results(&variant, &[], &failed, Timestamp::UNIX_EPOCH);
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.check.as_str(), row.outcome.as_str(), row.evidence.len()), (JOINED, "fail", 1));
        assert_eq!(row.outcome.reason(), "0 of 2 nodes joined: kubelet: invalid kernel flag");
    }
}
