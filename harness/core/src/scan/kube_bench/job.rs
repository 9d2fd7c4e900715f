//! kube-bench as a Job on one node.

use std::time::Duration;

use serde_json::{Value, json};

use super::parse::Control;

/// The image, pinned: benchmarks and their numbers change with it. The registry can be overridden as for every image.
pub use crate::images::KUBE_BENCH as IMAGE;

/// The name of the container, and the beginning of the Job's.
pub const NAME: &str = "kube-bench";

/// The version in an image's tag; `None` for an image by digest.
pub fn version(image: &str) -> Option<String> {
    let name = image.rsplit('/').next()?;
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    name.split_once(':').map(|(_, tag)| tag.to_owned())
}

/// What a termination message may hold (4096 bytes, kubelet), with a margin for a character that is cut.
const LAST_WORDS: usize = 4000;

/// Host folders with the files that the node target reads: kubelet state and kubeconfig (AL2, AL2023), units, kubelet configuration
/// (`kubelet-config.json` on AL2, `config.json` on AL2023, `config` and `kubeconfig` on Bottlerocket) and CA certificates.
const HOST_FOLDERS: [(&str, &str); 3] =
    [("var-lib-kubelet", "/var/lib/kubelet"), ("etc-systemd", "/etc/systemd"), ("etc-kubernetes", "/etc/kubernetes")];

/// What kube-bench looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The node that it runs on.
    Node,
    /// Everything that is the same from every node; asks the Kubernetes API.
    Cluster,
}

impl Scope {
    fn targets(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Cluster => "policies,managedservices,controlplane",
        }
    }

    /// Whether a control is of this scope: runs of others may hold both. The compact form does not name targets, but numbers do.
    pub(super) fn includes(self, control: &Control) -> bool {
        let node = if control.target.is_empty() { control.number.starts_with("3.") } else { control.target == "node" };
        node == (self == Self::Node)
    }

    /// Keys that go into the compact form. Titles of 13 node controls fit into a termination message, those of 37 others do not.
    fn compact_keys(self) -> &'static str {
        match self {
            Self::Node => "test_number|test_desc|status|reason",
            Self::Cluster => "test_number|status|reason",
        }
    }
}

/// What differs between Jobs.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The Job's name.
    pub name: &'a str,
    /// What it looks at.
    pub scope: Scope,
    /// `eks-1.8.0`.
    pub benchmark: &'a str,
    /// The node that it must run on.
    pub node: &'a str,
    /// Image with registry.
    pub image: &'a str,
    /// After this long the kubelet ends it.
    pub deadline: Duration,
}

/// Runs kube-bench; the JSON goes to the log, and in compact form to the termination message, which arrives without the kubelet's
/// port 10250.
fn script(scope: Scope, benchmark: &str) -> String {
    let (targets, keys) = (scope.targets(), scope.compact_keys());
    format!(
        r#"if kube-bench run --targets {targets} --benchmark {benchmark} --json > /tmp/result.json 2> /tmp/errors.txt; then
  grep -oE '"({keys})":"([^"\\]|\\.)*"' /tmp/result.json | head -c {LAST_WORDS} > /dev/termination-log
  cat /tmp/result.json
else
  head -c {LAST_WORDS} /tmp/errors.txt > /dev/termination-log
  cat /tmp/errors.txt
  exit 1
fi
"#
    )
}

/// The Job. For the node it sees the host's processes and files; for the cluster it sees nothing of the host, because the policies
/// look for privileged pods and pods with host namespaces (4.2.1, 4.2.2) and would find kube-bench's own.
pub fn manifest(wanted: &Wanted<'_>) -> Value {
    let host = wanted.scope == Scope::Node;
    let folders = if host { &HOST_FOLDERS[..] } else { &[] };
    let volumes: Vec<Value> =
        folders.iter().map(|(name, path)| json!({"name": name, "hostPath": {"path": path}})).collect();
    let mounts: Vec<Value> =
        folders.iter().map(|(name, path)| json!({"name": name, "mountPath": path, "readOnly": true})).collect();
    // Privileged: on SELinux-enforcing hosts (Bottlerocket always) the files are unreadable otherwise (kube-bench issue 1342).
    let rights = if host { json!({"privileged": true}) } else { json!({"allowPrivilegeEscalation": false}) };
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": wanted.name},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": wanted.deadline.as_secs(),
            "template": {
                "metadata": {"labels": {"app": wanted.name}},
                "spec": {
                    "nodeName": wanted.node,
                    "hostPID": host,
                    "hostNetwork": host,
                    "dnsPolicy": "ClusterFirstWithHostNet",
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 1,
                    "serviceAccountName": "default",
                    "automountServiceAccountToken": !host,
                    "tolerations": [{"operator": "Exists"}],
                    "containers": [{
                        "name": NAME,
                        "image": wanted.image,
                        "command": ["sh", "-c", script(wanted.scope, wanted.benchmark)],
                        "securityContext": rights,
                        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
                        "terminationMessagePolicy": "FallbackToLogsOnError",
                        "volumeMounts": mounts,
                    }],
                    "volumes": volumes,
                },
            },
        },
    })
}

