//! `cluster-admin`: who is bound to the role that may everything.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unseen, seen};
use super::question::{Question, finding, verdict, with_evidence};
use super::system;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "cluster-admin", assess };

fn assess(facts: &Facts) -> Result<Decision, Unseen> {
    let rbac = seen(&facts.rbac)?;
    let remediation = "bind a role of the rights that are needed, then delete this binding";
    let bindings = rbac.bindings.iter().filter(|binding| binding.of_cluster_role && binding.role == "cluster-admin");
    let findings = bindings.flat_map(|binding| {
        let people = binding.subjects.iter().filter(|subject| !system::is_subject(subject));
        people.map(|subject| {
            let place = match &binding.namespace {
                None => "the cluster".to_owned(),
                Some(namespace) => format!("the namespace {namespace}"),
            };
            finding(binding.resource(), format!("{subject} may do everything in {place}"), remediation)
        })
    });
    let decision = verdict(findings.collect());
    // Every cluster has an administrator by access entry; who it is, people must say.
    let administrators = facts.account.as_ref().ok().and_then(|account| account.administrators.as_ref().ok());
    Ok(with_evidence(
        decision,
        "principals with AmazonEKSClusterAdminPolicy",
        administrators.map(Vec::as_slice).unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{asked, bound, clean, subject, told};
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
            assert_eq!(told(&QUESTION, &facts), answer, "{namespace:?} {role}");
        }
    }

    #[test]
    fn administrators_by_access_entry_are_evidence() {
        let decision = asked(&QUESTION, &clean());
        assert_eq!(decision.evidence[0].text, "arn:aws:iam::111122223333:role/ops");
    }

    #[test]
    fn without_the_right_to_list_bindings_it_is_not_decided() {
        let denied = Err(Unseen::Denied("the Kubernetes permission to list clusterrolebindings".to_owned()));
        assert_eq!(told(&QUESTION, &Facts { rbac: denied, ..clean() }), "denied");
    }
}
