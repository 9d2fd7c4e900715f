//! `system-masters`: whether anyone is a member of system:masters, which RBAC cannot restrict.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "system-masters", assess };

/// Access entries cannot name the group: EKS refuses groups that begin with `system:`. Only the ConfigMap can name it.
fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let remediation = "replace it by an access entry with a policy that can be revoked";
    let entries = seen(&facts.aws_auth)?.iter().flat_map(|map| &map.entries);
    let masters = entries.filter(|(_, groups)| groups.iter().any(|group| group == "system:masters"));
    let findings = masters.map(|(principal, _)| {
        let text = format!("puts {principal} into system:masters");
        finding(format!("kube-system/ConfigMap/aws-auth {principal}"), text, remediation)
    });
    Ok(verdict(findings.collect()))
}

#[cfg(test)]
mod tests {
    use super::super::facts::kubernetes::AwsAuth;
    use super::super::facts::testing::{clean, outcome_of};
    use super::*;

    #[test]
    fn members_are_found_in_aws_auth() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let entry = |name: &str, group: &str| (name.to_owned(), vec![group.to_owned()]);
        let entries = vec![entry("arn:node", "system:nodes"), entry("arn:ops", "system:masters")];
        let facts = Facts { aws_auth: Ok(Some(AwsAuth { entries })), ..clean() };
        assert_eq!(outcome_of(&QUESTION, &facts), "fail kube-system/ConfigMap/aws-auth arn:ops");
    }
}
