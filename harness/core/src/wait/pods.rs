//! Messages about what a pod is waiting for, and how its containers ended.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod};
use kube::ResourceExt as _;

use super::observed::Observed;
use super::target::{Kind, Target};

/// After this many restarts of a crashing container, waiting longer is pointless: the back-off is 40 s by then.
const CRASHES: i32 = 3;

/// The pods that belong to a target, by owner; ordered by name. A Deployment's pods are owned by its ReplicaSet, whose name
/// begins with the Deployment's.
pub fn of<'a>(target: &Target, observed: &'a Observed) -> Vec<&'a Pod> {
    let mut pods: Vec<&Pod> = observed.pods.iter().filter(|pod| belongs(pod, target)).collect();
    pods.sort_by_key(|pod| pod.name_any());
    pods
}

fn belongs(pod: &Pod, target: &Target) -> bool {
    let owned = |kind: &str, is_name: &dyn Fn(&str) -> bool| {
        pod.owner_references().iter().any(|owner| owner.kind == kind && is_name(&owner.name))
    };
    match target.kind {
        Kind::Pod => pod.name_any() == target.name,
        Kind::Deployment => {
            owned("ReplicaSet", &|name| name.rsplit_once('-').is_some_and(|(deployment, _)| deployment == target.name))
        }
        Kind::StatefulSet | Kind::DaemonSet | Kind::Job => owned(target.kind.manifest(), &|name| name == target.name),
        // A CronJob's pods are owned by its Jobs, whose names begin with the CronJob's.
        Kind::CronJob => {
            owned("Job", &|name| name.rsplit_once('-').is_some_and(|(cron_job, _)| cron_job == target.name))
        }
        // The pods that an autoscaler or a budget is about belong to another object.
        Kind::Autoscaler | Kind::Budget => false,
        Kind::Claim => {
            pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()).any(|volume| {
                volume.persistent_volume_claim.as_ref().is_some_and(|claim| claim.claim_name == target.name)
            })
        }
    }
}

/// The node that a pod is bound to.
pub fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// `Pending`, `Running`, `Succeeded`, `Failed`.
pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// Whether a pod serves: its Ready condition is true and it is not being removed.
pub fn is_ready(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && condition(pod, "Ready").is_some_and(|(status, _)| status == "True")
}

/// Whether it has no network of its own but its node's.
pub fn is_on_host_network(pod: &Pod) -> bool {
    pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true))
}

/// Its address in the cluster.
pub fn address(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.pod_ip.as_deref().filter(|address| !address.is_empty())
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<(&'a str, &'a str)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let found = conditions.iter().find(|condition| condition.type_ == kind)?;
    Some((&found.status, found.message.as_deref().unwrap_or_default()))
}

/// Init containers first, as they run.
pub fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.and_then(|status| status.init_container_statuses.as_ref()).into_iter().flatten();
    init.chain(status.and_then(|status| status.container_statuses.as_ref()).into_iter().flatten())
}

fn ended(state: Option<&ContainerState>) -> Option<&ContainerStateTerminated> {
    state?.terminated.as_ref()
}

/// How a container last ended, now or before its latest restart.
pub fn last_end(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    ended(container.state.as_ref()).or_else(|| ended(container.last_state.as_ref()))
}

/// The first container that ended with something other than 0, now or before its latest restart.
pub fn failed_container(pod: &Pod) -> Option<(&ContainerStatus, &ContainerStateTerminated)> {
    containers(pod).find_map(|container| {
        let end = last_end(container).filter(|end| end.exit_code != 0)?;
        Some((container, end))
    })
}

/// `exit code 1: wget: download timed out`: how a container ended, with its termination message on one line.
pub fn words_of(end: &ContainerStateTerminated) -> String {
    let mut text = match end.signal {
        Some(signal) if signal != 0 => format!("killed by signal {signal}"),
        _ => format!("exit code {}", end.exit_code),
    };
    if let Some(reason) = end.reason.as_deref().filter(|reason| !matches!(*reason, "Error" | "Completed" | "")) {
        text.push_str(&format!(" ({reason})"));
    }
    let message = end.message.as_deref().unwrap_or_default();
    if let Some(last) = message.lines().map(str::trim).rfind(|line| !line.is_empty()) {
        text.push_str(&format!(": {last}"));
    }
    text
}

/// Whether a container's image cannot be pulled at the moment, and what the kubelet says about it.
pub fn pull_failure(pod: &Pod) -> Option<(&ContainerStatus, String)> {
    containers(pod).find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let pulling = matches!(
            reason,
            "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "RegistryUnavailable" | "ErrImageNeverPull"
        );
        pulling.then(|| (container, waiting.message.clone().unwrap_or_else(|| reason.to_owned())))
    })
}

/// What a pod that is not ready is waiting for, or why it never will be.
pub fn waiting_for(pod: &Pod) -> super::Progress {
    use super::Progress::{Failed, NotYet};
    let name = pod.name_any();
    if phase(pod) == "Failed" {
        return Failed(format!("pod {name} failed: {}", end_of(pod)));
    }
    if let Some(("False", message)) = condition(pod, "PodScheduled") {
        return NotYet(format!("pod {name} is not scheduled: {message}"));
    }
    if let Some((container, message)) = pull_failure(pod) {
        return NotYet(format!("pod {name} cannot pull {}: {message}", container.image));
    }
    for container in containers(pod) {
        let Some(waiting) = container.state.as_ref().and_then(|state| state.waiting.as_ref()) else { continue };
        let reason = waiting.reason.as_deref().unwrap_or("waiting");
        if reason == "CrashLoopBackOff" {
            let end = last_end(container).map(words_of).unwrap_or_else(|| "it crashed".to_owned());
            let text = format!(
                "container {} of pod {name} crashed {}, last with {end}",
                container.name,
                match container.restart_count {
                    1 => "once".to_owned(),
                    count => format!("{count} times"),
                }
            );
            return if container.restart_count >= CRASHES { Failed(text) } else { NotYet(text) };
        }
        if let Some(message) = waiting.message.as_deref().filter(|message| !message.is_empty()) {
            return NotYet(format!("pod {name} is waiting: {reason}: {message}"));
        }
    }
    NotYet(match node(pod) {
        None => format!("pod {name} is not scheduled yet"),
        Some(node) if phase(pod) == "Pending" => format!("pod {name} is starting on {node}"),
        // For a pod of a Job the exit code matters, not readiness.
        Some(node) if is_of_job(pod) => format!("pod {name} still runs on {node}"),
        Some(node) => format!("pod {name} runs on {node} but is not ready"),
    })
}

fn is_of_job(pod: &Pod) -> bool {
    pod.metadata.owner_references.iter().flatten().any(|owner| owner.kind == "Job")
}

/// How a failed pod ended: its first failed container, or what the pod itself says (evicted, lost with its node).
pub fn end_of(pod: &Pod) -> String {
    if let Some((container, end)) = failed_container(pod) {
        return format!("container {} ended with {}", container.name, words_of(end));
    }
    let status = pod.status.as_ref();
    let reason = status.and_then(|status| status.reason.as_deref()).unwrap_or("no reason given");
    match status.and_then(|status| status.message.as_deref()) {
        Some(message) => format!("{reason}: {message}"),
        None => reason.to_owned(),
    }
}
