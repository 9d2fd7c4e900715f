//! Turns the objects of a workload file into those of one variant. Pure.

use amiproof_model::name::{RunId, VariantName};
use amiproof_model::selector::{NodeSelector, Requirement, Test};
use amiproof_model::workload::{PLACE_ANNOTATION, PLACE_PEER, REPLICAS_ANNOTATION, REPLICAS_AS_FIT, WINDOWS_RELEASE};
use k8s_openapi::api::core::v1::Taint;
use serde_json::{Value, json};

use super::variables::Variable;
use crate::cluster::pod_template::{Given, drop_nulls, mirrored, pod_template, with_variable};
use crate::cluster::{FIELD_MANAGER, MANAGED_BY, RUN_LABEL, VARIANT_LABEL, storage};

/// The label with the name of the workload.
pub const WORKLOAD_LABEL: &str = "amiproof.dev/workload";

/// The nodes that pods are pinned to.
#[derive(Clone, Debug, PartialEq)]
pub struct Nodes {
    /// Which labels they have.
    pub selector: NodeSelector,
    /// Taints that the owner of the nodes put on them.
    pub taints: Vec<Taint>,
    /// The release of Windows that they run, as image tags name it (`ltsc2022`); `None` for Linux.
    pub windows_release: Option<String>,
}

/// The input of an injection.
#[derive(Clone, Debug)]
pub struct Injection<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The variant.
    pub variant: &'a VariantName,
    /// The workload's name.
    pub workload: &'a str,
    /// The namespace of all objects.
    pub namespace: &'a str,
    /// The variant's nodes.
    pub own: &'a Nodes,
    /// The nodes for templates with `amiproof.dev/place: peer`; the variant's own nodes without a reference.
    pub peer: &'a Nodes,
    /// The registry that all images are pulled from (`registry.example.com/mirror`).
    pub image_registry: Option<&'a str>,
    /// Maximum number of pods on one of the variant's nodes, for Deployments that fill a node.
    pub capacity: Option<usize>,
    /// Variables for the containers that mention them.
    pub variables: &'a [Variable],
    /// The storage class that claims of [`storage::SHARED_CLASS`] get.
    pub shared_class: Option<&'a str>,
    /// Service accounts of the objects, each with the ARN of the IAM role for its pods.
    pub roles: &'a [(String, String)],
}

/// The annotation of a service account that the webhook of EKS evaluates (EKS user guide, "Assign IAM roles to Kubernetes service
/// accounts").
pub const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";

/// The objects as they are to be applied, in their order.
pub fn inject(objects: &[Value], injection: &Injection<'_>) -> Vec<Value> {
    objects.iter().map(|object| inject_one(object.clone(), injection)).collect()
}

fn inject_one(mut object: Value, injection: &Injection<'_>) -> Value {
    object["metadata"]["namespace"] = json!(injection.namespace);
    label(&mut object["metadata"], injection);
    if object["kind"] == "ServiceAccount"
        && let Some((_, role)) =
            injection.roles.iter().find(|(account, _)| object["metadata"]["name"] == account.as_str())
    {
        object["metadata"]["annotations"][ROLE_ANNOTATION] = json!(role);
    }
    if let Some(capacity) = injection.capacity.filter(|_| fits_itself(&object)) {
        let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
        object["spec"]["replicas"] = json!(wanted.min(capacity as u64).max(1));
    }
    if let Some(template) = pod_template(&mut object) {
        label(&mut template["metadata"], injection);
        let peer = template["metadata"]["annotations"][PLACE_ANNOTATION] == PLACE_PEER;
        let nodes = if peer { injection.peer } else { injection.own };
        place(&mut template["spec"], nodes);
        containers(&mut template["spec"], injection.image_registry, nodes.windows_release.as_deref());
        drop_nulls(template);
    }
    for (name, value) in injection.variables {
        object = with_variable(object, name, value, Given::WhereMentioned);
    }
    // Labels of a volume claim tell sweep whose volume it is.
    let claims = object.pointer_mut("/spec/volumeClaimTemplates").and_then(Value::as_array_mut);
    for claim in claims.into_iter().flatten() {
        label(&mut claim["metadata"], injection);
    }
    storage_classes(&mut object, injection);
    drop_nulls(&mut object);
    object
}

