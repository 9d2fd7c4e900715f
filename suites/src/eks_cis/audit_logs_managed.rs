//! `audit-logs-managed`: whether anyone keeps and reads the audit log.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, manual, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "audit-logs-managed", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let logs = &seen(&facts.account()?.control_plane)?.logs;
    if !logs.iter().any(|kind| kind == "audit") {
        let text = "the audit log is off, so there is nothing to keep";
        return Ok(verdict(vec![finding("cluster", text, "turn the audit log on first")]));
    }
    let group = format!("/aws/eks/{}/cluster", facts.cluster);
    let look_at = format!("retention, encryption and readers of the log group {group}, and who is alerted by it");
    Ok(with_evidence(manual(look_at), "log types that are on", logs))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account_of, clean, outcome_of};
    use super::*;

    #[test]
    fn a_log_that_is_off_fails_and_one_that_is_on_is_for_a_human() {
        let mut facts = clean();
        assert_eq!(outcome_of(&QUESTION, &facts), "manual");
        account_of(&mut facts).control_plane.as_mut().unwrap().logs.clear();
        assert_eq!(outcome_of(&QUESTION, &facts), "fail cluster");
    }
}
