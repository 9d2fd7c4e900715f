//! The Kubernetes objects of a workload file: what amiproof must know about them before it applies them.

use super::{Owner, Reader};
use crate::problem::instead;
use crate::workload::{Expectation, PLACE_ANNOTATION, PLACE_PEER, REPLICAS_ANNOTATION, REPLICAS_AS_FIT};
use crate::yaml::{Node, Value};

/// An object with its identity.
pub(super) struct Object<'a> {
    pub(super) node: &'a Node,
    /// `file:line:column` of its document.
    pub(super) origin: String,
    owner: Owner,
    /// The API group without the version; empty for the core group.
    group: &'a str,
    kind: &'a str,
    name: &'a str,
}

/// Kinds with ready replicas, as written in expectations.
const WITH_REPLICAS: [&str; 4] = ["deployment", "statefulset", "daemonset", "pod"];
/// Kinds that run to completion.
const WITH_AN_END: [&str; 2] = ["job", "pod"];
/// Kinds that can respond to a client.
const SERVERS: [&str; 4] = ["deployment", "statefulset", "daemonset", "pod"];
/// Kinds whose pods are replaced one by one when their template changes.
const WITH_A_TEMPLATE: [&str; 3] = ["deployment", "statefulset", "daemonset"];
/// Kinds whose pods are recreated elsewhere.
const SCHEDULED: [&str; 2] = ["deployment", "statefulset"];

/// The objects that an expectation names: the key in the expectation, its value, and the permitted kinds.
pub(super) fn named_by(expectation: &Expectation) -> Vec<(&'static str, &str, &'static [&'static str])> {
    match expectation {
        Expectation::Ready(target) => vec![("ready", target, &WITH_REPLICAS)],
        Expectation::Complete(target) => vec![("complete", target, &WITH_AN_END)],
        Expectation::Bound(target) => vec![("bound", target, &["pvc"])],
        Expectation::Reaches { client, server } => {
            vec![("reaches.client", client, &WITH_AN_END), ("reaches.server", server, &SERVERS)]
        }
        Expectation::Fired(target) => vec![("fired", target, &["cronjob"])],
        Expectation::Scaled(target) => vec![("scaled", target, &["hpa"])],
        Expectation::OomKilled(target) => vec![("oomKilled", target, &WITH_AN_END)],
        Expectation::NoSlower { target, than } => {
            vec![("noSlower.target", target, &["job"]), ("noSlower.than", than, &["job"])]
        }
        Expectation::Updated(target) => vec![("updated", target, &WITH_A_TEMPLATE)],
        Expectation::RolledBack(target) => vec![("rolledBack", target, &WITH_A_TEMPLATE)],
        Expectation::Rescheduled(target) => vec![("rescheduled", target, &SCHEDULED)],
        Expectation::Evicted { target, budget } => {
            vec![("evicted.target", target, &SCHEDULED), ("evicted.budget", budget, &["pdb"])]
        }
    }
}

/// Cluster-scoped kinds of the standard API (Kubernetes API reference). They would outlive the run's namespace, or
/// change the cluster for all variants at once.
const CLUSTER_SCOPED: [&str; 22] = [
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ComponentStatus",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
];

/// Whether a kind of the standard API is cluster-scoped.
pub fn is_cluster_scoped(kind: &str) -> bool {
    CLUSTER_SCOPED.contains(&kind)
}

/// Reads the identity of a document's object, and adds problems.
pub(super) fn read<'a>(reader: &mut Reader, node: &'a Node, owner: Owner) -> Option<Object<'a>> {
    if !matches!(node.value, Value::Map(_)) {
        reader.problem(
            node.place,
            "",
            "a document that is not a Kubernetes object",
            "write apiVersion, kind and metadata, or remove it",
        );
        return None;
    }
    let mut text = |path: &str, value: Option<&'a Node>, help: &str| {
        let text = value.and_then(Node::text).filter(|text| !text.is_empty());
        if text.is_none() {
            reader.problem(value.map_or(node.place, |value| value.place), path, "missing, or not text", help);
        }
        text
    };
    let api_version = text("apiVersion", node.get("apiVersion"), "add apiVersion: v1, apps/v1, batch/v1 ...");
    let kind = text("kind", node.get("kind"), "add kind: Deployment, Service, Job ...");
    let name = text(
        "metadata.name",
        node.get("metadata").and_then(|metadata| metadata.get("name")),
        "add metadata: {name: ...}",
    );
    let (api_version, kind, name) = (api_version?, kind?, name?);
    check_scope(reader, node, kind, owner);
    check_name(reader, node, name);
    check_placement(reader, node);
    check_containers(reader, node, kind);
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let origin = format!("{}:{}:{}", reader.file, node.place.line, node.place.column);
    Some(Object { node, origin, owner, group, kind, name })
}

