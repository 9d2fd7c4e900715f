use serde_json::{Value, json};

use super::*;

fn job(status: Value) -> Job {
    serde_json::from_value(
        json!({"metadata": {"name": "amiproof-tonight"}, "spec": {"completions": 3, "template": {}}, "status": status}),
    )
    .unwrap()
}

/// A pod of an index, with its phase and the state of its container.
fn pod(index: u32, minute: u32, phase: &str, state: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {
            "name": format!("amiproof-tonight-{index}-{minute}"),
            "creationTimestamp": format!("2026-11-30T03:{minute:02}:00Z"),
            "annotations": {"batch.kubernetes.io/job-completion-index": index.to_string()},
        },
        "spec": {"nodeName": "ip-10-0-0-1", "containers": []},
        "status": {"phase": phase, "containerStatuses": [
            {"name": "amiproof", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state},
        ]},
    }))
    .unwrap()
}

fn ended(code: i32, reason: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason}})
}

#[test]
fn indexes_are_lists_of_ranges_that_count_from_zero() {
    for (text, wanted) in [("", vec![]), ("0", vec![1]), ("1,3-5,7", vec![2, 4, 5, 6, 8]), ("x,2-y", vec![])] {
        assert_eq!(indexes(text).into_iter().collect::<Vec<_>>(), wanted, "{text}");
    }
}

#[test]
fn each_shard_is_what_its_newest_pod_is_unless_the_job_says_that_it_is_over() {
    let running = json!({"running": {}});
    let pods = [
        pod(0, 1, "Succeeded", ended(0, "Completed")),
        pod(1, 1, "Failed", ended(137, "OOMKilled")),
        pod(1, 4, "Running", running.clone()),
    ];
    let seen = progress(&job(json!({"completedIndexes": "0"})), &pods);
    let wanted = [(1, Shard::Succeeded), (2, Shard::Running { node: "ip-10-0-0-1".to_owned() }), (3, Shard::Waiting)];
    assert_eq!(seen.shards, wanted.into());
    assert_eq!(seen.lost, [(2, (1, "exit code 137 (OOMKilled)".to_owned()))].into());
    assert_eq!(seen.end, None);

    let pods = [
        pod(0, 1, "Failed", ended(1, "Error")),
        pod(2, 1, "Pending", json!({"waiting": {"reason": "ContainerCreating"}})),
    ];
    let seen = progress(&job(json!({"failedIndexes": "0"})), &pods);
    assert_eq!(seen.shards[&1], Shard::Failed("exit code 1".to_owned()));
    assert_eq!(seen.shards[&3], Shard::Starting(None));
    assert_eq!(
        progress(&job(json!({"failedIndexes": "0"})), &[]).shards[&1],
        Shard::Failed("its pod is gone".to_owned())
    );
}

#[test]
fn what_keeps_a_pod_from_running_is_said() {
    let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}});
    let seen = progress(&job(json!({})), &[pod(0, 1, "Pending", waiting)]);
    assert_eq!(seen.shards[&1], Shard::Starting(Some("ImagePullBackOff: not found".to_owned())));
    let mut unscheduled = pod(1, 1, "Pending", json!({}));
    let condition = json!({"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"});
    unscheduled.status.as_mut().unwrap().conditions = Some(vec![serde_json::from_value(condition).unwrap()]);
    assert_eq!(alive_as(&unscheduled), Shard::Starting(Some("0/3 nodes are available".to_owned())));
    let mut stopping = pod(2, 1, "Running", json!({"running": {}}));
    stopping.metadata.deletion_timestamp = stopping.metadata.creation_timestamp.clone();
    assert_eq!(alive_as(&stopping), Shard::Stopping);
    let mut drained = pod(0, 1, "Failed", ended(130, "Error"));
    let condition = json!({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"});
    drained.status.as_mut().unwrap().conditions = Some(vec![serde_json::from_value(condition).unwrap()]);
    assert_eq!(how_it_ended(&drained), "EvictionByEvictionAPI, exit code 130");
}

#[test]
fn a_job_is_over_by_its_conditions_alone() {
    let condition = |kind: &str, status: &str| {
        json!({"completedIndexes": "0-2", "conditions": [
            {"type": "FailureTarget", "status": "True"},
            {"type": kind, "status": status, "reason": "FailedIndexes", "message": "Job has failed indexes"},
        ]})
    };
    assert_eq!(progress(&job(condition("Complete", "True")), &[]).end, Some(None));
    assert_eq!(progress(&job(condition("Complete", "False")), &[]).end, None);
    let failed = progress(&job(condition("Failed", "True")), &[]).end;
    assert_eq!(failed, Some(Some("FailedIndexes: Job has failed indexes".to_owned())));
}
