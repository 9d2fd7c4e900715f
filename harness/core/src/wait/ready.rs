//! All replicas of a controller, or a pod, are ready, and its rollout is over.

use kube::ResourceExt as _;

use super::observed::{Observed, Progress};
use super::pods;
use super::target::{Kind, Target};

/// Whether `target` has all its replicas ready.
pub fn ready(target: &Target, observed: &Observed) -> Progress {
    let counted = match target.kind {
        Kind::Deployment => deployment(target, observed),
        Kind::StatefulSet => stateful_set(target, observed),
        Kind::DaemonSet => daemon_set(target, observed),
        Kind::Pod => pod(target, observed),
        _ => Progress::Failed(format!("a {} is never 'ready'", target.kind.as_str())),
    };
    match counted {
        Progress::NotYet(count) => explained(target, observed, count),
        answer => answer,
    }
}

/// Adds to a count what the first pod that is not ready is waiting for.
fn explained(target: &Target, observed: &Observed, count: String) -> Progress {
    let pods = pods::of(target, observed);
    let Some(pod) = pods.into_iter().find(|pod| !pods::is_ready(pod)) else { return Progress::NotYet(count) };
    match pods::waiting_for(pod) {
        Progress::NotYet(why) => Progress::NotYet(format!("{count}; {why}")),
        // A controller replaces a failed pod; only a bare pod stays failed.
        Progress::Failed(why) if target.kind != Kind::Pod && pods::phase(pod) == "Failed" => {
            Progress::NotYet(format!("{count}; {why}"))
        }
        answer => answer,
    }
}

fn missing(target: &Target) -> Progress {
    Progress::NotYet(format!("{target} does not exist"))
}

fn counted(wanted: i32, ready: i32, seen_generation: bool) -> Progress {
    if !seen_generation {
        Progress::NotYet("its controller has not reconciled it yet".to_owned())
    } else if ready >= wanted {
        Progress::Met
    } else {
        Progress::NotYet(format!("{ready} of {wanted} ready"))
    }
}

fn deployment(target: &Target, observed: &Observed) -> Progress {
    let Some(found) = observed.deployments.iter().find(|found| found.name_any() == target.name) else {
        return missing(target);
    };
    let wanted = found.spec.replicas.unwrap_or(1);
    let Some(status) = &found.status else { return counted(wanted, 0, false) };
    let updated = status.updated_replicas.unwrap_or(0).min(status.ready_replicas.unwrap_or(0));
    let old = status.replicas.unwrap_or(0) > status.updated_replicas.unwrap_or(0);
    let seen = status.observed_generation >= found.metadata.generation;
    match counted(wanted, updated, seen) {
        Progress::Met if old => Progress::NotYet("replicas of an earlier version still exist".to_owned()),
        progress => progress,
    }
}

fn stateful_set(target: &Target, observed: &Observed) -> Progress {
    let Some(found) = observed.stateful_sets.iter().find(|found| found.name_any() == target.name) else {
        return missing(target);
    };
    let wanted = found.spec.replicas.unwrap_or(1);
    let Some(status) = &found.status else { return counted(wanted, 0, false) };
    let seen = status.observed_generation >= found.metadata.generation;
    counted(wanted, status.ready_replicas.unwrap_or(0), seen)
}

fn daemon_set(target: &Target, observed: &Observed) -> Progress {
    let Some(found) = observed.daemon_sets.iter().find(|found| found.name_any() == target.name) else {
        return missing(target);
    };
    let Some(status) = &found.status else { return counted(1, 0, false) };
    let seen = status.observed_generation >= found.metadata.generation;
    // No node at all is never "all nodes": the selector asks for the nodes of the variant, and there is at least one.
    counted(status.desired_number_scheduled.max(1), status.number_ready, seen)
}

fn pod(target: &Target, observed: &Observed) -> Progress {
    match observed.pods.iter().find(|pod| pod.name_any() == target.name) {
        None => missing(target),
        Some(pod) if pods::is_ready(pod) => Progress::Met,
        Some(pod) if pods::phase(pod) == "Succeeded" => {
            Progress::Failed(format!("pod {} ended instead of staying ready", target.name))
        }
        Some(_) => Progress::NotYet("0 of 1 ready".to_owned()),
    }
}
