//! `cluster-admin`: who is bound to the role that permits everything.

use amiproof_core::check::Decision;
use amiproof_model::verdict::Finding;

use super::access_policies::CLUSTER_ADMIN;
use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, manual, verdict, with_evidence};
use super::system;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "cluster-admin", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let rbac = seen(&facts.rbac)?;
    let remediation = "bind a role with only the permissions that are needed, then delete this binding";
    let bindings = rbac.bindings.iter().filter(|binding| binding.of_cluster_role && binding.role == "cluster-admin");
    let findings = bindings.flat_map(|binding| {
        let people = binding.subjects.iter().filter(|subject| !system::is_subject(subject));
        people.map(|subject| {
            let place = match &binding.namespace {
                None => "the cluster".to_owned(),
                Some(namespace) => format!("the namespace {namespace}"),
            };
            finding(binding.resource(), format!("{subject} has all permissions in {place}"), remediation)
        })
    });
    let findings: Vec<Finding> = findings.collect();
    let administrators = administrators(facts)?;
    // Every cluster has an administrator by access entry; whether more are needed, only a person can decide.
    let others: Vec<&str> = administrators.iter().filter(|(_, is_caller)| !is_caller).map(|(name, _)| *name).collect();
    let decision = if findings.is_empty() && !others.is_empty() {
        manual(format!(
            "access entries make administrators of the cluster: check that each needs to be: {}",
            others.join(", ")
        ))
    } else {
        verdict(findings)
    };
    let names: Vec<&str> = administrators.iter().map(|(name, _)| *name).collect();
    Ok(with_evidence(decision, "principals with AmazonEKSClusterAdminPolicy", &names))
}

/// Principals that administer the whole cluster by access entry, and whether each is the caller.
fn administrators(facts: &Facts) -> Result<Vec<(&str, bool)>, Unreadable> {
    let Ok(account) = &facts.account else { return Ok(Vec::new()) };
    let caller = account.caller.as_deref().unwrap_or_default();
    let admins = seen(&account.associations)?.iter();
    let admins = admins.filter(|one| one.policy == CLUSTER_ADMIN && one.namespaces.is_none());
    Ok(admins.map(|one| (one.principal.as_str(), is_same(&one.principal, caller))).collect())
}

/// Whether the caller is the principal: the same user, or a session of the role. ARNs of sessions lack the role's path.
fn is_same(principal: &str, caller: &str) -> bool {
    let role = principal.split_once(":role/").and_then(|(_, path)| path.rsplit('/').next());
    let session = caller.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
    principal == caller || role.is_some() && role == session
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account_of, administrator, asked, bound, clean, outcome_of, subject};
    use super::*;

    #[test]
    fn only_the_system_may_be_bound_to_cluster_admin() {
        let table = [
            (None, "cluster-admin", subject("User", "alice"), "fail ClusterRoleBinding/b"),
            (None, "cluster-admin", subject("Group", "system:authenticated"), "fail ClusterRoleBinding/b"),
            (Some("web"), "cluster-admin", subject("User", "alice"), "fail web/RoleBinding/b"),
            (None, "cluster-admin", subject("User", "eks:addon-manager"), "pass"),
            (None, "view", subject("User", "alice"), "pass"),
        ];
        for (namespace, role, who, answer) in table {
            let mut facts = clean();
            facts.rbac.as_mut().unwrap().bindings.push(bound(namespace, "b", role, who));
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{namespace:?} {role}");
        }
    }

    #[test]
    fn whoever_asks_administers_and_others_are_for_a_person() {
        let decision = asked(&QUESTION, &clean());
        assert_eq!(decision.evidence[0].text, "arn:aws:iam::111122223333:role/ops");
        let mut facts = clean();
        account_of(&mut facts).associations.as_mut().unwrap().push(administrator("team/night"));
        assert_eq!(outcome_of(&QUESTION, &facts), "manual");
        account_of(&mut facts).caller = Ok("arn:aws:sts::111122223333:assumed-role/night/x".to_owned());
        account_of(&mut facts).associations.as_mut().unwrap().remove(0);
        assert_eq!(outcome_of(&QUESTION, &facts), "pass", "a session does not show the path of its role");
        account_of(&mut facts).associations = Err(Unreadable::Denied("eks:ListAssociatedAccessPolicies".to_owned()));
        assert_eq!(outcome_of(&QUESTION, &facts), "denied");
    }

    #[test]
    fn without_the_right_to_list_bindings_it_is_not_decided() {
        let denied = Err(Unreadable::Denied("the Kubernetes permission to list clusterrolebindings".to_owned()));
        assert_eq!(outcome_of(&QUESTION, &Facts { rbac: denied, ..clean() }), "denied");
    }
}
