//! The health of a pod of an add-on, and whether the node or the infrastructure is at fault. Pure.

use amiproof_core::wait::{Progress, pods};
use amiproof_core::workload::judge::{is_registry_answer, no_room};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::ResourceExt as _;

/// This many restarts of a container, the last one recent, mean that it keeps crashing although it happens to run now.
const CRASHES: i32 = 3;
const LATELY: SignedDuration = SignedDuration::from_mins(10);
/// How long a container must run after a crash before its being Ready counts: without a readiness probe it is Ready from its start,
/// also between two crashes.
const STEADY: SignedDuration = SignedDuration::from_mins(1);

/// The health of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// Ready, and not crashing.
    Healthy,
    /// Not Ready yet: what it waits for.
    Waiting(String),
    /// It will not become Ready by waiting: why.
    Unhealthy(String),
    /// A registry that refuses, or no capacity: says nothing about the host.
    Infrastructure(String),
}

/// The health of a pod at a point in time.
pub(super) fn of(pod: &Pod, now: Timestamp) -> Health {
    if let Some(message) = no_room(pod) {
        return Health::Infrastructure(format!("there is insufficient capacity for pod {}: {message}", pod.name_any()));
    }
    if let Some((_, message)) = pods::pull_failure(pod).filter(|(_, message)| is_registry_answer(message)) {
        return Health::Infrastructure(format!("the registry refuses an image of pod {}: {message}", pod.name_any()));
    }
    if let Some(crash) = Crash::last(pod) {
        if crash.restarts >= CRASHES && now.duration_since(crash.at) < LATELY {
            return Health::Unhealthy(crash.message);
        }
        if pods::is_ready(pod) && now.duration_since(crash.at) < STEADY {
            return Health::Waiting(crash.message);
        }
    }
    if pods::is_ready(pod) {
        return Health::Healthy;
    }
    match pods::waiting_for(pod) {
        Progress::Failed(why) => Health::Unhealthy(why),
        Progress::NotYet(why) => Health::Waiting(why),
        Progress::Met => Health::Healthy,
    }
}

/// The end of a container that came back since.
struct Crash {
    at: Timestamp,
    restarts: i32,
    message: String,
}

impl Crash {
    /// The last one of any of the pod's containers.
    fn last(pod: &Pod) -> Option<Self> {
        let crashes = pods::containers(pod).filter_map(|container| {
            let end = container.last_state.as_ref()?.terminated.as_ref().filter(|end| is_crash(end))?;
            let restarts = container.restart_count;
            let times = if restarts == 1 { "once".to_owned() } else { format!("{restarts} times, last") };
            let (name, pod, words) = (&container.name, pod.name_any(), pods::words_of(end));
            let message = format!("container {name} of pod {pod} was restarted {times} after {words}");
            Some(Self { at: end.finished_at.as_ref()?.0, restarts, message })
        });
        crashes.max_by_key(|crash| (crash.restarts >= CRASHES, crash.at))
    }
}

/// Whether a container ended by its own fault. One that a reboot took along is found dead by the container runtime afterwards, which
/// then says 255 and `Unknown` (containerd/containerd, `unknownExitCode` and `unknownExitReason`).
fn is_crash(end: &ContainerStateTerminated) -> bool {
    end.exit_code != 0 && !(end.exit_code == 255 && end.reason.as_deref() == Some("Unknown"))
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
        assert_eq!(health(&well), Health::Healthy);
        assert_eq!(time_to_ready(&well), Some(SignedDuration::from_secs(12)));
        assert_eq!(time_to_ready(&pod("a", false, json!({}))), None);
    }

    #[test]
    fn crashes_of_long_ago_are_forgiven_and_those_of_now_are_not() {
        let crashed = |finished: &str, restarts: i32, code: i32| {
            let end = json!({"exitCode": code, "finishedAt": finished, "message": "no metadata"});
            health(&pod("a", true, json!({"restartCount": restarts, "lastState": {"terminated": end}})))
        };
        let message = "container main of pod aws-node-a was restarted 3 times, last after exit code 1: no metadata";
        assert_eq!(crashed("2026-11-21T11:55:00Z", 3, 1), Health::Unhealthy(message.to_owned()));
        assert_eq!(crashed("2026-11-20T11:55:00Z", 3, 1), Health::Healthy);
        assert_eq!(crashed("2026-11-21T11:55:00Z", 2, 1), Health::Healthy);
        let message = "container main of pod aws-node-a was restarted once after exit code 1: no metadata";
        assert_eq!(crashed("2026-11-21T11:59:30Z", 1, 1), Health::Waiting(message.to_owned()), "it may crash again");
        assert_eq!(crashed("2026-11-21T11:55:00Z", 3, 0), Health::Healthy, "it ended because it was asked to");
        let end = json!({"exitCode": 255, "reason": "Unknown", "finishedAt": "2026-11-21T11:59:30Z"});
        let rebooted = pod("a", true, json!({"restartCount": 4, "lastState": {"terminated": end}}));
        assert_eq!(health(&rebooted), Health::Healthy, "its host was rebooted");
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