/// The right to read what the policies ask for, for the service account of `namespace`. Named rights, not wildcards: kube-bench
/// would find those itself. Secrets are not among them. Without the rights some audits fail and others pass wrongly, because they
/// hide the refusal (4.3.2, 4.5.2).
pub fn read_rights(name: &str, namespace: &str) -> Vec<Value> {
    let rules = [
        (
            "",
            &[
                "configmaps",
                "endpoints",
                "events",
                "limitranges",
                "namespaces",
                "nodes",
                "persistentvolumeclaims",
                "pods",
                "podtemplates",
                "replicationcontrollers",
                "resourcequotas",
                "serviceaccounts",
                "services",
            ][..],
        ),
        ("apps", &["controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"]),
        ("autoscaling", &["horizontalpodautoscalers"]),
        ("batch", &["cronjobs", "jobs"]),
        ("coordination.k8s.io", &["leases"]),
        ("discovery.k8s.io", &["endpointslices"]),
        ("networking.k8s.io", &["ingresses", "networkpolicies"]),
        ("policy", &["poddisruptionbudgets"]),
        ("rbac.authorization.k8s.io", &["clusterrolebindings", "clusterroles", "rolebindings", "roles"]),
    ];
    let rules: Vec<Value> = rules
        .iter()
        .map(|(group, resources)| json!({"apiGroups": [group], "resources": resources, "verbs": ["get", "list"]}))
        .collect();
    let group = "rbac.authorization.k8s.io";
    let version = format!("{group}/v1");
    vec![
        json!({"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}),
        json!({
            "apiVersion": version,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(scope: Scope) -> Wanted<'static> {
        Wanted {
            name: NAME,
            scope,
            benchmark: "eks-1.8.0",
            node: "node-a",
            image: IMAGE,
            deadline: Duration::from_secs(120),
        }
    }

    #[test]
    fn the_node_job_is_as_recorded() {
        insta::assert_json_snapshot!(manifest(&wanted(Scope::Node)));
    }

    #[test]
    fn the_benchmark_is_always_passed_and_only_the_cluster_scope_gets_a_token() {
        for (scope, token) in [(Scope::Node, false), (Scope::Cluster, true)] {
            let job = manifest(&wanted(scope));
            let spec = &job["spec"]["template"]["spec"];
            let script = spec["containers"][0]["command"][2].as_str().unwrap();
            assert!(script.contains("--benchmark eks-1.8.0 --json"), "{script}");
            assert_eq!(spec["automountServiceAccountToken"], token);
        }
    }

    #[test]
    fn the_version_is_the_images_tag() {
        assert_eq!(version(IMAGE).as_deref(), Some("v0.15.6"));
        assert_eq!(version("registry:5000/kube-bench@sha256:00"), None);
        assert_eq!(version("registry:5000/kube-bench:v1@sha256:00").as_deref(), Some("v1"));
    }

    #[test]
    fn the_cluster_job_is_nothing_that_the_policies_look_for() {
        let job = manifest(&wanted(Scope::Cluster));
        let spec = &job["spec"]["template"]["spec"];
        assert_eq!((&spec["hostPID"], &spec["hostNetwork"]), (&json!(false), &json!(false)));
        assert_eq!(spec["volumes"], json!([]));
        assert_eq!(spec["containers"][0]["securityContext"], json!({"allowPrivilegeEscalation": false}));
    }

    #[test]
    fn rights_are_named_and_leave_secrets_out() {
        let [role, binding] = &read_rights("a", "ns")[..] else { panic!("two objects") };
        let text = role.to_string();
        assert!(!text.contains('*') && !text.contains("secrets"), "{text}");
        assert_eq!(binding["subjects"][0]["namespace"], "ns");
    }
}
