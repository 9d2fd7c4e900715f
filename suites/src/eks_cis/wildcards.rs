//! `wildcards`: roles with `*` that are not part of the system.

use amiproof_core::check::Decision;

use super::facts::rbac::{Rbac, Role, Rule};
use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict};
use super::system;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "wildcards", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let rbac = seen(&facts.rbac)?;
    let remediation = "list the API groups, resources and verbs that are needed; * also covers what comes later";
    let roles = rbac.roles.iter().filter(|role| !system::is_role(role) && !is_of_system(rbac, role));
    let findings = roles.filter_map(|role| {
        let wild: Vec<&str> = ["verbs", "resources", "apiGroups"]
            .into_iter()
            .filter(|field| role.rules.iter().any(|rule| has_wildcard(rule, field)))
            .collect();
        let found = || finding(role.resource(), format!("'*' in {}", wild.join(", ")), remediation);
        (!wild.is_empty()).then(found)
    });
    Ok(verdict(findings.collect()))
}

fn has_wildcard(rule: &Rule, field: &str) -> bool {
    let list = match field {
        "verbs" => &rule.verbs,
        "resources" => &rule.resources,
        _ => &rule.groups,
    };
    list.iter().any(|entry| entry == "*")
}

/// Whether a role is bound only to the system: add-ons have their own roles.
fn is_of_system(rbac: &Rbac, role: &Role) -> bool {
    let mut bindings = rbac.bindings.iter().filter(|binding| rbac.role_of(binding) == Some(role)).peekable();
    bindings.peek().is_some() && bindings.all(|binding| binding.subjects.iter().all(system::is_subject))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, grant, outcome_of, rule, subject};
    use super::*;

    #[test]
    fn a_wildcard_in_any_part_is_found_once_per_role() {
        for (verb, group, resource, answer) in [
            ("*", "", "pods", "fail ClusterRole/made"),
            ("get", "*", "pods", "fail ClusterRole/made"),
            ("get", "", "*", "fail ClusterRole/made"),
            ("get", "", "pods", "pass"),
        ] {
            let mut facts = clean();
            grant(&mut facts, None, rule(verb, group, resource), subject("User", "alice"));
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{verb} {group} {resource}");
        }
    }

    #[test]
    fn a_role_that_only_the_system_holds_is_not_the_users_and_one_that_nobody_holds_is() {
        let mut facts = clean();
        let mut account = subject("ServiceAccount", "ebs-csi-controller-sa");
        account.namespace = "kube-system".to_owned();
        grant(&mut facts, None, rule("*", "*", "*"), account);
        assert_eq!(outcome_of(&QUESTION, &facts), "pass");
        facts.rbac.as_mut().unwrap().bindings.pop();
        assert_eq!(outcome_of(&QUESTION, &facts), "fail ClusterRole/made");
    }
}
