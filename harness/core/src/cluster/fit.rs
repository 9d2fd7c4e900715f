//! Whether a pod specification is meant for a node: selector, required affinity and taints, as the DaemonSet controller evaluates them. Pure.

use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration};
use kube::ResourceExt as _;

/// Why a DaemonSet with this pod specification puts no pod on a node; `None` if it does (or should).
///
/// Taints that Kubernetes itself sets are left out: the DaemonSet controller tolerates them for its pods
/// (Kubernetes, "DaemonSet", section "Taints and tolerations").
pub fn why_not(spec: &PodSpec, node: &Node) -> Option<String> {
    let labels = node.labels();
    let unmet = spec.node_selector.iter().flatten().find(|(key, value)| labels.get(*key) != Some(*value));
    if let Some((key, value)) = unmet {
        return Some(format!("it targets nodes with the label {key}={value}"));
    }
    let required = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref())
        .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    if let Some(required) = required
        && !required.node_selector_terms.iter().any(|term| selects(term, node))
    {
        let wanted: Vec<String> = required.node_selector_terms.iter().map(words).collect();
        return Some(format!("it targets nodes with {}", wanted.join(", or ")));
    }
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let in_the_way = taints.iter().find(|taint| {
        let keeps_off = taint.effect == "NoSchedule" || taint.effect == "NoExecute";
        keeps_off && !is_of_kubernetes(taint) && !tolerations.iter().any(|one| tolerates(one, taint))
    })?;
    let value = in_the_way.value.as_deref().unwrap_or_default();
    Some(format!("it does not tolerate the taint {}={value}:{}", in_the_way.key, in_the_way.effect))
}

fn is_of_kubernetes(taint: &Taint) -> bool {
    taint.key.starts_with("node.kubernetes.io/") || taint.key.starts_with("node.cloudprovider.kubernetes.io/")
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let key = toleration.key.as_deref().unwrap_or_default();
    let exists = toleration.operator.as_deref() == Some("Exists");
    let same_value = toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default();
    (effect.is_empty() || effect == taint.effect)
        && (key == taint.key || key.is_empty() && exists)
        && (exists || same_value)
}

/// A term without any requirement selects nothing.
fn selects(term: &NodeSelectorTerm, node: &Node) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let name = node.name_any();
    let by_label = |one: &NodeSelectorRequirement| meets(one, node.labels().get(&one.key).map(String::as_str));
    let by_field =
        |one: &NodeSelectorRequirement| meets(one, Some(name.as_str()).filter(|_| one.key == "metadata.name"));
    let is_empty = expressions.is_empty() && fields.is_empty();
    !is_empty && expressions.iter().all(by_label) && fields.iter().all(by_field)
}

fn meets(requirement: &NodeSelectorRequirement, found: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let is_listed = |found: &str| values.iter().any(|value| value == found);
    let number = |text: &str| text.parse::<i64>().ok();
    let compared = || Some((number(found?)?, number(values.first()?)?));
    match requirement.operator.as_str() {
        "In" => found.is_some_and(is_listed),
        "NotIn" => !found.is_some_and(is_listed),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => compared().is_some_and(|(found, limit)| found > limit),
        "Lt" => compared().is_some_and(|(found, limit)| found < limit),
        _ => false,
    }
}

/// `kubernetes.io/os In [linux] and …`
fn words(term: &NodeSelectorTerm) -> String {
    let all = term.match_expressions.iter().flatten().chain(term.match_fields.iter().flatten());
    let words = all.map(|one| match one.values.as_deref().unwrap_or_default() {
        [] => format!("{} {}", one.key, one.operator),
        values => format!("{} {} [{}]", one.key, one.operator, values.join(", ")),
    });
    words.collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn node() -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": "a", "labels": {"kubernetes.io/os": "linux", "gpus": "4"}},
            "spec": {"taints": [{"key": "team", "value": "x", "effect": "NoSchedule"},
                                {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
                                {"key": "soft", "effect": "PreferNoSchedule"}]},
        }))
        .unwrap()
    }

    fn why(mut spec: Value) -> Option<String> {
        spec["containers"] = json!([]);
        why_not(&serde_json::from_value(spec).unwrap(), &node())
    }

    fn affinity(expressions: Value) -> Value {
        let term = json!({"matchExpressions": expressions});
        let required = json!({"nodeSelectorTerms": [term]});
        json!({"tolerations": [{"operator": "Exists"}],
               "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}})
    }

    #[test]
    fn a_taint_of_the_owner_must_be_tolerated_and_one_of_kubernetes_need_not() {
        assert_eq!(why(json!({})).unwrap(), "it does not tolerate the taint team=x:NoSchedule");
        assert_eq!(why(json!({"tolerations": [{"key": "team", "operator": "Exists"}]})), None);
        assert_eq!(why(json!({"tolerations": [{"key": "team", "value": "x", "effect": "NoSchedule"}]})), None);
        assert!(why(json!({"tolerations": [{"key": "team", "value": "y"}]})).is_some());
        assert!(why(json!({"tolerations": [{"operator": "Exists", "effect": "NoExecute"}]})).is_some());
    }

    #[test]
    fn selectors_and_affinities_say_which_nodes_they_are_for() {
        let everywhere = json!([{"operator": "Exists"}]);
        let windows = json!({"nodeSelector": {"kubernetes.io/os": "windows"}, "tolerations": everywhere});
        assert_eq!(why(windows).unwrap(), "it targets nodes with the label kubernetes.io/os=windows");
        let on = |key: &str, operator: &str, values: &[&str]| {
            why(affinity(json!([{"key": key, "operator": operator, "values": values}])))
        };
        assert_eq!(on("kubernetes.io/os", "In", &["linux"]), None);
        assert_eq!(
            on("kubernetes.io/os", "NotIn", &["linux"]).unwrap(),
            "it targets nodes with kubernetes.io/os NotIn [linux]"
        );
        assert_eq!(on("eks.amazonaws.com/compute-type", "NotIn", &["fargate"]), None);
        assert_eq!(on("nvidia", "DoesNotExist", &[]), None);
        assert!(on("nvidia", "Exists", &[]).is_some());
        assert_eq!(on("gpus", "Gt", &["3"]), None);
        assert!(on("gpus", "Lt", &["4"]).is_some());
        assert!(on("nvidia", "Gt", &["3"]).is_some());
        assert!(why(affinity(json!([]))).is_some(), "a term without requirements selects nothing");
    }
}
