//! What is known of a workload before anything is applied.

use serde_json::json;

use super::*;
use crate::wait::tests::{observed, pod};

#[test]
fn only_workloads_that_need_the_host_get_a_privileged_namespace() {
    let deployment = |spec: Value| vec![json!({"kind": "Deployment", "spec": {"template": {"spec": spec}}})];
    assert!(!needs_host(&deployment(json!({"containers": [{"name": "a"}], "volumes": [{"emptyDir": {}}]}))));
    assert!(needs_host(&deployment(json!({"volumes": [{"hostPath": {"path": "/var/log/pods"}}]}))));
    assert!(needs_host(&deployment(json!({"hostNetwork": true}))));
    assert!(needs_host(&deployment(json!({"containers": [{"securityContext": {"privileged": true}}]}))));
}

#[test]
fn a_client_starts_once_and_only_when_its_server_is_ready_and_knows_the_address() {
    let conditions = [Condition::Reaches { client: "job/client".parse().unwrap(), server: "pod/server".parse().unwrap() }];
    let objects = [
        json!({"kind": "Pod", "metadata": {"name": "server"}}),
        json!({"kind": "Job", "metadata": {"name": "client"}, "spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}}),
    ];
    let mut late = Late::of(&conditions, &objects);
    assert!(late.holds(&objects[1]) && !late.holds(&objects[0]));
    let starting = observed(json!({"pods": [pod("server", "", "Pending", json!({}))]}));
    assert!(late.startable(&starting).is_empty());
    let ready = json!({"podIP": "fd00::7", "conditions": [{"type": "Ready", "status": "True"}]});
    let ready = observed(json!({"pods": [pod("server", "", "Running", ready)]}));
    let [client] = &late.startable(&ready)[..] else { panic!("the client starts") };
    let variable = client.pointer("/spec/template/spec/containers/0/env/0").unwrap();
    assert_eq!(*variable, json!({"name": "AMIPROOF_SERVER_HOST", "value": "[fd00::7]"}));
    assert!(late.startable(&ready).is_empty(), "it starts once");
}