/// Replaces the storage classes of the catalogue by those of the run and of the cluster.
fn storage_classes(value: &mut Value, injection: &Injection<'_>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member.as_str().filter(|_| key == "storageClassName") {
                    Some(class) if [storage::CLASS, storage::WINDOWS_CLASS].contains(&class) => {
                        *member = json!(storage::class_name(injection.run, class));
                    }
                    Some(storage::SHARED_CLASS) => *member = json!(injection.shared_class),
                    _ => storage_classes(member, injection),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| storage_classes(item, injection)),
        _ => {}
    }
}

/// Whether an object has the replicas that fit on a node.
pub(super) fn fits_itself(object: &Value) -> bool {
    object["metadata"]["annotations"][REPLICAS_ANNOTATION] == REPLICAS_AS_FIT
}

fn label(metadata: &mut Value, injection: &Injection<'_>) {
    let labels = [
        (RUN_LABEL, injection.run.as_str()),
        (VARIANT_LABEL, injection.variant.as_str()),
        (WORKLOAD_LABEL, injection.workload),
        (MANAGED_BY, FIELD_MANAGER),
    ];
    for (name, value) in labels {
        metadata["labels"][name] = json!(value);
    }
}

/// Pins a pod to nodes, with tolerations for their taints.
fn place(spec: &mut Value, nodes: &Nodes) {
    for Requirement { key, test } in nodes.selector.requirements() {
        match test {
            Test::Is(value) => spec["nodeSelector"][key] = json!(value),
            Test::In(values) => require(spec, json!({"key": key, "operator": "In", "values": values})),
            Test::NotIn(values) => require(spec, json!({"key": key, "operator": "NotIn", "values": values})),
            Test::Exists => require(spec, json!({"key": key, "operator": "Exists"})),
            Test::Absent => require(spec, json!({"key": key, "operator": "DoesNotExist"})),
        }
    }
    let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
    for taint in &nodes.taints {
        let mut toleration = json!({"key": taint.key, "operator": "Exists", "effect": taint.effect});
        if let Some(value) = taint.value.as_deref().filter(|value| !value.is_empty()) {
            toleration["operator"] = json!("Equal");
            toleration["value"] = json!(value);
        }
        if !tolerations.contains(&toleration) {
            tolerations.push(toleration);
        }
    }
    if !tolerations.is_empty() {
        spec["tolerations"] = Value::Array(tolerations);
    }
}

/// Adds a condition to the node affinity that a pod must have. Terms are alternatives, so each of the workload's own gets it; one
/// without conditions matches no node (Kubernetes, "Node affinity"), and stays so.
fn require(spec: &mut Value, expression: Value) {
    let terms =
        &mut spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    let Some(own) = terms.as_array_mut().filter(|own| !own.is_empty()) else {
        *terms = json!([{"matchExpressions": [expression]}]);
        return;
    };
    for term in own {
        if let Some(expressions) = term["matchExpressions"].as_array_mut() {
            expressions.push(expression.clone());
        } else if term["matchFields"].is_array() {
            term["matchExpressions"] = json!([expression]);
        }
    }
}

fn containers(spec: &mut Value, registry: Option<&str>, windows_release: Option<&str>) {
    for list in ["initContainers", "containers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            if container["terminationMessagePolicy"].is_null() {
                // A crash then leaves its last words in the pod's status, where no kubelet port is needed to read them.
                container["terminationMessagePolicy"] = json!("FallbackToLogsOnError");
            }
            if let (Some(release), Some(image)) = (windows_release, container["image"].as_str()) {
                container["image"] = json!(image.replace(WINDOWS_RELEASE, release));
            }
            if let (Some(registry), Some(image)) = (registry, container["image"].as_str()) {
                container["image"] = json!(mirrored(image, registry));
            }
        }
    }
}

#[cfg(test)]
mod tests;
