//! What runs: pods, put together by the controller that runs them, as far as questions look.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use kube::ResourceExt as _;

/// Pods of one controller, or one pod without any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Workload {
    /// The namespace.
    pub(crate) namespace: String,
    /// `Deployment`, `DaemonSet`, `Job`, `Pod` …
    pub(crate) kind: String,
    /// Its name.
    pub(crate) name: String,
    /// How many pods.
    pub(crate) pods: usize,
    /// The service account.
    pub(crate) service_account: String,
    /// `automountServiceAccountToken` of the pods.
    pub(crate) automount: Option<bool>,
    /// `hostPID`.
    pub(crate) host_pid: bool,
    /// `hostIPC`.
    pub(crate) host_ipc: bool,
    /// `hostNetwork`.
    pub(crate) host_network: bool,
    /// Whether the pods are for Windows, where Linux's rules do not hold.
    pub(crate) is_windows: bool,
    /// Init containers, containers and ephemeral containers.
    pub(crate) containers: Vec<Container>,
}

/// A container with what its pod's security context gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Container {
    /// Its name.
    pub(crate) name: String,
    /// Its image.
    pub(crate) image: String,
    /// Its command line.
    pub(crate) arguments: Vec<String>,
    /// `privileged`.
    pub(crate) is_privileged: bool,
    /// `allowPrivilegeEscalation`; Kubernetes' default is true.
    pub(crate) may_escalate: bool,
    /// Whether it can be root: neither `runAsNonRoot` nor a user other than 0.
    pub(crate) may_be_root: bool,
    /// Capabilities that are added.
    pub(crate) added: Vec<String>,
    /// Capabilities that are dropped.
    pub(crate) dropped: Vec<String>,
    /// Whether a seccomp profile other than Unconfined holds.
    pub(crate) has_seccomp: bool,
    /// Names of Secrets that come in as environment variables.
    pub(crate) secrets_as_env: Vec<String>,
}

impl Workload {
    /// How findings name it: `web/Deployment/front`.
    pub(crate) fn resource(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.kind, self.name)
    }

    /// What its pods and those of `other` have in common.
    fn is_same(&self, other: &Self) -> bool {
        (&self.namespace, &self.kind, &self.name) == (&other.namespace, &other.kind, &other.name)
    }
}

/// A pod as a workload of one; `None` for one that has ended.
pub(crate) fn of_pod(pod: &core::Pod) -> Option<Workload> {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return None;
    }
    let spec = pod.spec.as_ref()?;
    let (kind, name) = controller(pod);
    let inherited = spec.security_context.as_ref();
    let every = spec.init_containers.iter().flatten().chain(&spec.containers);
    let mut containers: Vec<Container> = every.map(|container| container_of(container, inherited)).collect();
    containers.extend(spec.ephemeral_containers.iter().flatten().map(|container| {
        let same = core::Container {
            name: container.name.clone(),
            image: container.image.clone(),
            env: container.env.clone(),
            env_from: container.env_from.clone(),
            security_context: container.security_context.clone(),
            ..core::Container::default()
        };
        container_of(&same, inherited)
    }));
    let by_os = spec.os.as_ref().map(|os| os.name == "windows");
    let by_selector = || {
        spec.node_selector.as_ref().and_then(|labels| labels.get("kubernetes.io/os")).is_some_and(|os| os == "windows")
    };
    Some(Workload {
        namespace: pod.namespace().unwrap_or_default(),
        kind,
        name,
        pods: 1,
        service_account: spec.service_account_name.clone().unwrap_or_else(|| "default".to_owned()),
        automount: spec.automount_service_account_token,
        host_pid: spec.host_pid.unwrap_or(false),
        host_ipc: spec.host_ipc.unwrap_or(false),
        host_network: spec.host_network.unwrap_or(false),
        is_windows: by_os.unwrap_or_else(by_selector),
        containers,
    })
}

