//! Whose doing a failure is.

use amiproof_model::report::NodeRecord;
use serde_json::{Value, json};

use super::super::target_nodes::Peer;
use super::*;
use crate::wait::tests::{container, observed, pod};

fn node(name: &str) -> NodeRecord {
    NodeRecord {
        index: 1,
        name: name.into(),
        instance_id: Some(format!("i-{name}")),
        ami_id: None,
        os_image: String::new(),
        kernel: String::new(),
        kubelet: String::new(),
        runtime: String::new(),
        boot_to_ready_seconds: None,
        facts: indexmap::IndexMap::new(),
        fact_differences: None,
    }
}

fn targets(peer: bool) -> TargetNodes {
    TargetNodes {
        variant: "al2023-l1".parse().unwrap(),
        selector: "pool=l1".parse().unwrap(),
        own: vec![node("node-a"), node("node-b")],
        peer: peer.then(|| Peer {
            variant: "al2023".parse().unwrap(),
            selector: "pool=stock".parse().unwrap(),
            nodes: vec![node("ref-1")],
        }),
    }
}

fn on(mut pod: Value, node: &str, peer: bool) -> Value {
    pod["spec"]["nodeName"] = json!(node);
    if peer {
        pod["metadata"]["annotations"] = json!({"amiproof.dev/place": "peer"});
    }
    pod
}

fn client(exit_code: i32) -> Value {
    let phase = if exit_code == 0 { "Succeeded" } else { "Failed" };
    let end = json!({"terminated": {"exitCode": exit_code, "message": "wget: download timed out\n"}});
    pod("client-x", "Job/client", phase, json!({"containerStatuses": [container(end, 0)]}))
}

