//! Objects of Kubernetes and EKS themselves, which are not findings.

use super::facts::rbac::objects::{Binding, Role, Subject};

/// Namespaces that Kubernetes creates (Kubernetes documentation, initial namespaces; without `default`, which users use too) and
/// those of AWS's own agents: GuardDuty's EKS runtime monitoring (`amazon-guardduty`), the CloudWatch Observability add-on
/// (`amazon-cloudwatch`) and Fargate's logging (`aws-observability`), each by its user guide.
const NAMESPACES: [&str; 6] =
    ["kube-system", "kube-public", "kube-node-lease", "amazon-guardduty", "amazon-cloudwatch", "aws-observability"];

/// Service accounts of Kubernetes and of AWS's own add-ons, by namespace (from the manifests of the EKS add-ons). Charts that
/// users install into kube-system, as in several of AWS's guides, are not part of the system.
const ACCOUNTS: [(&str, &[&str]); 3] = [
    (
        "kube-system",
        &[
            "aws-node",
            "coredns",
            "ebs-csi-controller-sa",
            "ebs-csi-node-sa",
            "ebs-csi-node-windows-sa",
            "efs-csi-controller-sa",
            "efs-csi-node-sa",
            "eks-node-monitoring-agent",
            "eks-pod-identity-agent",
            "eks-vpc-resource-controller",
            "fsx-csi-controller-sa",
            "fsx-csi-node-sa",
            "kube-dns",
            "kube-proxy",
            "metrics-server",
            "s3-csi-driver-controller-sa",
            "s3-csi-driver-sa",
            "snapshot-controller",
            "vpc-resource-controller",
        ],
    ),
    ("amazon-guardduty", &["aws-guardduty-agent"]),
    (
        "amazon-cloudwatch",
        &[
            "amazon-cloudwatch-observability-controller-manager",
            "cloudwatch-agent",
            "dcgm-exporter-service-acct",
            "neuron-monitor-service-acct",
        ],
    ),
];

/// Prefixes that Kubernetes and EKS reserve (Kubernetes documentation, RBAC default roles; EKS user guide, default
/// Kubernetes roles and users).
const PREFIXES: [&str; 2] = ["system:", "eks:"];

/// Roles that EKS creates without its prefix (EKS user guide, default roles, and the manifest of the VPC CNI).
const ROLES: [&str; 3] = ["aws-node", "vpc-resource-controller-role", "vpc-resource-controller-rolebinding"];

/// Open groups: all authenticated users, all unauthenticated users, all service accounts.
const OPEN_GROUPS: [&str; 3] = ["system:authenticated", "system:unauthenticated", "system:serviceaccounts"];

/// Webhook configurations that EKS creates.
const WEBHOOKS: [&str; 4] = [
    "eks-aws-auth-configmap-validation-webhook",
    "vpc-resource-validating-webhook",
    "eks-access-entry-validation-webhook",
    "eks-pod-identity-webhook",
];

/// Whether a namespace belongs to the system.
pub(crate) fn is_namespace(name: &str) -> bool {
    NAMESPACES.contains(&name)
}

fn is_reserved(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || ROLES.contains(&name)
}

/// Whether a subject is an open group or the anonymous user.
pub(crate) fn is_open_group(subject: &Subject) -> bool {
    OPEN_GROUPS.contains(&subject.name.as_str())
        || subject.name.starts_with("system:serviceaccounts:")
        || subject.name == "system:anonymous"
}

fn is_account(namespace: &str, name: &str) -> bool {
    ACCOUNTS.iter().any(|(own, names)| *own == namespace && names.contains(&name))
}

/// Whether a subject is part of the system: its users and groups, and the service accounts of its own parts. Open groups
/// are not, although their names are reserved.
pub(crate) fn is_subject(subject: &Subject) -> bool {
    match subject.kind.as_str() {
        "ServiceAccount" => is_account(&subject.namespace, &subject.name),
        _ if is_open_group(subject) => false,
        _ => {
            let of_account = subject.name.strip_prefix("system:serviceaccount:");
            match of_account.and_then(|rest| rest.split_once(':')) {
                Some((namespace, name)) => is_account(namespace, name),
                None => PREFIXES.iter().any(|prefix| subject.name.starts_with(prefix)),
            }
        }
    }
}

/// Whether Kubernetes or EKS created a binding.
pub(crate) fn is_binding(binding: &Binding) -> bool {
    // Users can create bindings with a reserved name, so the role must be the system's too.
    is_reserved(&binding.name)
        && (is_reserved(&binding.role) || binding.role == "cluster-admin" && binds_system(binding))
        || binding.name == "cluster-admin" && binds_system(binding)
}

fn binds_system(binding: &Binding) -> bool {
    binding.subjects.iter().all(is_subject)
}

/// Whether Kubernetes or EKS created a role.
pub(crate) fn is_role(role: &Role) -> bool {
    role.is_builtin || is_reserved(&role.name)
}

/// Whether EKS created a webhook configuration.
pub(crate) fn is_webhook_configuration(name: &str) -> bool {
    WEBHOOKS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(kind: &str, namespace: &str, name: &str) -> Subject {
        Subject { kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    #[test]
    fn subjects_of_the_system_are_known_and_crowds_are_not_among_them() {
        for (kind, namespace, name, of_system) in [
            ("Group", "", "system:masters", true),
            ("Group", "", "system:nodes", true),
            ("User", "", "eks:addon-manager", true),
            ("User", "", "system:kube-scheduler", true),
            ("ServiceAccount", "kube-system", "aws-node", true),
            ("ServiceAccount", "kube-system", "aws-load-balancer-controller", false),
            ("ServiceAccount", "kube-system", "cluster-autoscaler", false),
            ("ServiceAccount", "web", "aws-node", false),
            ("User", "", "system:serviceaccount:kube-system:external-dns", false),
            ("User", "", "system:serviceaccount:kube-system:aws-node", true),
            ("ServiceAccount", "web", "front", false),
            ("User", "", "system:serviceaccount:web:front", false),
            ("User", "", "system:anonymous", false),
            ("Group", "", "system:authenticated", false),
            ("Group", "", "system:serviceaccounts:web", false),
            ("User", "", "alice", false),
        ] {
            assert_eq!(is_subject(&subject(kind, namespace, name)), of_system, "{kind} {name}");
        }
    }

    #[test]
    fn a_reserved_name_does_not_hide_a_binding_to_a_role_that_somebody_wrote() {
        let binding = |name: &str, role: &str, who: Subject| Binding {
            name: name.into(),
            role: role.into(),
            of_cluster_role: true,
            subjects: vec![who],
            ..Binding::default()
        };
        let alice = || subject("User", "", "alice");
        assert!(is_binding(&binding(
            "system:public-info-viewer",
            "system:public-info-viewer",
            subject("Group", "", "system:unauthenticated")
        )));
        assert!(is_binding(&binding("cluster-admin", "cluster-admin", subject("Group", "", "system:masters"))));
        assert!(!is_binding(&binding("system:mine", "my-role", alice())));
        assert!(!is_binding(&binding("system:mine", "cluster-admin", alice())));
        assert!(!is_binding(&binding("cluster-admin", "cluster-admin", alice())));
    }
}
