//! `audit-logs`: whether the control plane writes audit logs.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "audit-logs", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let logs = &seen(&facts.account()?.control_plane)?.logs;
    if logs.iter().any(|kind| kind == "audit") {
        return Ok(verdict(Vec::new()));
    }
    let on = if logs.is_empty() { "nothing".to_owned() } else { format!("only {}", logs.join(", ")) };
    let remediation =
        "aws eks update-cluster-config --logging '{\"clusterLogging\":[{\"types\":[\"audit\"],\"enabled\":true}]}'";
    Ok(verdict(vec![finding("cluster", format!("the audit log is off; {on} is logged"), remediation)]))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account_of, clean, outcome_of};
    use super::*;

    #[test]
    fn only_the_audit_log_counts() {
        for (logs, answer) in [(&["api", "audit"][..], "pass"), (&["api"], "fail cluster"), (&[], "fail cluster")] {
            let mut facts = clean();
            let plane = account_of(&mut facts).control_plane.as_mut().unwrap();
            plane.logs = logs.iter().map(ToString::to_string).collect();
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{logs:?}");
        }
    }

    #[test]
    fn without_an_account_or_the_right_to_ask_it_is_not_decided() {
        assert_eq!(outcome_of(&QUESTION, &Facts { account: Err(Unreadable::NoAccount), ..clean() }), "no account");
        let mut facts = clean();
        account_of(&mut facts).control_plane = Err(Unreadable::Denied("the IAM action eks:DescribeCluster".to_owned()));
        assert_eq!(outcome_of(&QUESTION, &facts), "denied");
    }
}
