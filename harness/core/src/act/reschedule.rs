//! Moves pods: a template that prefers other nodes than the present ones.
//!
//! Preferred and not required, because there may be no other node, and a volume of EBS is of one availability zone. Even on
//! the same node the volume is unmounted from one pod and mounted in the next.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cluster::pod_template::{Given, pod_template, with_variable};
use crate::wait::observed::Observed;
use crate::wait::pods;
use crate::wait::target::Target;

/// The annotation of pods that replace the first ones.
pub const MARK: &str = "amiproof.dev/rescheduled";

/// The variable with the nodes of the earlier pods, separated by blanks. It tells the containers of the new pods that they are not the
/// first, and must find the data of those in the volume.
pub const VARIABLE: &str = "AMIPROOF_RESCHEDULED_FROM";

/// The object with a template that prefers other nodes.
pub fn rescheduled(mut object: Value, target: &Target, observed: &Observed) -> Value {
    let nodes: BTreeSet<&str> = pods::of(target, observed).into_iter().filter_map(pods::node).collect();
    if let Some(template) = pod_template(&mut object) {
        template["metadata"]["annotations"][MARK] = json!("true");
        if !nodes.is_empty() {
            // Each node is an expression of its own: a field can be compared with one value only.
            let others: Vec<Value> = nodes
                .iter()
                .map(|node| json!({"key": "metadata.name", "operator": "NotIn", "values": [node]}))
                .collect();
            let affinity = &mut template["spec"]["affinity"]["nodeAffinity"];
            let preferred = &mut affinity["preferredDuringSchedulingIgnoredDuringExecution"];
            let mut terms = preferred.as_array().cloned().unwrap_or_default();
            terms.push(json!({"weight": 100, "preference": {"matchFields": others}}));
            *preferred = Value::Array(terms);
        }
    }
    let nodes: Vec<&str> = nodes.into_iter().collect();
    with_variable(object, VARIABLE, &nodes.join(" "), Given::Always)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::tests::{observed, pod};

    #[test]
    fn new_pods_prefer_other_nodes_and_know_where_the_earlier_ones_were() {
        let own = json!({"weight": 1, "preference": {"matchExpressions": []}});
        let set = json!({"kind": "StatefulSet", "spec": {"template": {"metadata": {}, "spec": {
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [own.clone()]}},
            "containers": [{"name": "db"}]}}}});
        let seen = observed(json!({"pods": [
            pod("db-0", "StatefulSet/db", "Running", json!({})), pod("x", "StatefulSet/other", "Running", json!({}))]}));
        let moved = rescheduled(set, &"statefulset/db".parse().unwrap(), &seen);
        let terms = moved
            .pointer("/spec/template/spec/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution")
            .unwrap();
        let elsewhere = json!({"weight": 100, "preference": {"matchFields": [
            {"key": "metadata.name", "operator": "NotIn", "values": ["node-a"]}]}});
        assert_eq!(*terms, json!([own, elsewhere]), "what the file itself prefers stays");
        let variable = moved.pointer("/spec/template/spec/containers/0/env/0").unwrap();
        assert_eq!(*variable, json!({"name": "AMIPROOF_RESCHEDULED_FROM", "value": "node-a"}));
        assert_eq!(moved.pointer("/spec/template/metadata/annotations/amiproof.dev~1rescheduled").unwrap(), "true");
    }
}
