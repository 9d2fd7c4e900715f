//! `webhook-configurations`: who can change what admission asks.

use super::facts::{Facts, Unseen};
use super::holders::{self, Right};
use super::question::Question;
use amiproof_core::check::Decision;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "webhook-configurations", assess };

const RIGHTS: &[Right] = &[Right {
    verbs: &["create", "update", "patch", "delete"],
    group: "admissionregistration.k8s.io",
    resources: &["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
    fine_in_namespace: false,
    remediation: "keep the right to the installer of the webhook; who changes a webhook reads and rewrites every object",
}];

fn assess(facts: &Facts) -> Result<Decision, Unseen> {
    holders::assess(facts, RIGHTS)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, grant, rule, subject, told};
    use super::*;

    #[test]
    fn those_who_change_webhooks_are_found() {
        let table = [
            (None, subject("User", "alice"), "fail ClusterRoleBinding/made"),
            (None, subject("Group", "system:masters"), "pass"),
            (Some("web"), subject("User", "alice"), "fail web/RoleBinding/made"),
            (Some("web"), subject("Group", "system:authenticated"), "fail web/RoleBinding/made"),
        ];
        assert_eq!(told(&QUESTION, &clean()), "pass");
        for (namespace, who, answer) in table {
            let mut facts = clean();
            grant(
                &mut facts,
                namespace,
                rule("update", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
                who,
            );
            assert_eq!(told(&QUESTION, &facts), answer, "{namespace:?}");
        }
        let mut facts = clean();
        grant(
            &mut facts,
            None,
            rule("get", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
            subject("User", "alice"),
        );
        assert_eq!(told(&QUESTION, &facts), "pass", "another verb");
    }
}
