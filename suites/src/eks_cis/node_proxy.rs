//! `node-proxy`: who can talk to kubelets past the API server's audit.

use super::facts::{Facts, Unseen};
use super::holders::{self, Right};
use super::question::Question;
use amiproof_core::check::Decision;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "node-proxy", assess };

const RIGHTS: &[Right] = &[Right {
    verbs: &["get", "create"],
    group: "",
    resources: &["nodes/proxy"],
    fine_in_namespace: false,
    remediation: "take nodes/proxy out of the role; it reaches every kubelet past admission and audit (nodes/metrics, nodes/stats and nodes/log are enough to watch)",
}];

fn assess(facts: &Facts) -> Result<Decision, Unseen> {
    holders::assess(facts, RIGHTS)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, grant, rule, subject, told};
    use super::*;

    #[test]
    fn those_who_reach_kubelets_are_found() {
        let table = [
            (None, subject("User", "alice"), "fail ClusterRoleBinding/made"),
            (None, subject("Group", "system:masters"), "pass"),
            (Some("web"), subject("User", "alice"), "fail web/RoleBinding/made"),
            (Some("web"), subject("Group", "system:authenticated"), "fail web/RoleBinding/made"),
        ];
        assert_eq!(told(&QUESTION, &clean()), "pass");
        for (namespace, who, answer) in table {
            let mut facts = clean();
            grant(&mut facts, namespace, rule("get", "", "nodes/proxy"), who);
            assert_eq!(told(&QUESTION, &facts), answer, "{namespace:?}");
        }
        let mut facts = clean();
        grant(&mut facts, None, rule("delete", "", "nodes/proxy"), subject("User", "alice"));
        assert_eq!(told(&QUESTION, &facts), "pass", "another verb");
    }
}
