//! Finds and changes the pod template inside an object.

use serde_json::{Map, Value, json};

/// The pod template of a controller, or the pod itself: an object with `metadata` and `spec`.
pub fn pod_template(object: &mut Value) -> Option<&mut Value> {
    match object["kind"].as_str()? {
        "Pod" => Some(object),
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "Job" | "ReplicationController" => {
            object.pointer_mut("/spec/template")
        }
        "CronJob" => object.pointer_mut("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

/// The name of an image in the mirror: the registry is replaced, the path of the repository kept.
pub fn mirrored(image: &str, registry: &str) -> String {
    let path = match image.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => rest,
        _ => image,
    };
    format!("{}/{path}", registry.trim_end_matches('/'))
}

/// The containers that get a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// All of them.
    Always,
    /// To containers whose command, arguments or environment mention it.
    WhereMentioned,
}

/// Adds a variable to the containers of an object's pod template, unless they have one of that name.
pub fn with_variable(mut object: Value, name: &str, value: &str, given: Given) -> Value {
    let Some(template) = pod_template(&mut object) else { return object };
    for list in ["initContainers", "containers"] {
        for container in template["spec"][list].as_array_mut().into_iter().flatten() {
            if given == Given::WhereMentioned && !container.to_string().contains(name) {
                continue;
            }
            let mut variables = container["env"].as_array().cloned().unwrap_or_default();
            if variables.iter().all(|variable| variable["name"] != name) {
                // First, so that the values of the container's own variables can refer to it.
                variables.insert(0, json!({"name": name, "value": value}));
                container["env"] = Value::Array(variables);
            }
        }
    }
    drop_nulls(&mut object);
    object
}

/// Indexing a JSON value for writing creates nulls, which server-side apply would treat as intended.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let kept: Map<String, Value> =
                std::mem::take(fields).into_iter().filter(|(_, value)| !value.is_null()).collect();
            *fields = kept;
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
