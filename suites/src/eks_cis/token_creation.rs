//! `token-creation`: who can issue tokens of service accounts.

use super::facts::{Facts, Unseen};
use super::holders::{self, Right};
use super::question::Question;
use amiproof_core::check::Decision;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "token-creation", assess };

const RIGHTS: &[Right] = &[Right {
    verbs: &["create"],
    group: "",
    resources: &["serviceaccounts/token"],
    fine_in_namespace: true,
    remediation: "take create on serviceaccounts/token out of the role; kubelets issue the tokens that pods need",
}];

fn assess(facts: &Facts) -> Result<Decision, Unseen> {
    holders::assess(facts, RIGHTS)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, grant, rule, subject, told};
    use super::*;

    #[test]
    fn those_who_issue_tokens_everywhere_are_found() {
        let table = [
            (None, subject("User", "alice"), "fail ClusterRoleBinding/made"),
            (None, subject("Group", "system:masters"), "pass"),
            (Some("web"), subject("User", "alice"), "pass"),
            (Some("web"), subject("Group", "system:authenticated"), "fail web/RoleBinding/made"),
        ];
        assert_eq!(told(&QUESTION, &clean()), "pass");
        for (namespace, who, answer) in table {
            let mut facts = clean();
            grant(&mut facts, namespace, rule("create", "", "serviceaccounts/token"), who);
            assert_eq!(told(&QUESTION, &facts), answer, "{namespace:?}");
        }
        let mut facts = clean();
        grant(&mut facts, None, rule("get", "", "serviceaccounts/token"), subject("User", "alice"));
        assert_eq!(told(&QUESTION, &facts), "pass", "another verb");
    }
}
