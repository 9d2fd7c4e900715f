//! What is known of a workload before anything is applied.

use serde_json::json;

use super::*;

#[test]
fn only_workloads_that_need_the_host_get_a_privileged_namespace() {
    let deployment = |spec: Value| vec![json!({"kind": "Deployment", "spec": {"template": {"spec": spec}}})];
    assert!(!needs_host(&deployment(json!({"containers": [{"name": "a"}], "volumes": [{"emptyDir": {}}]}))));
    assert!(needs_host(&deployment(json!({"volumes": [{"hostPath": {"path": "/var/log/pods"}}]}))));
    assert!(needs_host(&deployment(json!({"hostNetwork": true}))));
    assert!(needs_host(&deployment(json!({"containers": [{"securityContext": {"privileged": true}}]}))));
}
