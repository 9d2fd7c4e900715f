//! The pod template as it was before [`super::update`].
//!
//! The template is exactly the earlier one, so that the controller finds that revision and does not create a third.

use serde_json::Value;

use super::update::{MARK, VARIABLE};
use crate::cluster::pod_template::pod_template;

/// The object with the earlier template.
pub fn rolled_back(mut object: Value) -> Value {
    let Some(template) = pod_template(&mut object) else { return object };
    if let Some(annotations) = template.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(MARK);
        if annotations.is_empty()
            && let Some(metadata) = template["metadata"].as_object_mut()
        {
            metadata.remove("annotations");
        }
    }
    for list in ["/spec/initContainers", "/spec/containers"] {
        for container in template.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(container) = container.as_object_mut() else { continue };
            let Some(variables) = container.get_mut("env").and_then(Value::as_array_mut) else { continue };
            variables.retain(|variable| variable["name"] != VARIABLE);
            if variables.is_empty() {
                container.remove("env");
            }
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::update::updated;
    use super::*;

    #[test]
    fn what_an_update_changed_is_put_back_to_the_letter() {
        let bare = json!({"kind": "Deployment", "spec": {"template": {"metadata": {"labels": {}},
                          "spec": {"initContainers": [{"name": "i"}], "containers": [{"name": "a"}]}}}});
        let rich = json!({"kind": "StatefulSet", "spec": {"template": {
            "metadata": {"annotations": {"team": "a"}},
            "spec": {"containers": [{"name": "a", "env": [{"name": "HOME", "value": "/"}]}]}}}});
        for object in [bare, rich] {
            let changed = updated(object.clone());
            assert_ne!(changed, object);
            assert_eq!(rolled_back(changed), object);
        }
    }
}