/// Who runs a pod, under a name that the next run has again: a ReplicaSet's Deployment, a Job's CronJob.
fn controller(pod: &core::Pod) -> (String, String) {
    let owner = pod.owner_references().iter().find(|owner| owner.controller == Some(true));
    let Some(owner) = owner else { return ("Pod".to_owned(), pod.name_any()) };
    let hash = pod.labels().get("pod-template-hash");
    match (owner.kind.as_str(), hash) {
        ("ReplicaSet", Some(hash)) => match owner.name.strip_suffix(hash.as_str()) {
            Some(name) => ("Deployment".to_owned(), name.trim_end_matches('-').to_owned()),
            None => ("ReplicaSet".to_owned(), owner.name.clone()),
        },
        // A CronJob names its Jobs with the minute of their schedule after a dash.
        ("Job", _) => match owner.name.rsplit_once('-') {
            Some((name, minute)) if minute.len() == 8 && minute.bytes().all(|byte| byte.is_ascii_digit()) => {
                ("CronJob".to_owned(), name.to_owned())
            }
            _ => ("Job".to_owned(), owner.name.clone()),
        },
        // The mirror of a static pod is named after its node, which is its owner.
        ("Node", _) => ("Pod".to_owned(), pod.name_any()),
        (kind, _) => (kind.to_owned(), owner.name.clone()),
    }
}

fn container_of(container: &core::Container, pod: Option<&core::PodSecurityContext>) -> Container {
    let own = container.security_context.as_ref();
    let capabilities = own.and_then(|own| own.capabilities.as_ref());
    let non_root = own.and_then(|own| own.run_as_non_root).or(pod.and_then(|pod| pod.run_as_non_root));
    let user = own.and_then(|own| own.run_as_user).or(pod.and_then(|pod| pod.run_as_user));
    let seccomp = own
        .and_then(|own| own.seccomp_profile.as_ref())
        .or(pod.and_then(|pod| pod.seccomp_profile.as_ref()))
        .map(|profile| profile.type_.as_str());
    let of_variables = container.env.iter().flatten().filter_map(|variable| {
        let source = variable.value_from.as_ref()?.secret_key_ref.as_ref()?;
        Some(source.name.clone())
    });
    let of_sets = container.env_from.iter().flatten().filter_map(|set| Some(set.secret_ref.as_ref()?.name.clone()));
    let mut secrets_as_env: Vec<String> = of_variables.chain(of_sets).collect();
    secrets_as_env.sort();
    secrets_as_env.dedup();
    let is_privileged = own.and_then(|own| own.privileged).unwrap_or(false);
    Container {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        arguments: container.command.iter().flatten().chain(container.args.iter().flatten()).cloned().collect(),
        is_privileged,
        may_escalate: is_privileged || own.and_then(|own| own.allow_privilege_escalation).unwrap_or(true),
        may_be_root: non_root != Some(true) && user.is_none_or(|user| user == 0),
        added: capabilities.and_then(|both| both.add.clone()).unwrap_or_default(),
        dropped: capabilities.and_then(|both| both.drop.clone()).unwrap_or_default(),
        has_seccomp: seccomp.is_some_and(|kind| kind != "Unconfined"),
        secrets_as_env,
    }
}

