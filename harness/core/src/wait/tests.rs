//! Each condition over what the API shows.

use serde_json::{Value, json};

use super::*;

/// Parses typed objects from JSON, for tests of everything that looks at an [`Observed`].
pub(crate) fn observed(lists: Value) -> Observed {
    fn list<T: serde::de::DeserializeOwned>(lists: &Value, key: &str) -> Vec<T> {
        let items = lists[key].as_array().cloned().unwrap_or_default();
        items.into_iter().map(|item| serde_json::from_value(item).unwrap()).collect()
    }
    Observed {
        pods: list(&lists, "pods"),
        deployments: list(&lists, "deployments"),
        stateful_sets: list(&lists, "statefulSets"),
        daemon_sets: list(&lists, "daemonSets"),
        jobs: list(&lists, "jobs"),
        claims: list(&lists, "claims"),
        cron_jobs: list(&lists, "cronJobs"),
        autoscalers: list(&lists, "autoscalers"),
        evictions: Vec::new(),
    }
}

/// A pod of `owner` (`ReplicaSet/web-6b`) in a phase, with the status fields of `more`.
pub(crate) fn pod(name: &str, owner: &str, phase: &str, more: Value) -> Value {
    let mut pod = json!({"metadata": {"name": name}, "spec": {"nodeName": "node-a", "containers": []}, "status": {"phase": phase}});
    if let Some((kind, owner)) = owner.split_once('/') {
        pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "x", "kind": kind, "name": owner, "uid": "u"}]);
    }
    for (key, value) in more.as_object().into_iter().flatten() {
        pod["status"][key] = value.clone();
    }
    pod
}

/// A container status in `state`.
pub(crate) fn container(state: Value, restarts: i32) -> Value {
    json!({"name": "main", "image": "busybox:1.36.1", "imageID": "", "ready": false, "restartCount": restarts, "state": state})
}

fn progress(expectation: Expectation, lists: Value) -> Progress {
    Condition::of(&expectation).unwrap().progress(&observed(lists))
}

fn ready(target: &str, lists: Value) -> Progress {
    progress(Expectation::Ready(target.into()), lists)
}

fn deployment(status: Value) -> Value {
    json!({"metadata": {"name": "web", "generation": 2}, "status": status,
           "spec": {"replicas": 2, "selector": {}, "template": {}}})
}

#[test]
fn a_deployment_is_ready_when_the_replicas_of_its_newest_version_are() {
    let all = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2});
    let old = json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "readyReplicas": 2});
    let unseen = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2});
    let half = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 1});
    let table = [
        (all, Progress::Met),
        (old, Progress::NotYet("replicas of an earlier version still exist".into())),
        (unseen, Progress::NotYet("its controller has not reconciled it yet".into())),
        (half, Progress::NotYet("1 of 2 ready".into())),
    ];
    for (status, wanted) in table {
        assert_eq!(ready("deployment/web", json!({"deployments": [deployment(status.clone())]})), wanted, "{status}");
    }
    assert_eq!(ready("deployment/web", json!({})), Progress::NotYet("deployment/web does not exist".into()));
}

#[test]
fn a_count_says_what_its_first_unready_pod_waits_for() {
    let status = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2});
    let with =
        |pod: Value| ready("deployment/web", json!({"deployments": [deployment(status.clone())], "pods": [pod]}));
    let unscheduled =
        json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/4 nodes are available"}]});
    assert_eq!(
        with(pod("web-6b-x", "ReplicaSet/web-6b", "Pending", unscheduled)),
        Progress::NotYet("0 of 2 ready; pod web-6b-x is not scheduled: 0/4 nodes are available".into())
    );
    let pulling = json!({"waiting": {"reason": "ImagePullBackOff", "message": "dial tcp: i/o timeout"}});
    let pulling = json!({"containerStatuses": [container(pulling, 0)]});
    assert_eq!(
        with(pod("web-6b-x", "ReplicaSet/web-6b", "Pending", pulling)),
        Progress::NotYet("0 of 2 ready; pod web-6b-x cannot pull busybox:1.36.1: dial tcp: i/o timeout".into())
    );
}

#[test]
fn a_container_that_keeps_crashing_is_never_ready_and_its_last_words_say_why() {
    let crashing = |restarts| {
        let mut status = container(json!({"waiting": {"reason": "CrashLoopBackOff"}}), restarts);
        status["lastState"] = json!({"terminated": {"exitCode": 126, "message": "sh: /app/run: Permission denied\n"}});
        let status = json!({"containerStatuses": [status]});
        ready(
            "deployment/web",
            json!({"deployments": [deployment(json!({"observedGeneration": 2}))],
                   "pods": [pod("web-6b-x", "ReplicaSet/web-6b", "Running", status)]}),
        )
    };
    let words =
        "container main of pod web-6b-x crashed 3 times, last with exit code 126: sh: /app/run: Permission denied";
    assert_eq!(crashing(3), Progress::Failed(words.into()));
    assert!(matches!(crashing(1), Progress::NotYet(_)));
}

