//! A new revision of a pod template: another annotation, and a variable for the containers.

use serde_json::{Value, json};

use crate::cluster::pod_template::{Given, pod_template, with_variable};

/// The annotation of pods of the new revision.
pub const MARK: &str = "amiproof.dev/revision";

/// The variable with [`REVISION`] in containers of the new revision; those of the first one lack it.
pub const VARIABLE: &str = "AMIPROOF_REVISION";

/// The name of the new revision.
pub const REVISION: &str = "2";

/// The object with the new template.
pub fn updated(mut object: Value) -> Value {
    if let Some(template) = pod_template(&mut object) {
        template["metadata"]["annotations"][MARK] = json!(REVISION);
    }
    with_variable(object, VARIABLE, REVISION, Given::Always)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_changes_the_template_and_nothing_else() {
        let object = json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a"}]}}}});
        let wanted = json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2, "template": {
            "metadata": {"labels": {"app": "web"}, "annotations": {"amiproof.dev/revision": "2"}},
            "spec": {"containers": [{"name": "a", "env": [{"name": "AMIPROOF_REVISION", "value": "2"}]}]}}}});
        assert_eq!(updated(object), wanted);
    }
}
