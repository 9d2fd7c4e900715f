//! How many pods a workload has at most, from what its objects declare. Pure.

use std::collections::BTreeMap;

use amiproof_model::workload::{PLACE_ANNOTATION, PLACE_PEER, Workload};
use serde_json::Value;

use super::inject::fits_itself;
use crate::act::Act;
use crate::cluster::pod_template::pod_template;
use crate::wait::Condition;

/// Maximum number of pods at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// On the variant's own nodes.
    pub own: u32,
    /// On those of its reference.
    pub peer: u32,
}

impl Demand {
    /// On all nodes together.
    pub fn all(self) -> u32 {
        self.own.saturating_add(self.peer)
    }
}

/// What decides the number of pods, in addition to the objects themselves.
#[derive(Clone, Copy, Debug)]
pub struct NodeCounts {
    /// Nodes of the variant: a DaemonSet has a pod on each.
    pub own_nodes: u32,
    /// Nodes of the reference; `None` without one, and then the variant's own take their place.
    pub peer_nodes: Option<u32>,
    /// Maximum number of pods of a workload that fills a node.
    pub max_fill: u32,
}

/// Maximum number of pods of a workload. Controllers may have a few more than they declare during an update, and these count; so do
/// replaced pods that are still terminating, which controllers no longer count.
pub fn of(workload: &Workload, counts: &NodeCounts) -> Demand {
    let scaled: BTreeMap<&str, u32> = workload.objects.iter().filter_map(scaled_by).collect();
    let acts: Vec<Act> =
        workload.expect.iter().filter_map(|expected| Act::of(&Condition::of(expected).ok()?)).collect();
    let mut demand = Demand::default();
    for object in &workload.objects {
        let is_peer = counts.peer_nodes.is_some() && wants_peer(object);
        let nodes = counts.peer_nodes.filter(|_| is_peer).unwrap_or(counts.own_nodes);
        let pods = pods_of(object, nodes, counts.max_fill, &scaled);
        let replaced = acts.iter().filter(|act| replaces(act, object)).count();
        let pods = pods.saturating_mul(u32::try_from(replaced).unwrap_or(u32::MAX).saturating_add(1));
        let side = if is_peer { &mut demand.peer } else { &mut demand.own };
        *side = side.saturating_add(pods);
    }
    demand
}

/// Maximum number of replicas of a Deployment that fills a node, so that the workload as a whole has at most `limit` pods.
pub fn max_replicas(workload: &Workload, counts: &NodeCounts, limit: u32) -> u32 {
    let fits = |fill: &u32| of(workload, &NodeCounts { max_fill: *fill, ..*counts }).all() <= limit;
    (1..=counts.max_fill).rev().find(fits).unwrap_or(1)
}

/// The name of what an autoscaler scales, and how far.
fn scaled_by(object: &Value) -> Option<(&str, u32)> {
    let is_scaler = object["kind"] == "HorizontalPodAutoscaler";
    let target = object.pointer("/spec/scaleTargetRef/name").filter(|_| is_scaler)?.as_str()?;
    Some((target, number(&object["spec"]["maxReplicas"]).unwrap_or(1)))
}

/// Whether an action replaces the pods of an object while those before it may still be ending. A StatefulSet waits until a pod is gone,
/// for the next one has its name.
fn replaces(act: &Act, object: &Value) -> bool {
    let target = act.target();
    let is_it = object["kind"] == target.kind.manifest() && object["metadata"]["name"] == target.name.as_str();
    is_it && object["kind"] != "StatefulSet"
}

fn wants_peer(object: &Value) -> bool {
    let template = pod_template(&mut object.clone())
        .map(|template| template["metadata"]["annotations"][PLACE_ANNOTATION] == PLACE_PEER);
    template.unwrap_or(false)
}

fn pods_of(object: &Value, nodes: u32, fill: u32, scaled: &BTreeMap<&str, u32>) -> u32 {
    let spec = &object["spec"];
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let declared = number(&spec["replicas"]).unwrap_or(1);
    let replicas = match scaled.get(name) {
        _ if fits_itself(object) => declared.min(fill).max(1),
        Some(most) => declared.max(*most),
        None => declared,
    };
    match object["kind"].as_str().unwrap_or_default() {
        "Pod" => 1,
        "Deployment" => replicas.saturating_add(surge(spec, replicas)),
        "ReplicaSet" | "ReplicationController" | "StatefulSet" => replicas,
        "DaemonSet" => nodes,
        "Job" => parallel(spec),
        "CronJob" => {
            let at_a_time = if spec["concurrencyPolicy"] == "Forbid" { 1 } else { 2 };
            parallel(&spec["jobTemplate"]["spec"]).saturating_mul(at_a_time)
        }
        _ => 0,
    }
}

/// Pods of a Job at a time: never more than are still wanted.
fn parallel(spec: &Value) -> u32 {
    let parallelism = number(&spec["parallelism"]).unwrap_or(1);
    number(&spec["completions"]).map_or(parallelism, |wanted| parallelism.min(wanted))
}