fn server() -> Value {
    let ready = json!({"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]});
    pod("server-6b-x", "ReplicaSet/server-6b", "Running", ready)
}

fn waiting(name: &str, owner: &str, reason: &str, message: &str) -> Value {
    let state = json!({"waiting": {"reason": reason, "message": message}});
    pod(name, owner, "Pending", json!({"containerStatuses": [container(state, 0)]}))
}

fn reaches() -> Condition {
    Condition::Reaches { client: "job/client".parse().unwrap(), server: "deployment/server".parse().unwrap() }
}

fn decided(
    condition: Condition,
    progress: Progress,
    pods: Vec<Value>,
    peer: bool,
    events: Value,
) -> Result<Decision, CheckError> {
    let timed_out = matches!(progress, Progress::NotYet(_)).then_some(Duration::from_secs(180));
    let events: Vec<Event> = serde_json::from_value(events).unwrap();
    decide(&Ended {
        conditions: &[(condition, progress)],
        observed: &observed(json!({ "pods": pods })),
        events: &events,
        targets: &targets(peer),
        timed_out,
        api_error: None,
    })
}

fn finding_of(decision: &Decision) -> &Finding {
    match &decision.verdict {
        Verdict::Fail(findings) => &findings[0],
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_workload_that_works_passes_with_its_placement_and_its_connection() {
    let pods = vec![on(client(0), "node-b", false), on(server(), "node-a", false)];
    let decision = decided(reaches(), Progress::Met, pods, false, json!([])).unwrap();
    assert_eq!(decision.verdict, Verdict::Pass);
    assert_eq!(decision.placements[0].instance_id.as_deref(), Some("i-node-b"));
    let [pair] = &decision.traffic[..] else { panic!("{:?}", decision.traffic) };
    assert!(pair.ok);
    assert_eq!((pair.from.node.as_str(), pair.to.node.as_str()), ("node-b", "node-a"));
}

#[test]
fn a_client_without_an_answer_is_a_finding_with_its_last_words_and_its_pair() {
    let pods = vec![on(client(1), "ref-1", true), on(server(), "node-a", false)];
    let why = "container main ended with exit code 1: wget: download timed out";
    let decision = decided(reaches(), Progress::Failed(why.into()), pods, true, json!([])).unwrap();
    let finding = finding_of(&decision);
    assert_eq!(finding.resource, "job/client");
    assert_eq!(finding.summary, format!("job/client reaches deployment/server: {why}"));
    let [pair] = &decision.traffic[..] else { panic!("{:?}", decision.traffic) };
    assert!(!pair.ok);
    assert_eq!(pair.from.variant.as_ref().unwrap().as_str(), "al2023");
    assert_eq!(pair.to.variant.as_ref().unwrap().as_str(), "al2023-l1");
    assert_eq!(decision.evidence[0].text, "wget: download timed out");
}

#[test]
fn a_pod_on_a_node_of_another_variant_proves_nothing() {
    for (node, peer, expected) in [("other-node", false, "node other-node"), ("node-a", true, "node node-a")] {
        let pods = vec![on(client(0), node, peer)];
        let complete = Condition::Complete("job/client".parse().unwrap());
        let error = decided(complete, Progress::Met, pods, true, json!([])).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_the_infrastructure_does_is_not_charged_to_the_variant() {
    let ready = || Condition::Ready("deployment/server".parse().unwrap());
    let not_yet = || Progress::NotYet("0 of 1 ready".into());
    let owner = "ReplicaSet/server-6b";
    let unschedulable = json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/2 nodes: 2 Insufficient cpu."}]});
    let cases = [
        (waiting("server-6b-x", owner, "ErrImagePull", "manifest unknown"), json!([]), "the registry refuses an image"),
        (waiting("server-6b-x", owner, "ImagePullBackOff", "429 Too Many Requests"), json!([]), "the registry refuses"),
        (pod("server-6b-x", owner, "Pending", unschedulable), json!([]), "insufficient capacity"),
        (
            on(waiting("server-6b-x", owner, "ErrImagePull", "dial tcp: i/o timeout"), "ref-1", true),
            json!([]),
            "cannot pull the image either",
        ),
        (
            on(waiting("server-6b-x", owner, "ContainerCreating", ""), "ref-1", true),
            json!([]),
            "on the reference's nodes",
        ),
        (
            on(server(), "node-a", false),
            json!([{"metadata": {"name": "e"}, "involvedObject": {}, "reason": "FailedCreate",
                    "message": "pods \"x\" is forbidden: exceeded quota"}]),
            "refuses the workload's pods",
        ),
    ];
    for (pod, events, expected) in cases {
        let error = decided(ready(), not_yet(), vec![pod], true, events).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_registry_that_only_the_variant_cannot_reach_is_the_variants_doing() {
    let pull = waiting("server-6b-x", "ReplicaSet/server-6b", "ImagePullBackOff", "dial tcp 1.2.3.4:443: i/o timeout");
    let events = json!([{"metadata": {"name": "e"}, "type": "Warning", "reason": "Failed", "message": "pull failed",
                         "involvedObject": {"kind": "Pod", "name": "server-6b-x"}}]);
    let why = "0 of 1 ready; pod server-6b-x cannot pull busybox:1.36.1: dial tcp 1.2.3.4:443: i/o timeout";
    let ready = Condition::Ready("deployment/server".parse().unwrap());
    let decision = decided(ready, Progress::NotYet(why.into()), vec![pull], true, events).unwrap();
    let finding = finding_of(&decision);
    assert_eq!(finding.summary, format!("deployment/server ready: not met within 180s: {why}"));
    assert!(finding.detail.contains("events:\nPod server-6b-x Failed: pull failed"), "{}", finding.detail);
}

#[test]
fn an_api_server_that_is_away_at_the_end_decides_nothing() {
    let condition = (reaches(), Progress::NotYet("0 of 1".into()));
    let ended = Ended {
        conditions: &[condition],
        observed: &Observed::default(),
        events: &[],
        targets: &targets(false),
        timed_out: Some(Duration::from_secs(1)),
        api_error: Some("connection refused"),
    };
    assert!(decide(&ended).unwrap_err().to_string().contains("connection refused"));
}

#[test]
fn what_the_end_of_another_condition_cut_off_is_neither_a_finding_nor_a_broken_connection() {
    let still = |phase: &str, state: Value| {
        pod("outbound-x", "Job/outbound", phase, json!({"containerStatuses": [container(state, 0)]}))
    };
    let outbound =
        Condition::Reaches { client: "job/outbound".parse().unwrap(), server: "deployment/server".parse().unwrap() };
    let conditions = [
        (outbound, Progress::NotYet("0 of 1 completions".into())),
        (reaches(), Progress::Failed("connection refused".into())),
    ];
    let judged = |other: Value| {
        let pods = vec![on(client(1), "node-b", false), on(server(), "node-a", false), on(other, "node-b", false)];
        decide(&Ended {
            conditions: &conditions,
            observed: &observed(json!({ "pods": pods })),
            events: &[],
            targets: &targets(false),
            timed_out: None,
            api_error: None,
        })
        .unwrap()
    };
    let resources = |decision: &Decision| match &decision.verdict {
        Verdict::Fail(findings) => findings.iter().map(|finding| finding.resource.clone()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let running = judged(still("Running", json!({"running": {}})));
    assert_eq!((resources(&running), running.traffic.len()), (vec!["job/client".to_owned()], 1));
    let succeeded = judged(still("Succeeded", json!({"terminated": {"exitCode": 0}})));
    assert_eq!((resources(&succeeded), succeeded.traffic.len()), (vec!["job/client".to_owned()], 1));
    // Its Job has not caught up with it.
    let failed = judged(still("Failed", json!({"terminated": {"exitCode": 1}})));
    assert_eq!(
        (resources(&failed), failed.traffic.len()),
        (vec!["job/outbound".to_owned(), "job/client".to_owned()], 2)
    );
}
