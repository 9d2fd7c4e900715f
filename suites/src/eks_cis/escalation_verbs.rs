//! `escalation-verbs`: who can get more rights than they have: bind, escalate, impersonate.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable};
use super::holders::{self, Right};
use super::question::Question;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "escalation-verbs", assess };

const REMEDIATION: &str = "remove the verb from the role; each of them lets its holder become an administrator";

const RIGHTS: &[Right] = &[
    Right {
        verbs: &["bind", "escalate"],
        group: "rbac.authorization.k8s.io",
        resources: &["clusterroles", "roles"],
        fine_in_namespace: false,
        remediation: REMEDIATION,
    },
    Right {
        verbs: &["impersonate"],
        group: "",
        resources: &["users", "groups", "serviceaccounts"],
        fine_in_namespace: false,
        remediation: REMEDIATION,
    },
];

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    holders::assess(facts, RIGHTS)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, grant, outcome_of, rule, subject};
    use super::*;

    #[test]
    fn each_of_the_three_verbs_is_found_on_what_it_is_for() {
        let rbac = "rbac.authorization.k8s.io";
        for (verb, group, resource, answer) in [
            ("bind", rbac, "clusterroles", "fail ClusterRoleBinding/made"),
            ("escalate", rbac, "roles", "fail ClusterRoleBinding/made"),
            ("impersonate", "", "users", "fail ClusterRoleBinding/made"),
            ("*", "*", "*", "fail ClusterRoleBinding/made"),
            ("get", rbac, "clusterroles", "pass"),
            ("bind", "", "pods", "pass"),
        ] {
            let mut facts = clean();
            grant(&mut facts, None, rule(verb, group, resource), subject("User", "alice"));
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{verb} {resource}");
        }
    }
}