#[test]
fn daemon_and_stateful_sets_count_their_pods() {
    let daemon = |desired: i32, ready: i32| {
        json!({"daemonSets": [{"metadata": {"name": "a", "generation": 1}, "status": {
            "currentNumberScheduled": 0, "desiredNumberScheduled": desired, "numberMisscheduled": 0, "numberReady": ready,
            "observedGeneration": 1}}]})
    };
    assert_eq!(ready("daemonset/a", daemon(2, 2)), Progress::Met);
    assert_eq!(ready("daemonset/a", daemon(2, 1)), Progress::NotYet("1 of 2 ready".into()));
    assert_eq!(ready("daemonset/a", daemon(0, 0)), Progress::NotYet("0 of 1 ready".into()), "no node is not all nodes");
    let set = json!({"statefulSets": [{"metadata": {"name": "a", "generation": 1},
                     "spec": {"replicas": 1, "selector": {}, "serviceName": "a", "template": {}},
                     "status": {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1}}]});
    assert_eq!(ready("statefulset/a", set), Progress::Met);
}

fn job(conditions: Value) -> Value {
    json!({"metadata": {"name": "client"}, "spec": {"template": {}}, "status": {"conditions": conditions}})
}

#[test]
fn a_job_completes_or_fails_with_the_exit_code_and_last_words_of_its_pod() {
    let complete = |lists| progress(Expectation::Complete("job/client".into()), lists);
    let done = job(json!([{"type": "Complete", "status": "True"}]));
    assert_eq!(complete(json!({"jobs": [done]})), Progress::Met);

    let failed =
        job(json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too many"}]));
    let ended =
        json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "try 1\nwget: download timed out\n"}});
    let ended = pod("client-x", "Job/client", "Failed", json!({"containerStatuses": [container(ended, 0)]}));
    assert_eq!(
        complete(json!({"jobs": [failed.clone()], "pods": [ended]})),
        Progress::Failed("container main ended with exit code 1: wget: download timed out".into())
    );
    assert_eq!(complete(json!({"jobs": [failed]})), Progress::Failed("BackoffLimitExceeded: too many".into()));
    assert_eq!(complete(json!({"jobs": [job(json!([]))]})), Progress::NotYet("0 of 1 completions".into()));
}

#[test]
fn a_pod_lost_with_its_node_says_so() {
    let lost = pod("once", "", "Failed", json!({"reason": "Evicted", "message": "the node was low on memory"}));
    assert_eq!(
        progress(Expectation::Complete("pod/once".into()), json!({"pods": [lost]})),
        Progress::Failed("pod once failed: Evicted: the node was low on memory".into())
    );
}

#[test]
fn a_client_waits_for_its_server_and_then_speaks_for_the_connection() {
    let reaches = |lists| {
        let expectation = Expectation::Reaches { client: "job/client".into(), server: "deployment/web".into() };
        progress(expectation, lists)
    };
    let up = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2});
    assert_eq!(
        reaches(json!({"deployments": [deployment(json!({"observedGeneration": 2}))]})),
        Progress::NotYet("server deployment/web: 0 of 2 ready".into())
    );
    assert_eq!(
        reaches(json!({"deployments": [deployment(up.clone())], "jobs": [job(json!([]))]})),
        Progress::NotYet("0 of 1 completions".into())
    );
    let done = job(json!([{"type": "Complete", "status": "True"}]));
    assert_eq!(reaches(json!({"deployments": [deployment(up)], "jobs": [done]})), Progress::Met);
}

#[test]
fn a_claim_is_bound_pending_or_lost() {
    for (phase, wanted) in [
        ("Bound", Progress::Met),
        ("Pending", Progress::NotYet("pvc/data is Pending".into())),
        ("Lost", Progress::Failed("pvc/data lost its volume".into())),
    ] {
        let lists = json!({"claims": [{"metadata": {"name": "data"}, "status": {"phase": phase}}]});
        assert_eq!(progress(Expectation::Bound("pvc/data".into()), lists), wanted);
    }
}

#[test]
fn targets_of_the_wrong_form_or_kind_are_refused_with_the_legal_ones() {
    let refused = |expectation| Condition::of(&expectation).unwrap_err();
    assert_eq!(refused(Expectation::Ready("web".into())), "'web' must have the form kind/name");
    assert!(refused(Expectation::Ready("replicaset/web".into())).contains("deployment, statefulset"));
    assert_eq!(refused(Expectation::Complete("deployment/web".into())), "'deployment/web' must be one of job, pod");
}