/// The path of the pod template in a kind.
fn pod_spec(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Pod" => Some(&["spec"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        "DaemonSet" | "Deployment" | "Job" | "ReplicaSet" | "StatefulSet" => Some(&["spec", "template", "spec"]),
        _ => None,
    }
}

/// The API server would reject it too, but only once there is a cluster.
fn check_containers(reader: &mut Reader, node: &Node, kind: &str) {
    let Some(path) = pod_spec(kind) else { return };
    let Some(spec) = path.iter().try_fold(node, |node, key| node.get(key)) else { return };
    let containers = spec.get("containers");
    if matches!(containers.map(|containers| &containers.value), Some(Value::List(all)) if !all.is_empty()) {
        return;
    }
    let place = containers.map_or(spec.place, |there| there.place);
    let path = format!("{}.containers", path.join("."));
    reader.problem(
        place,
        &path,
        format!("a {kind} without a container"),
        "write containers: [{name: ..., image: ...}]",
    );
}

fn check_scope(reader: &mut Reader, node: &Node, kind: &str, owner: Owner) {
    let at = node.place_of("kind");
    if is_cluster_scoped(kind) {
        let message = format!("a {kind} is cluster-scoped: it would affect every variant and outlive the run");
        let help = match owner {
            Owner::Own => "use only namespaced kinds".to_owned(),
            Owner::Foreign => format!("render it without, or leave it out with spec.from.skip: [{kind}]"),
        };
        reader.problem(at, "kind", message, help);
    }
    if kind == "List" {
        reader.problem(at, "kind", "a List hides the objects in it", "write each object as a document of its own");
    }
    let has_namespace = node.get("metadata").and_then(|metadata| metadata.get("namespace")).is_some();
    if owner == Owner::Own && has_namespace {
        let message = "namespaces are amiproof's: each variant gets one of its own";
        reader.problem(node.place_of("metadata.namespace"), "metadata.namespace", message, "remove the key");
    }
}

/// Pods and Services need DNS labels, most other kinds DNS subdomains (Kubernetes, "Object names and IDs").
fn check_name(reader: &mut Reader, node: &Node, name: &str) {
    let is_legal = name.len() <= 63
        && name.split('.').all(|label| {
            label.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        });
    if !is_legal {
        let help =
            "write at most 63 lower-case letters, digits, '-' and '.', starting and ending with a letter or digit";
        reader.problem(
            node.place_of("metadata.name"),
            "metadata.name",
            format!("'{name}' is not a valid object name"),
            help,
        );
    }
}

fn check_placement(reader: &mut Reader, node: &Node) {
    for path in ["metadata", "spec.template.metadata", "spec.jobTemplate.spec.template.metadata"] {
        let metadata = path.split('.').try_fold(node, |node, key| node.get(key));
        let Some(Value::Map(annotations)) = metadata.and_then(|node| node.get("annotations")).map(|node| &node.value)
        else {
            continue;
        };
        for entry in annotations.iter().filter(|entry| entry.key.starts_with("amiproof.dev/")) {
            let at = format!("{path}.annotations");
            let (legal, otherwise) = match entry.key.as_str() {
                PLACE_ANNOTATION => (PLACE_PEER, "any node of the variant"),
                REPLICAS_ANNOTATION => (REPLICAS_AS_FIT, "exactly spec.replicas pods"),
                unknown => {
                    let help = instead(unknown, &[PLACE_ANNOTATION, REPLICAS_ANNOTATION]);
                    reader.problem(entry.place, &at, format!("unknown annotation '{unknown}'"), help);
                    continue;
                }
            };
            if entry.value.text() != Some(legal) {
                let help = format!("write {legal}, or remove the annotation for {otherwise}");
                reader.problem(entry.value.place, &at, format!("{} has no such value", entry.key), help);
            }
        }
    }
}

