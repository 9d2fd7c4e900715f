//! Facts of a small, clean cluster, to be spoiled by tests.

use std::collections::BTreeMap;

use amiproof_core::aws::access::Association;
use amiproof_core::aws::control_plane::{AddonVersion, ControlPlane};
use amiproof_core::aws::node_roles::RolePolicies;
use amiproof_core::aws::registry::Scanning;
use amiproof_core::check::Decision;
use amiproof_model::verdict::Verdict;

use super::account::{Account, NodeRole};
use super::admission::Admission;
use super::kubernetes::{Namespace, Node, ServiceAccount};
use super::pods::{Container, Workload};
use super::rbac::{Binding, Rbac, Role, Rule, Subject};
use super::{Facts, Unreadable};
use crate::eks_cis::access_policies::CLUSTER_ADMIN;
use crate::eks_cis::question::Question;

/// A cluster in which every question that can pass does: a namespace `web` with one careful Deployment.
pub(crate) fn clean() -> Facts {
    Facts {
        cluster: "c".to_owned(),
        made_by_us: false,
        approved_registries: None,
        namespaces: Ok(vec![
            namespace("default", None),
            namespace("kube-system", None),
            namespace("web", Some("restricted")),
        ]),
        workloads: Ok(vec![agent(), front()]),
        service_accounts: Ok(vec![
            account("default", "default", Some(false)),
            account("web", "default", Some(false)),
            account("web", "front", None),
        ]),
        rbac: Ok(Rbac { roles: vec![cluster_admin()], bindings: vec![masters()] }),
        network_policies: Ok(BTreeMap::from([("web".to_owned(), 1), ("default".to_owned(), 1)])),
        exposed: Ok(Vec::new()),
        default_services: Ok(vec!["kubernetes".to_owned()]),
        nodes: Ok(vec![node("ip-10-0-0-1")]),
        admission: Ok(Admission {
            pod_webhooks: vec!["policy.sigstore.dev/policy.sigstore.dev".to_owned()],
            kinds: vec!["externalsecrets.external-secrets.io".to_owned()],
            ..Admission::default()
        }),
        csi_drivers: Ok(Vec::new()),
        opaque_secrets: Ok(BTreeMap::new()),
        aws_auth: Ok(None),
        protects_kernel: Ok(vec![("ip-10-0-0-1".to_owned(), Ok(true))]),
        account: Ok(in_account()),
    }
}

/// The account of [`clean`].
pub(crate) fn in_account() -> Account {
    let role = NodeRole {
        groups: vec!["nodes".to_owned()],
        policies: Ok(RolePolicies {
            managed: vec!["arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy".to_owned()],
            inline: Vec::new(),
        }),
        may_change_registry: Ok(Vec::new()),
    };
    Account {
        id: Ok("111122223333".to_owned()),
        region: "us-west-2".to_owned(),
        control_plane: Ok(ControlPlane {
            logs: vec!["audit".to_owned()],
            public_access: false,
            private_access: true,
            public_cidrs: Vec::new(),
            secrets_keys: vec!["arn:aws:kms:us-west-2:111122223333:key/1".to_owned()],
            authentication_mode: Some("API".to_owned()),
            subnet_ids: Vec::new(),
        }),
        identity_providers: Ok(Vec::new()),
        fargate: Ok(Vec::new()),
        cni_versions: Ok(vec![offered("v1.21.1-eksbuild.1", false), offered("v1.20.4-eksbuild.1", true)]),
        principals: Ok(vec!["arn:aws:iam::111122223333:role/ops".to_owned()]),
        associations: Ok(vec![administrator("ops")]),
        caller: Ok("arn:aws:sts::111122223333:assumed-role/ops/session".to_owned()),
        node_roles: Ok(BTreeMap::from([("arn:aws:iam::111122223333:role/node".to_owned(), role)])),
        public_addresses: Ok(BTreeMap::new()),
        public_subnets: Ok(Vec::new()),
        scanning: Ok(Scanning { kind: "ENHANCED".to_owned(), patterns: vec!["*".to_owned()] }),
        repositories: Ok(Vec::new()),
        repository_policies: Ok(BTreeMap::new()),
        load_balancers: Ok(Vec::new()),
    }
}

/// A version of the VPC CNI that EKS offers.
pub(crate) fn offered(name: &str, is_default: bool) -> AddonVersion {
    AddonVersion { name: name.to_owned(), is_default }
}

/// A role that administers the cluster by access entry.
pub(crate) fn administrator(role: &str) -> Association {
    Association {
        principal: format!("arn:aws:iam::111122223333:role/{role}"),
        policy: CLUSTER_ADMIN.to_owned(),
        namespaces: None,
    }
}

/// The account of some facts, to be spoiled.
pub(crate) fn account_of(facts: &mut Facts) -> &mut Account {
    facts.account.as_mut().unwrap()
}

/// A namespace with or without `pod-security.kubernetes.io/enforce`.
pub(crate) fn namespace(name: &str, enforce: Option<&str>) -> Namespace {
    let labels = enforce.map(|level| ("pod-security.kubernetes.io/enforce".to_owned(), level.to_owned()));
    Namespace { name: name.to_owned(), labels: labels.into_iter().collect() }
}

