use serde_json::{Value, json};

use super::*;
use crate::addon::health::tests::pod;
use crate::node::tests::record;

fn node(index: u32, os: &str) -> (NodeRecord, Node) {
    let record = record(index, "v1.36.2");
    let node = json!({
        "metadata": {"name": record.name, "labels": {"kubernetes.io/os": os, "eks.amazonaws.com/nodegroup-image": "ami-1"}},
        "spec": {"providerID": format!("aws:///us-west-2a/i-{index}")},
    });
    (record, serde_json::from_value(node).unwrap())
}

fn daemon_set(name: &str, os: &str) -> DaemonSet {
    let labels = json!({"k8s-app": name});
    let spec = json!({"nodeSelector": {"kubernetes.io/os": os}, "containers": []});
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }))
    .unwrap()
}

fn snapshot(nodes: Vec<(NodeRecord, Node)>, pods: Vec<Pod>) -> Snapshot {
    Snapshot {
        nodes,
        sets: vec![daemon_set("aws-node", "linux")],
        pods,
        events: Vec::new(),
        now: "2026-11-21T12:00:00Z".parse().unwrap(),
    }
}

fn judge(snapshot: &Snapshot, addon: &str) -> Decision {
    snapshot.judge(ADD_ONS.iter().find(|one| one.name == addon).unwrap())
}

fn on(node: u32, ready: bool, container: Value) -> Pod {
    pod(&format!("ip-10-0-0-{node}"), ready, container)
}

#[test]
fn a_ready_pod_on_every_node_passes_with_its_place() {
    let seen = snapshot(vec![node(1, "linux"), node(2, "linux")], vec![on(1, true, json!({})), on(2, true, json!({}))]);
    assert!(seen.is_settled(&seen.pods));
    let decision = judge(&seen, "vpc-cni");
    assert_eq!(decision.verdict, Verdict::Pass);
    assert_eq!(decision.placements.len(), 2);
    assert_eq!(decision.placements[0].instance_id.as_deref(), Some("i-1"));
    assert_eq!(decision.placements[0].ami_id.as_deref(), Some("ami-1"));
    let times = decision.evidence.iter().find(|one| one.name == "time to Ready").unwrap();
    assert!(times.text.contains("Ready 12s after its creation"), "{}", times.text);
}

#[test]
fn a_node_without_a_pod_fails_and_is_named() {
    let seen = snapshot(vec![node(1, "linux"), node(2, "linux")], vec![on(1, true, json!({}))]);
    assert!(!seen.is_settled(&seen.pods));
    let Verdict::Fail(findings) = judge(&seen, "vpc-cni").verdict else { panic!() };
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].resource, "aws-node on node 2");
    assert_eq!(findings[0].summary, "aws-node is not Ready on node 2: it has no pod on the node");
    assert!(findings[0].remediation.contains("/opt/cni/bin"));
}

#[test]
fn a_crashing_pod_carries_its_last_words_and_its_events() {
    let end = json!({"exitCode": 1, "message": "cannot write /host/opt/cni/bin", "finishedAt": "2026-11-21T11:59:00Z"});
    let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let crashing = on(1, false, json!({"state": waiting, "lastState": {"terminated": end}, "restartCount": 4}));
    let mut seen = snapshot(vec![node(1, "linux")], vec![crashing]);
    seen.events = vec![
        serde_json::from_value(json!({
            "metadata": {"name": "e"}, "type": "Warning", "reason": "BackOff", "message": "Back-off restarting failed container",
            "involvedObject": {"kind": "Pod", "name": "aws-node-ip-10-0-0-1", "namespace": "kube-system"}}))
        .unwrap(),
    ];
    assert!(seen.is_settled(&seen.pods), "waiting longer teaches nothing");
    let Verdict::Fail(findings) = judge(&seen, "vpc-cni").verdict else { panic!() };
    assert!(
        findings[0].detail.contains("termination message:\ncannot write /host/opt/cni/bin"),
        "{}",
        findings[0].detail
    );
    assert!(findings[0].detail.contains("BackOff: Back-off restarting"), "{}", findings[0].detail);
    assert!(!findings[0].summary.contains('\n'));
}

#[test]
fn what_is_not_meant_for_these_nodes_or_not_installed_is_not_asked() {
    let windows = snapshot(vec![node(1, "windows")], Vec::new());
    let expected =
        "no part of it is meant for these nodes: aws-node: it targets nodes with the label kubernetes.io/os=linux";
    assert_eq!(judge(&windows, "vpc-cni").verdict, Verdict::NotApplicable(expected.to_owned()));
    assert_eq!(judge(&windows, "kube-proxy").verdict, not_installed());
}

#[test]
fn a_variant_without_nodes_is_never_green() {
    let gone = snapshot(Vec::new(), Vec::new());
    assert!(matches!(judge(&gone, "vpc-cni").verdict, Verdict::NotEvaluated(_)));
}

#[test]
fn a_pod_for_which_there_is_no_room_is_not_the_images_fault() {
    let term = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["ip-10-0-0-1"]}]});
    let homeless: Pod = serde_json::from_value(json!({
        "metadata": {"name": "aws-node-x", "namespace": "kube-system",
                     "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "aws-node", "uid": "u"}]},
        "spec": {"containers": [], "affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}},
        "status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available: 1 Insufficient cpu."}]},
    }))
    .unwrap();
    let seen = snapshot(vec![node(1, "linux")], vec![homeless]);
    assert!(matches!(judge(&seen, "vpc-cni").verdict, Verdict::NotEvaluated(why) if why.contains("Insufficient cpu")));
}
