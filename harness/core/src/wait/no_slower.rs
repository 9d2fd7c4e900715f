//! Pods of one Job start about as fast as those of another.
//!
//! From the moment at which the kubelet has seen a pod to that at which its container runs: volumes, sandbox, network, image. Times in the
//! status of pods are whole seconds, and single pods wait for many reasons; so medians of several are compared, and only what is a multiple
//! and some seconds more counts.

use k8s_openapi::api::core::v1::Pod;

use super::observed::{Observed, Progress};
use super::target::Target;
use super::{complete, pods};

/// The least number of pods on each side.
const SAMPLES: usize = 5;
/// How many times as long the median must be.
const RATIO: i64 = 3;
/// And how many seconds longer.
const SECONDS: i64 = 5;

/// Whether the pods of `target` start no slower than those of `than`.
pub fn no_slower(target: &Target, than: &Target, observed: &Observed) -> Progress {
    match complete::complete(target, observed) {
        Progress::Met => {}
        other => return other,
    }
    match complete::complete(than, observed) {
        Progress::Met => {}
        Progress::NotYet(why) | Progress::Failed(why) => return Progress::NotYet(format!("{than}: {why}")),
    }
    let (Some(own), Some(other)) = (median(target, observed), median(than, observed)) else {
        return Progress::NotYet(format!(
            "fewer than {SAMPLES} pods of {target} or of {than} report when they started"
        ));
    };
    if own >= RATIO * other.max(1) && own - other >= SECONDS {
        return Progress::Failed(format!(
            "half of its pods take {own} s or longer to start, those of {than} {other} s"
        ));
    }
    Progress::Met
}

/// The median of the seconds that the pods of a Job took to start.
fn median(target: &Target, observed: &Observed) -> Option<i64> {
    let mut all: Vec<i64> = pods::of(target, observed).into_iter().filter_map(seconds).collect();
    all.sort_unstable();
    (all.len() >= SAMPLES).then(|| all[all.len() / 2])
}

fn seconds(pod: &Pod) -> Option<i64> {
    let seen = pod.status.as_ref()?.start_time.as_ref()?.0.as_second();
    let container = pods::containers(pod).last()?;
    let began = pods::last_end(container)?.started_at.as_ref()?.0.as_second();
    Some((began - seen).max(0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wait::tests::observed;

    fn pods_of(job: &str, seconds: &[u32]) -> Vec<Value> {
        let pod = |(number, seconds): (usize, &u32)| {
            json!({
                "metadata": {"name": format!("{job}-{number}"),
                             "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": "u"}]},
                "spec": {"containers": []},
                "status": {"phase": "Succeeded", "startTime": "2026-11-21T08:00:00Z", "containerStatuses": [
                    {"name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": {
                        "exitCode": 0, "startedAt": format!("2026-11-21T08:00:{seconds:02}Z")}}}]},
            })
        };
        seconds.iter().enumerate().map(pod).collect()
    }

    fn progress(here: &[u32], there: &[u32]) -> Progress {
        let job = |name: &str| json!({"metadata": {"name": name}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}});
        let pods = [pods_of("here", here), pods_of("there", there)].concat();
        let seen = observed(json!({"jobs": [job("here"), job("there")], "pods": pods}));
        no_slower(&"job/here".parse().unwrap(), &"job/there".parse().unwrap(), &seen)
    }

    #[test]
    fn only_a_multiple_of_several_seconds_counts() {
        let usual = [1, 1, 2, 2, 9];
        assert_eq!(progress(&[1, 2, 2, 3, 40], &usual), Progress::Met, "one that waited says nothing");
        assert_eq!(progress(&[5, 5, 5, 5, 5], &usual), Progress::Met, "a few seconds say nothing");
        assert_eq!(progress(&[20, 20, 20, 20, 20], &[9, 9, 9, 9, 9]), Progress::Met, "twice as long is noise");
        assert_eq!(
            progress(&[20, 21, 22, 23, 1], &usual),
            Progress::Failed("half of its pods take 21 s or longer to start, those of job/there 2 s".to_owned())
        );
        assert!(matches!(progress(&[20, 20], &usual), Progress::NotYet(_)));
    }
}
