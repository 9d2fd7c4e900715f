//! `create-pods`: who can create pods in every namespace.

use super::facts::{Facts, Unseen};
use super::holders::{self, Right};
use super::question::Question;
use amiproof_core::check::Decision;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "create-pods", assess };

const RIGHTS: &[Right] = &[Right {
    verbs: &["create"],
    group: "",
    resources: &["pods"],
    fine_in_namespace: true,
    remediation: "bind a Role in the namespaces that need it; a pod can use every Secret and service account of its namespace",
}];

fn assess(facts: &Facts) -> Result<Decision, Unseen> {
    holders::assess(facts, RIGHTS)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, grant, rule, subject, told};
    use super::*;

    #[test]
    fn creators_of_pods_everywhere_are_found_and_those_of_one_namespace_are_evidence() {
        let table = [
            (None, subject("User", "alice"), "fail ClusterRoleBinding/made"),
            (None, subject("Group", "system:masters"), "pass"),
            (Some("web"), subject("User", "alice"), "pass"),
            (Some("web"), subject("Group", "system:authenticated"), "fail web/RoleBinding/made"),
        ];
        assert_eq!(told(&QUESTION, &clean()), "pass");
        for (namespace, who, answer) in table {
            let mut facts = clean();
            grant(&mut facts, namespace, rule("create", "", "pods"), who);
            assert_eq!(told(&QUESTION, &facts), answer, "{namespace:?}");
        }
        let mut facts = clean();
        grant(&mut facts, None, rule("get", "", "pods"), subject("User", "alice"));
        assert_eq!(told(&QUESTION, &facts), "pass", "another verb");
    }
}