/// Adds a problem for each duplicate object.
pub(super) fn check_duplicates(reader: &mut Reader, objects: &[Object<'_>], new: usize) {
    for (index, object) in objects.iter().enumerate().skip(new) {
        let same =
            |other: &&Object<'_>| (other.group, other.kind, other.name) == (object.group, object.kind, object.name);
        if let Some(earlier) = objects[..index].iter().find(same) {
            let message =
                format!("{} {} is already defined on line {}", object.kind, object.name, earlier.node.place.line);
            reader.problem(object.node.place, "", message, "rename or remove one of the two");
        }
    }
}

/// Finds an object that an expectation names (`deployment/web`), or returns the problem with its correction.
pub(super) fn find(target: &str, kinds: &[&str], objects: &[Object<'_>]) -> Result<(), (String, String)> {
    let candidates: Vec<String> = objects.iter().flat_map(|object| object.targets(kinds)).collect();
    if candidates.iter().any(|candidate| candidate == target) {
        return Ok(());
    }
    let known: Vec<&str> = candidates.iter().map(String::as_str).collect();
    let word = target.split_once('/').map_or("", |(kind, _)| kind);
    if !kinds.contains(&word) {
        let help =
            if known.is_empty() { format!("write {}/name", kinds.join("/name or ")) } else { instead(target, &known) };
        return Err((format!("'{target}' does not name a {}", kinds.join(" or ")), help));
    }
    let help = if known.is_empty() { "add the object to this workload".to_owned() } else { instead(target, &known) };
    Err((format!("no object of this workload is {target}"), help))
}

/// Checks that a service account is one of the objects; otherwise returns the correction.
pub(super) fn service_account(name: &str, objects: &[Object<'_>]) -> Result<(), (String, String)> {
    let is_account = |object: &&Object<'_>| object.group.is_empty() && object.kind == "ServiceAccount";
    let known: Vec<&str> = objects.iter().filter(is_account).map(|object| object.name).collect();
    if known.contains(&name) {
        return Ok(());
    }
    let help = match known.is_empty() {
        true => "add the ServiceAccount to this workload: amiproof annotates it with its role".to_owned(),
        false => instead(name, &known),
    };
    Err((format!("no ServiceAccount of this workload is called {name}"), help))
}

impl Object<'_> {
    /// The object as JSON; the namespace of an external manifest is replaced by amiproof's.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let mut json = self.node.to_json();
        if self.owner == Owner::Foreign
            && let Some(metadata) = json["metadata"].as_object_mut()
        {
            metadata.remove("namespace");
        }
        json
    }

    /// The names that expectations of these kinds can use for it and for the objects that it creates.
    fn targets(&self, kinds: &[&str]) -> Vec<String> {
        let word = match (self.group, self.kind) {
            ("apps", "Deployment") => "deployment",
            ("apps", "StatefulSet") => "statefulset",
            ("apps", "DaemonSet") => "daemonset",
            ("", "Pod") => "pod",
            ("batch", "Job") => "job",
            ("batch", "CronJob") => "cronjob",
            ("autoscaling", "HorizontalPodAutoscaler") => "hpa",
            ("policy", "PodDisruptionBudget") => "pdb",
            ("", "PersistentVolumeClaim") => "pvc",
            _ => return Vec::new(),
        };
        let own = format!("{word}/{}", self.name);
        let mut targets: Vec<String> = if kinds.contains(&word) { vec![own] } else { Vec::new() };
        if word == "statefulset" && kinds.contains(&"pvc") {
            targets.extend(self.claims());
        }
        targets
    }

    /// The claims that a StatefulSet creates: template, set and ordinal (Kubernetes, "StatefulSets", stable storage).
    fn claims(&self) -> Vec<String> {
        let spec = self.node.get("spec");
        let replicas = match spec.and_then(|spec| spec.get("replicas")).map(|replicas| &replicas.value) {
            Some(Value::Number { value, .. }) => value.as_u64().unwrap_or(1).min(100),
            _ => 1,
        };
        let Some(Value::List(templates)) =
            spec.and_then(|spec| spec.get("volumeClaimTemplates")).map(|list| &list.value)
        else {
            return Vec::new();
        };
        let names = templates.iter().filter_map(|template| template.get("metadata")?.get("name")?.text());
        names.flat_map(|name| (0..replicas).map(move |ordinal| format!("pvc/{name}-{}-{ordinal}", self.name))).collect()
    }
}