/// Pods that a Deployment has beside its replicas while it replaces them: a quarter, rounded up, unless it says otherwise
/// (Kubernetes API, `RollingUpdateDeployment.maxSurge`). A pod that is evicted is replaced in the same way.
fn surge(spec: &Value, replicas: u32) -> u32 {
    if spec["strategy"]["type"] == "Recreate" {
        return 0;
    }
    let max_surge = &spec["strategy"]["rollingUpdate"]["maxSurge"];
    let percent = max_surge.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse::<u32>().ok());
    match (number(max_surge), percent) {
        (Some(count), _) => count.max(1),
        (None, percent) => replicas.saturating_mul(percent.unwrap_or(25)).div_ceil(100).max(1),
    }
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COUNTS: NodeCounts = NodeCounts { own_nodes: 3, peer_nodes: Some(2), max_fill: 20 };

    fn pods(object: Value) -> u32 {
        let scaled = BTreeMap::from([("web", 5)]);
        pods_of(&object, COUNTS.own_nodes, COUNTS.max_fill, &scaled)
    }

    #[test]
    fn every_kind_counts_what_it_declares_at_its_worst() {
        for (object, wanted) in [
            (json!({"kind": "Pod"}), 1),
            (json!({"kind": "Deployment"}), 2),
            (json!({"kind": "Deployment", "spec": {"replicas": 8}}), 10),
            (json!({"kind": "Deployment", "spec": {"replicas": 8, "strategy": {"type": "Recreate"}}}), 8),
            (
                json!({"kind": "Deployment", "spec": {"replicas": 4, "strategy": {"rollingUpdate": {"maxSurge": "100%"}}}}),
                8,
            ),
            (json!({"kind": "Deployment", "spec": {"replicas": 4, "strategy": {"rollingUpdate": {"maxSurge": 3}}}}), 7),
            (json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2}}), 7),
            (json!({"kind": "StatefulSet", "spec": {"replicas": 2}}), 2),
            (json!({"kind": "DaemonSet"}), 3),
            (json!({"kind": "Job"}), 1),
            (json!({"kind": "Job", "spec": {"parallelism": 4, "completions": 2}}), 2),
            (json!({"kind": "CronJob"}), 2),
            (
                json!({"kind": "CronJob", "spec": {"concurrencyPolicy": "Forbid", "jobTemplate": {"spec": {"parallelism": 3}}}}),
                3,
            ),
            (json!({"kind": "Service"}), 0),
            (
                json!({"kind": "Deployment", "metadata": {"annotations": {"amiproof.dev/replicas": "as-fit"}},
                    "spec": {"replicas": 100}}),
                25,
            ),
        ] {
            assert_eq!(pods(object.clone()), wanted, "{object}");
        }
    }

    #[test]
    fn what_fills_a_node_keeps_to_the_places_that_it_was_given() {
        let text = "apiVersion: amiproof/v1\nkind: Workload\nmetadata: {name: many}\n\
            spec: {title: t, exercises: [image-pull], expect: [ready: deployment/many]}\n---\n\
            apiVersion: apps/v1\nkind: Deployment\n\
            metadata: {name: many, annotations: {amiproof.dev/replicas: as-fit}}\n\
            spec: {replicas: 50, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, \
            spec: {containers: [{name: a, image: a}]}}}\n";
        let workload = amiproof_model::workload_file::parse("many.yaml", text.as_bytes()).unwrap();
        assert_eq!(max_replicas(&workload, &COUNTS, 200), COUNTS.max_fill);
        assert_eq!(max_replicas(&workload, &COUNTS, 15), 12, "and a quarter of surge");
        assert_eq!(max_replicas(&workload, &COUNTS, 1), 1);
    }

    #[test]
    fn pods_that_an_action_replaced_count_until_they_are_gone() {
        let text = "apiVersion: amiproof/v1\nkind: Workload\nmetadata: {name: web}\n\
            spec: {title: t, exercises: [image-pull], expect: [updated: deployment/web, rolledBack: deployment/web]}\n---\n\
            apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n\
            spec: {replicas: 2, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, \
            spec: {containers: [{name: a, image: a}]}}}\n";
        let workload = amiproof_model::workload_file::parse("web.yaml", text.as_bytes()).unwrap();
        assert_eq!(of(&workload, &COUNTS).own, 9, "two and one of surge, for each of three revisions");
    }

    #[test]
    fn every_workload_of_the_catalogue_has_a_pod_and_none_fills_a_cluster() {
        for workload in amiproof_workloads::catalogue().unwrap() {
            let with = of(workload, &COUNTS);
            let without = of(workload, &NodeCounts { peer_nodes: None, ..COUNTS });
            assert!((1..=40).contains(&with.all()), "{}: {with:?}", workload.name);
            assert_eq!(without.peer, 0, "{}", workload.name);
        }
    }
}