/// A service account.
pub(crate) fn account(namespace: &str, name: &str, automount: Option<bool>) -> ServiceAccount {
    ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned(), automount }
}

/// A node without a public address.
pub(crate) fn node(name: &str) -> Node {
    Node { name: name.to_owned(), external_ips: Vec::new(), hostname: name.to_owned(), is_windows: false }
}

/// A container as the restricted profile wants it.
pub(crate) fn careful() -> Container {
    Container {
        name: "app".to_owned(),
        image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/web/front:1".to_owned(),
        dropped: vec!["ALL".to_owned()],
        has_seccomp: true,
        ..Container::default()
    }
}

/// The Deployment of [`clean`].
pub(crate) fn front() -> Workload {
    Workload {
        namespace: "web".to_owned(),
        kind: "Deployment".to_owned(),
        name: "front".to_owned(),
        pods: 2,
        service_account: "front".to_owned(),
        automount: Some(false),
        containers: vec![careful()],
        ..Workload::default()
    }
}

/// The VPC CNI with its switch for NetworkPolicies on.
pub(crate) fn agent() -> Workload {
    let container = |name: &str, image: &str, arguments: &[&str]| Container {
        name: name.to_owned(),
        image: format!("602401143452.dkr.ecr.us-west-2.amazonaws.com/{image}"),
        arguments: arguments.iter().map(ToString::to_string).collect(),
        is_privileged: true,
        may_escalate: true,
        may_be_root: true,
        ..Container::default()
    };
    Workload {
        namespace: "kube-system".to_owned(),
        kind: "DaemonSet".to_owned(),
        name: "aws-node".to_owned(),
        pods: 1,
        service_account: "aws-node".to_owned(),
        host_network: true,
        containers: vec![
            container("aws-node", "amazon-k8s-cni:v1.21.1-eksbuild.1", &[]),
            container("aws-eks-nodeagent", "amazon/aws-network-policy-agent:v1.3.1", &["--enable-network-policy=true"]),
        ],
        ..Workload::default()
    }
}

/// The workload of [`clean`] that tests spoil.
pub(crate) fn spoil(facts: &mut Facts, change: impl FnOnce(&mut Workload)) {
    change(facts.workloads.as_mut().unwrap().iter_mut().find(|workload| workload.name == "front").unwrap());
}

fn cluster_admin() -> Role {
    Role { name: "cluster-admin".to_owned(), is_builtin: true, rules: vec![rule("*", "*", "*")], ..Role::default() }
}

fn masters() -> Binding {
    bound(None, "cluster-admin", "cluster-admin", subject("Group", "system:masters"))
}

/// A rule of one verb, group and resource.
pub(crate) fn rule(verb: &str, group: &str, resource: &str) -> Rule {
    Rule {
        verbs: vec![verb.to_owned()],
        groups: vec![group.to_owned()],
        resources: vec![resource.to_owned()],
        names: Vec::new(),
    }
}

/// A user or group.
pub(crate) fn subject(kind: &str, name: &str) -> Subject {
    Subject { kind: kind.to_owned(), namespace: String::new(), name: name.to_owned() }
}

/// A binding of a ClusterRole.
pub(crate) fn bound(namespace: Option<&str>, name: &str, role: &str, who: Subject) -> Binding {
    Binding {
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        of_cluster_role: true,
        role: role.to_owned(),
        subjects: vec![who],
        ..Binding::default()
    }
}

/// Adds a ClusterRole `made` of one rule and a binding of it.
pub(crate) fn grant(facts: &mut Facts, namespace: Option<&str>, rule: Rule, who: Subject) {
    let rbac = facts.rbac.as_mut().unwrap();
    rbac.roles.push(Role { name: "made".to_owned(), rules: vec![rule], ..Role::default() });
    rbac.bindings.push(bound(namespace, "made", "made", who));
}

/// Answers a question.
pub(crate) fn asked(question: &Question, facts: &Facts) -> Decision {
    (question.assess)(facts).unwrap()
}

/// The outcome of a question for some facts in one word, with the resources of its findings.
pub(crate) fn outcome_of(question: &Question, facts: &Facts) -> String {
    match (question.assess)(facts).map(|decision| decision.verdict) {
        Ok(Verdict::Pass) => "pass".to_owned(),
        Ok(Verdict::Fail(findings)) => {
            assert!(findings.iter().all(|finding| !finding.remediation.is_empty()), "{findings:#?}");
            let resources: Vec<&str> = findings.iter().map(|finding| finding.resource.as_str()).collect();
            format!("fail {}", resources.join(", "))
        }
        Ok(Verdict::Manual(_)) => "manual".to_owned(),
        Ok(Verdict::NotApplicable(_)) => "not applicable".to_owned(),
        Ok(Verdict::NotEvaluated(_)) => "not evaluated".to_owned(),
        Err(Unreadable::NoAccount) => "no account".to_owned(),
        Err(Unreadable::Denied(_)) => "denied".to_owned(),
        Err(Unreadable::Unavailable(_)) => "broken".to_owned(),
    }
}
