//! How a pod of an add-on does, and whose doing it is when it does not. Pure.

use amiproof_core::wait::{Progress, pods};
use amiproof_core::workload::judge::{is_registry_answer, no_room};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

/// So many ends of a container, the last one not long ago, mean that it keeps crashing although it happens to run now.
const CRASHES: i32 = 3;
const LATELY: SignedDuration = SignedDuration::from_mins(10);

/// How a pod does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// Ready, and not crashing.
    Well,
    /// Not Ready yet: what it waits for.
    Waiting(String),
    /// It will not get well by waiting: why.
    Ill(String),
    /// A registry that refuses, or no room: says nothing about the host.
    Infrastructure(String),
}

/// Judges a pod at a moment.
pub(super) fn of(pod: &Pod, now: Timestamp) -> Health {
    if let Some(message) = no_room(pod) {
        return Health::Infrastructure(format!("there is no room for pod {}: {message}", pod.name_any()));
    }
    if let Some((_, message)) = pods::pull_failure(pod).filter(|(_, message)| is_registry_answer(message)) {
        return Health::Infrastructure(format!("the registry refuses an image of pod {}: {message}", pod.name_any()));
    }
    if let Some(why) = keeps_crashing(pod, now) {
        return Health::Ill(why);
    }
    if pods::is_ready(pod) {
        return Health::Well;
    }
    match pods::waiting_for(pod) {
        Progress::Never(why) => Health::Ill(why),
        Progress::NotYet(why) => Health::Waiting(why),
        Progress::Met => Health::Well,
    }
}

fn keeps_crashing(pod: &Pod, now: Timestamp) -> Option<String> {
    pods::containers(pod).find_map(|container| {
        let end = container.last_state.as_ref()?.terminated.as_ref()?;
        let ended = end.finished_at.as_ref()?.0;
        let is_crash = end.exit_code != 0 && container.restart_count >= CRASHES && now.duration_since(ended) < LATELY;
        is_crash.then(|| {
            format!(
                "container {} of pod {} was restarted {} times, last after {}",
                container.name,
                pod.name_any(),
                container.restart_count,
                pods::words_of(end)
            )
        })
    })
}

/// From its creation to its Ready condition; `None` while it is not Ready.
pub(super) fn time_to_ready(pod: &Pod) -> Option<SignedDuration> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    let since = ready.last_transition_time.as_ref()?.0;
    Some(since.duration_since(pod.metadata.creation_timestamp.as_ref()?.0))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-11-21T12:00:00Z";

    /// A pod of a DaemonSet.
    pub(crate) fn pod(node: &str, ready: bool, container: Value) -> Pod {
        let mut status = json!({"name": "main", "image": "i", "imageID": "", "ready": ready, "restartCount": 0});
        for (key, value) in container.as_object().unwrap() {
            status[key] = value.clone();
        }
        serde_json::from_value(json!({
            "metadata": {"name": format!("aws-node-{node}"), "namespace": "kube-system", "creationTimestamp": "2026-11-21T11:00:00Z",
                         "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "aws-node", "uid": "u"}]},
            "spec": {"nodeName": node, "containers": []},
            "status": {"phase": "Running", "containerStatuses": [status],
                       "conditions": [{"type": "Ready", "status": if ready {"True"} else {"False"},
                                       "lastTransitionTime": "2026-11-21T11:00:12Z"}]},
        }))
        .unwrap()
    }

    fn health(pod: &Pod) -> Health {
        of(pod, NOW.parse().unwrap())
    }

    #[test]
    fn a_ready_pod_is_well_and_says_how_long_it_took() {
        let well = pod("a", true, json!({}));
        assert_eq!(health(&well), Health::Well);
        assert_eq!(time_to_ready(&well), Some(SignedDuration::from_secs(12)));
        assert_eq!(time_to_ready(&pod("a", false, json!({}))), None);
    }

    #[test]
    fn crashes_of_long_ago_are_forgiven_and_those_of_now_are_not() {
        let crashed = |finished: &str, restarts: i32, code: i32| {
            let end = json!({"exitCode": code, "finishedAt": finished, "message": "no metadata"});
            health(&pod("a", true, json!({"restartCount": restarts, "lastState": {"terminated": end}})))
        };
        let told = "container main of pod aws-node-a was restarted 3 times, last after exit code 1: no metadata";
        assert_eq!(crashed("2026-11-21T11:55:00Z", 3, 1), Health::Ill(told.to_owned()));
        assert_eq!(crashed("2026-11-20T11:55:00Z", 3, 1), Health::Well);
        assert_eq!(crashed("2026-11-21T11:55:00Z", 2, 1), Health::Well);
        assert_eq!(crashed("2026-11-21T11:55:00Z", 3, 0), Health::Well, "it ended because it was asked to");
    }

    #[test]
    fn what_the_registry_refuses_is_not_the_hosts_doing_and_what_cannot_be_reached_may_be() {
        let pulling = |message: &str| {
            let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": message}});
            health(&pod("a", false, json!({"state": waiting})))
        };
        assert!(matches!(pulling("403 Forbidden"), Health::Infrastructure(_)));
        assert!(matches!(pulling("dial tcp 10.0.0.1:443: i/o timeout"), Health::Waiting(_)));
    }
}
