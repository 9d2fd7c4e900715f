//! What decides on admission beside Pod Security, and which kinds of object the cluster has.

use k8s_openapi::api::admissionregistration::v1 as registration;
use kube::ResourceExt as _;

use crate::eks_cis::system;

/// What admits objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Webhooks that are asked when a pod is created, by configuration and name, EKS's own left out: `kyverno-resource-validating-webhook-cfg/validate.kyverno.svc`.
    pub(crate) pod_webhooks: Vec<String>,
    /// ValidatingAdmissionPolicies that look at pods and are bound.
    pub(crate) pod_policies: Vec<String>,
    /// Names of custom resource definitions: `externalsecrets.external-secrets.io`.
    pub(crate) kinds: Vec<String>,
}

impl Admission {
    /// What may refuse pods, beside Pod Security admission.
    pub(crate) fn guards(&self) -> Vec<&str> {
        self.pod_webhooks.iter().chain(&self.pod_policies).map(String::as_str).collect()
    }

    /// Whether the cluster has a kind of an API group: `external-secrets.io`.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.kinds.iter().any(|kind| kind.split_once('.').is_some_and(|(_, of)| of == group))
    }
}

fn has(list: Option<&Vec<String>>, wanted: &str) -> bool {
    list.into_iter().flatten().any(|entry| entry == "*" || entry == wanted)
}

fn is_about_pods(
    groups: Option<&Vec<String>>,
    resources: Option<&Vec<String>>,
    operations: Option<&Vec<String>>,
) -> bool {
    let pods = has(resources, "pods") || has(resources, "*/*");
    has(groups, "") && pods && has(operations, "CREATE")
}

/// The webhooks of a configuration that are asked about new pods.
pub(crate) fn pod_webhooks(configuration: &registration::ValidatingWebhookConfiguration) -> Vec<String> {
    let name = configuration.name_any();
    if system::is_webhook_configuration(&name) {
        return Vec::new();
    }
    let webhooks = configuration.webhooks.iter().flatten().filter(|webhook| {
        webhook
            .rules
            .iter()
            .flatten()
            .any(|rule| is_about_pods(rule.api_groups.as_ref(), rule.resources.as_ref(), rule.operations.as_ref()))
    });
    webhooks.map(|webhook| format!("{name}/{}", webhook.name)).collect()
}

/// Whether a policy looks at new pods.
pub(crate) fn looks_at_pods(policy: &registration::ValidatingAdmissionPolicy) -> bool {
    let constraints = policy.spec.as_ref().and_then(|spec| spec.match_constraints.as_ref());
    let rules = constraints.and_then(|constraints| constraints.resource_rules.as_ref());
    rules
        .into_iter()
        .flatten()
        .any(|rule| is_about_pods(rule.api_groups.as_ref(), rule.resources.as_ref(), rule.operations.as_ref()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_webhooks_that_see_new_pods_guard_them_and_those_of_eks_do_not_count() {
        let configuration = |name: &str, resources: &str, operation: &str| {
            let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "resources": [resources], "operations": [operation]}]);
            let webhook = json!({"name": "w", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "clientConfig": {"url": "https://x"}, "rules": rules});
            let object = json!({"metadata": {"name": name}, "webhooks": [webhook]});
            pod_webhooks(&serde_json::from_value(object).unwrap())
        };
        assert_eq!(configuration("kyverno", "pods", "CREATE"), ["kyverno/w"]);
        assert_eq!(configuration("kyverno", "*", "*"), ["kyverno/w"]);
        assert_eq!(configuration("kyverno", "configmaps", "CREATE"), [""; 0]);
        assert_eq!(configuration("kyverno", "pods", "DELETE"), [""; 0]);
        assert_eq!(configuration("vpc-resource-validating-webhook", "pods", "CREATE"), [""; 0]);
    }

    #[test]
    fn a_kind_is_found_by_its_group() {
        let admission =
            Admission { kinds: vec!["externalsecrets.external-secrets.io".to_owned()], ..Admission::default() };
        assert!(admission.has_group("external-secrets.io"));
        assert!(!admission.has_group("secrets.io"));
    }
}
