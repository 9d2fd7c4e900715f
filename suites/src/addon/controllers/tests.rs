use amiproof_core::aws::addons::Issue;
use serde_json::json;

use super::*;

fn deployment(name: &str, replicas: i32) -> Deployment {
    let labels = json!({"k8s-app": name});
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                 "template": {"metadata": {"labels": labels}, "spec": {"containers": []}}},
    }))
    .unwrap()
}

fn pod(name: &str, node: &str, ready: bool) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "kube-system",
                     "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "coredns-1", "uid": "u"}]},
        "spec": {"nodeName": node, "containers": []},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": if ready {"True"} else {"False"}}]},
    }))
    .unwrap()
}

fn snapshot(replicas: i32, pods: Vec<Pod>) -> Snapshot {
    Snapshot {
        nodes: Vec::new(),
        deployments: vec![deployment("coredns", replicas)],
        pods,
        events: Vec::new(),
        now: "2026-11-21T12:00:00Z".parse().unwrap(),
        managed: BTreeMap::new(),
    }
}

fn state(status: &str, code: &str) -> State {
    let issues =
        if code.is_empty() { vec![] } else { vec![Issue { code: code.to_owned(), message: "said EKS".to_owned() }] };
    State { status: status.to_owned(), version: "v1".to_owned(), issues }
}

#[test]
fn as_many_ready_pods_as_wanted_pass_with_the_nodes_that_they_ran_on() {
    let well = snapshot(2, vec![pod("a", "n1", true), pod("b", "n2", true), pod("old", "n3", false)]);
    assert!(well.is_settled(&well.pods));
    let decision = well.judge("coredns");
    assert_eq!(decision.verdict, Verdict::Pass);
    let nodes: Vec<&str> = decision.placements.iter().map(|one| one.node.as_str()).collect();
    assert_eq!(nodes, ["n1", "n2", "n3"]);
}

#[test]
fn too_few_ready_pods_fail_with_the_nodes_that_the_others_are_on() {
    let half = snapshot(2, vec![pod("a", "n1", true), pod("b", "n2", false)]);
    assert!(!half.is_settled(&half.pods));
    let Verdict::Fail(findings) = half.judge("coredns").verdict else { panic!() };
    assert_eq!(findings[0].summary, "coredns is not available: pod b runs on n2 but is not ready");
    assert!(findings[0].detail.contains("its pods are on n1, n2"), "{}", findings[0].detail);
    let Verdict::Fail(findings) = snapshot(1, Vec::new()).judge("coredns").verdict else { panic!() };
    assert_eq!(findings[0].summary, "coredns is not available: 0 of 1 pods exist");
}

#[test]
fn an_add_on_that_nobody_installed_is_not_asked_about() {
    assert_eq!(snapshot(1, Vec::new()).judge("metrics-server").verdict, not_installed());
    assert!(!snapshot(1, Vec::new()).is_asked("vpc-cni"), "its only part is judged per variant");
}

#[test]
fn missing_replicas_are_for_the_pods_to_say_and_everything_else_eks_may_say_itself() {
    let judged = |status: &str, code: &str| {
        let mut one = snapshot(1, vec![pod("a", "n1", true)]);
        one.managed =
            BTreeMap::from([("coredns".to_owned(), state(status, code)), ("vpc-cni".to_owned(), state(status, code))]);
        assert!(one.is_asked("vpc-cni"));
        assert_eq!(one.judge("vpc-cni").verdict, one.judge("coredns").verdict);
        one.judge("coredns").verdict
    };
    assert_eq!(judged("ACTIVE", ""), Verdict::Pass);
    assert_eq!(judged("DEGRADED", "InsufficientNumberOfReplicas"), Verdict::Pass);
    let failed = |verdict| matches!(verdict, Verdict::Fail(findings) if findings[0].summary.contains("said EKS"));
    assert!(failed(judged("DEGRADED", "AccessDenied")));
    assert!(failed(judged("CREATE_FAILED", "ConfigurationConflict")));
}
