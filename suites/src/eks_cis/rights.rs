//! Who holds a right that few should have: the questions of the benchmark that differ only in the right.

use super::holders::{self, Right};
use super::question::Question;

/// Who can read the Secrets of every namespace.
pub(crate) const SECRETS_ACCESS: Question = Question {
    id: "secrets-access",
    assess: |facts| {
        holders::assess(
            facts,
            &[Right {
                verbs: &["get", "list", "watch"],
                group: "",
                resources: &["secrets"],
                fine_in_namespace: true,
                remediation: "bind a Role in the namespaces that need it, limited to names",
            }],
        )
    },
};

/// Who can create pods in every namespace.
pub(crate) const CREATE_PODS: Question = Question {
    id: "create-pods",
    assess: |facts| {
        holders::assess(
            facts,
            &[Right {
                verbs: &["create"],
                group: "",
                resources: &["pods"],
                fine_in_namespace: true,
                remediation: "bind a Role in the namespaces that need it; a pod can use every Secret and service account of its namespace",
            }],
        )
    },
};

/// Who can create PersistentVolumes directly.
pub(crate) const CREATE_VOLUMES: Question = Question {
    id: "create-volumes",
    assess: |facts| {
        holders::assess(
            facts,
            &[Right {
                verbs: &["create"],
                group: "",
                resources: &["persistentvolumes"],
                fine_in_namespace: false,
                remediation: "let a storage class provision volumes; a manually created PersistentVolume can mount a path of the host",
            }],
        )
    },
};

/// Who can access kubelets without the API server's audit.
pub(crate) const NODE_PROXY: Question = Question {
    id: "node-proxy",
    assess: |facts| {
        holders::assess(
            facts,
            &[Right {
                verbs: &["get", "create"],
                group: "",
                resources: &["nodes/proxy"],
                fine_in_namespace: false,
                remediation: "remove nodes/proxy from the role; it reaches every kubelet and bypasses admission and audit (nodes/metrics, nodes/stats and nodes/log are enough to watch)",
            }],
        )
    },
};

/// Who can change admission webhooks.
pub(crate) const WEBHOOK_CONFIGURATIONS: Question = Question {
    id: "webhook-configurations",
    assess: |facts| {
        holders::assess(
            facts,
            &[Right {
                verbs: &["create", "update", "patch", "delete"],
                group: "admissionregistration.k8s.io",
                resources: &["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
                fine_in_namespace: false,
                remediation: "grant this only to the installer of the webhook: whoever changes a webhook can read and rewrite every object",
            }],
        )
    },
};

/// Who can issue tokens of service accounts.
pub(crate) const TOKEN_CREATION: Question = Question {
    id: "token-creation",
    assess: |facts| {
        holders::assess(
            facts,
            &[Right {
                verbs: &["create"],
                group: "",
                resources: &["serviceaccounts/token"],
                fine_in_namespace: true,
                remediation: "remove create on serviceaccounts/token from the role; kubelets issue the tokens that pods need",
            }],
        )
    },
};

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, grant, outcome_of, rule, subject};
    use super::*;

    const WEBHOOKS: &str = "admissionregistration.k8s.io";

    #[test]
    fn holders_everywhere_and_crowds_are_found_and_those_of_one_namespace_where_that_is_not_fine() {
        // The question, the group and resource, a verb that gives the right, one that does not, and whether one namespace is acceptable.
        let table = [
            (SECRETS_ACCESS, "", "secrets", "list", "delete", true),
            (CREATE_PODS, "", "pods", "create", "get", true),
            (CREATE_VOLUMES, "", "persistentvolumes", "create", "get", false),
            (NODE_PROXY, "", "nodes/proxy", "get", "delete", false),
            (WEBHOOK_CONFIGURATIONS, WEBHOOKS, "mutatingwebhookconfigurations", "update", "get", false),
            (TOKEN_CREATION, "", "serviceaccounts/token", "create", "get", true),
        ];
        for (question, group, resource, verb, other, is_fine) in table {
            let in_namespace = if is_fine { "pass" } else { "fail web/RoleBinding/made" };
            let alice = || subject("User", "alice");
            let answers = [
                (None, verb, alice(), "fail ClusterRoleBinding/made"),
                (None, verb, subject("Group", "system:masters"), "pass"),
                (Some("web"), verb, alice(), in_namespace),
                (Some("web"), verb, subject("Group", "system:authenticated"), "fail web/RoleBinding/made"),
                (None, other, alice(), "pass"),
            ];
            assert_eq!(outcome_of(&question, &clean()), "pass", "{}", question.id);
            for (namespace, verb, who, answer) in answers {
                let mut facts = clean();
                grant(&mut facts, namespace, rule(verb, group, resource), who);
                assert_eq!(outcome_of(&question, &facts), answer, "{}: {verb} in {namespace:?}", question.id);
            }
        }
    }
}
