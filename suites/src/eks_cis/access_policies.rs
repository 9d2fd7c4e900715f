//! The permissions of EKS access policies as roles and bindings, so that questions about rights treat them like those of RBAC
//! (EKS user guide, "Review access policy permissions"; they are those of Kubernetes' user-facing roles).

use amiproof_core::aws::access::Association;

use super::facts::rbac::{Binding, Rbac, Role, Rule, Source, Subject};

/// The policy that makes its principal the cluster's administrator. Only the question `cluster-admin` is about administrators, who
/// also hold every right of the other questions.
pub(crate) const CLUSTER_ADMIN: &str = "AmazonEKSClusterAdminPolicy";

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];

/// A rule: verbs, API group, resources. Only what a question needs; other permissions of the policies are left out.
type Given = (&'static [&'static str], &'static str, &'static [&'static str]);

/// The permissions to deploy: Kubernetes' role `edit`.
const EDIT: &[Given] = &[
    (READ, "", &["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"]),
    (WRITE, "", &["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "serviceaccounts"]),
    (&["impersonate"], "", &["serviceaccounts"]),
    (WRITE, "", &["persistentvolumeclaims", "configmaps", "services", "replicationcontrollers"]),
    (WRITE, "apps", &["daemonsets", "deployments", "replicasets", "statefulsets"]),
    (WRITE, "batch", &["cronjobs", "jobs"]),
];
/// The additional permissions of a namespace's administrator: Kubernetes' role `admin`.
const ADMIN: &[Given] = &[(READ, RBAC, &["roles", "rolebindings"]), (WRITE, RBAC, &["roles", "rolebindings"])];
/// Permission to read everything, including Secrets.
const ADMIN_VIEW: &[Given] = &[(READ, "*", &["*"])];
/// Permission to read Secrets.
const SECRETS: &[Given] = &[(READ, "", &["secrets"])];
const RBAC: &str = "rbac.authorization.k8s.io";

/// The rules of a policy; empty for policies without a right that a question is about (`AmazonEKSViewPolicy` has no Secrets) and for
/// those of AWS's own services.
fn given(policy: &str) -> Vec<Given> {
    match policy {
        "AmazonEKSAdminPolicy" => [EDIT, ADMIN].concat(),
        "AmazonEKSEditPolicy" => EDIT.to_vec(),
        "AmazonEKSAdminViewPolicy" => ADMIN_VIEW.to_vec(),
        "AmazonEKSSecretReaderPolicy" => SECRETS.to_vec(),
        _ => Vec::new(),
    }
}

/// Adds the permissions of access policies to those of RBAC.
pub(crate) fn add(rbac: &mut Rbac, associations: &[Association]) {
    for association in associations {
        let rules: Vec<Rule> = given(&association.policy).into_iter().map(rule).collect();
        if rules.is_empty() {
            continue;
        }
        if rbac.roles.iter().all(|role| role.name != association.policy || role.source != Source::AccessEntry) {
            rbac.roles.push(Role {
                namespace: None,
                name: association.policy.clone(),
                is_builtin: true,
                source: Source::AccessEntry,
                rules,
            });
        }
        let namespaces = match &association.namespaces {
            None => vec![None],
            Some(names) => names.iter().cloned().map(Some).collect(),
        };
        rbac.bindings.extend(namespaces.into_iter().map(|namespace| Binding {
            namespace,
            name: association.principal.clone(),
            of_cluster_role: true,
            role: association.policy.clone(),
            subjects: vec![Subject {
                kind: "User".to_owned(),
                name: association.principal.clone(),
                ..Subject::default()
            }],
            source: Source::AccessEntry,
        }));
    }
}

fn rule((verbs, group, resources): Given) -> Rule {
    let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
    Rule { verbs: owned(verbs), groups: vec![group.to_owned()], resources: owned(resources), names: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of};
    use super::super::{escalation_verbs, rights, wildcards};
    use super::*;

    #[test]
    fn policies_of_access_entries_are_rights_like_any_other() {
        for (policy, namespaces, secrets, pods, escalation) in [
            ("AmazonEKSAdminPolicy", None, true, true, true),
            ("AmazonEKSEditPolicy", None, true, true, true),
            ("AmazonEKSAdminViewPolicy", None, true, false, false),
            ("AmazonEKSSecretReaderPolicy", None, true, false, false),
            ("AmazonEKSViewPolicy", None, false, false, false),
            ("AmazonEKSSecretReaderPolicy", Some("web"), false, false, false),
            ("AmazonEKSEditPolicy", Some("web"), false, false, true),
            ("AmazonEKSClusterAdminPolicy", None, false, false, false),
        ] {
            let mut facts = clean();
            let association = Association {
                principal: "arn:aws:iam::111122223333:role/dev".to_owned(),
                policy: policy.to_owned(),
                namespaces: namespaces.map(|name: &str| vec![name.to_owned()]),
            };
            add(facts.rbac.as_mut().unwrap(), &[association]);
            let fails =
                |question| outcome_of(question, &facts) == "fail access entry arn:aws:iam::111122223333:role/dev";
            let answers =
                (fails(&rights::SECRETS_ACCESS), fails(&rights::CREATE_PODS), fails(&escalation_verbs::QUESTION));
            assert_eq!(answers, (secrets, pods, escalation), "{policy} {namespaces:?}");
            assert_eq!(outcome_of(&wildcards::QUESTION, &facts), "pass", "nobody here wrote the policy");
        }
    }
}