/// One entry per controller. Pods of one controller differ only while it is being changed; then the containers of all count.
pub(crate) fn together(pods: Vec<Workload>) -> Vec<Workload> {
    let mut by_name: BTreeMap<String, Workload> = BTreeMap::new();
    for pod in pods {
        match by_name.get_mut(&pod.resource()) {
            Some(known) if known.is_same(&pod) => {
                known.pods += 1;
                known.host_pid |= pod.host_pid;
                known.host_ipc |= pod.host_ipc;
                known.host_network |= pod.host_network;
                known.automount = if known.automount == Some(false) { pod.automount } else { known.automount };
                for container in pod.containers {
                    if !known.containers.contains(&container) {
                        known.containers.push(container);
                    }
                }
            }
            _ => {
                by_name.insert(pod.resource(), pod);
            }
        }
    }
    by_name.into_values().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(metadata: Value, spec: Value) -> Option<Workload> {
        of_pod(&serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap())
    }

    fn owned(kind: &str, name: &str, labels: Value) -> (String, String) {
        let owner = json!([{"apiVersion": "v1", "kind": kind, "name": name, "uid": "u", "controller": true}]);
        let metadata = json!({"name": "p", "namespace": "n", "labels": labels, "ownerReferences": owner});
        let workload = pod(metadata, json!({"containers": []})).unwrap();
        (workload.kind, workload.name)
    }

    #[test]
    fn a_pod_is_named_after_who_runs_it() {
        let named = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        let hash = json!({"pod-template-hash": "6d4cf56db6"});
        assert_eq!(owned("ReplicaSet", "web-6d4cf56db6", hash), named("Deployment", "web"));
        assert_eq!(owned("ReplicaSet", "web", json!({})), named("ReplicaSet", "web"));
        assert_eq!(owned("Job", "nightly-29387520", json!({})), named("CronJob", "nightly"));
        assert_eq!(owned("Job", "migrate-1", json!({})), named("Job", "migrate-1"));
        assert_eq!(owned("DaemonSet", "agent", json!({})), named("DaemonSet", "agent"));
        assert_eq!(owned("Node", "ip-10-0-0-1", json!({})), named("Pod", "p"));
    }

    #[test]
    fn a_container_inherits_from_its_pod_and_overrides_it() {
        let spec = json!({
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {"name": "a", "image": "i"},
                {"name": "b", "image": "i", "securityContext": {"runAsNonRoot": false, "seccompProfile": {"type": "Unconfined"}}},
                {"name": "c", "image": "i", "securityContext": {"runAsNonRoot": false, "runAsUser": 1000,
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}},
            ],
        });
        let workload = pod(json!({"name": "p", "namespace": "n"}), spec).unwrap();
        let actual: Vec<_> = workload
            .containers
            .iter()
            .map(|c| (c.may_be_root, c.has_seccomp, c.may_escalate, c.dropped.len()))
            .collect();
        assert_eq!(actual, [(false, true, true, 0), (true, false, true, 0), (false, true, false, 1)]);
    }

    #[test]
    fn secrets_as_variables_are_named_once_and_ended_pods_do_not_count() {
        let reference = |name: &str| json!({"name": "V", "valueFrom": {"secretKeyRef": {"name": name, "key": "k"}}});
        let spec = json!({"containers": [{"name": "a", "env": [reference("s"), reference("s"), {"name": "X", "value": "y"}],
            "envFrom": [{"secretRef": {"name": "t"}}, {"configMapRef": {"name": "c"}}]}]});
        let workload = pod(json!({"name": "p", "namespace": "n"}), spec).unwrap();
        assert_eq!(workload.containers[0].secrets_as_env, ["s", "t"]);
        let ended = json!({"metadata": {"name": "p"}, "spec": {"containers": []}, "status": {"phase": "Succeeded"}});
        assert_eq!(of_pod(&serde_json::from_value(ended).unwrap()), None);
    }

    #[test]
    fn pods_of_one_controller_are_one_workload_with_the_containers_of_all() {
        let one = |name: &str, image: &str, host_pid: bool| Workload {
            namespace: "n".into(),
            kind: "Deployment".into(),
            name: name.into(),
            pods: 1,
            host_pid,
            containers: vec![Container { image: image.into(), ..Container::default() }],
            ..Workload::default()
        };
        let all = together(vec![one("a", "1", false), one("a", "1", false), one("a", "2", true), one("b", "1", false)]);
        let actual: Vec<_> = all.iter().map(|w| (w.name.as_str(), w.pods, w.containers.len(), w.host_pid)).collect();
        assert_eq!(actual, [("a", 3, 2, true), ("b", 1, 1, false)]);
    }
}
