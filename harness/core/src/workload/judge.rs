//! The verdict on a workload: who is at fault if a condition was not met, and the message. Pure.
//!
//! Three questions in this order. Did every pod run on the right node (otherwise nothing can be concluded)? Is the infrastructure at
//! fault: a registry that refuses, a quota, full nodes, a node of the reference (then amiproof could not decide)? Otherwise it is a
//! finding about the variant.

use std::time::Duration;

use amiproof_model::attribution::TrafficPair;
use amiproof_model::pull::{REFUSES, is_unauthorized};
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use k8s_openapi::api::core::v1::{Event, Pod};

use super::evidence::{event_lines, images, last_words, pod_table, restarts};
use super::target_nodes::TargetNodes;
use crate::check::{CheckError, Decision};
use crate::evidence::evidence;
use crate::wait::{Condition, Observed, Progress, Target, pods};

/// Everything that is known when waiting ends.
#[derive(Clone, Debug)]
pub struct Ended<'a> {
    /// The conditions with their progress, in the order of the workload file.
    pub conditions: &'a [(Condition, Progress)],
    /// The last state of the namespace.
    pub observed: &'a Observed,
    /// The events of the namespace.
    pub events: &'a [Event],
    /// Where pods may run.
    pub targets: &'a TargetNodes,
    /// The deadline, if it ended the waiting.
    pub timed_out: Option<Duration>,
    /// The API server's last error, if it was unavailable at the end.
    pub api_error: Option<&'a str>,
}

/// Decides.
///
/// # Errors
/// When the outcome says nothing about the variant.
pub fn decide(ended: &Ended<'_>) -> Result<Decision, CheckError> {
    let placements = ended.targets.proof(&ended.observed.pods).map_err(CheckError::Undecided)?;
    let unmet: Vec<_> = ended.conditions.iter().filter(|(_, progress)| *progress != Progress::Met).collect();
    let verdict = if unmet.is_empty() {
        Verdict::Pass
    } else {
        if let Some(reason) = infrastructure(ended, &unmet) {
            return Err(CheckError::Undecided(format!("{reason}\n\n{}", story(ended))));
        }
        let of = |(condition, progress): &(Condition, Progress)| finding(ended, condition, progress);
        let decided: Vec<_> = unmet.iter().filter(|one| !is_cut_off(ended, one)).map(|one| of(one)).collect();
        Verdict::Fail(if decided.is_empty() { unmet.iter().map(|one| of(one)).collect() } else { decided })
    };
    Ok(Decision { evidence: proof(ended, &verdict), verdict, placements, traffic: traffic(ended) })
}

/// Whether waiting for a condition ended because another one failed: then nothing is known about it. A client that
/// has failed counts, even if its Job does not show that yet.
fn is_cut_off(ended: &Ended<'_>, (condition, progress): &(Condition, Progress)) -> bool {
    let has_failed =
        |target: &Target| pods::of(target, ended.observed).into_iter().any(|pod| pods::phase(pod) == "Failed");
    ended.timed_out.is_none()
        && ended.api_error.is_none()
        && matches!(progress, Progress::NotYet(_))
        && !has_failed(condition.subject())
}

/// Why the variant is not at fault, if it is not.
fn infrastructure(ended: &Ended<'_>, unmet: &[&(Condition, Progress)]) -> Option<String> {
    if let Some(error) = ended.api_error {
        return Some(format!("the API server was unreachable at the deadline: {error}"));
    }
    let refused = ended.events.iter().find_map(refused_by_api);
    if let Some(message) = refused {
        return Some(format!("the API server refuses the workload's pods: {message}"));
    }
    let pulls: Vec<(&Pod, String)> =
        ended.observed.pods.iter().filter_map(|pod| Some((pod, pods::pull_failure(pod)?.1))).collect();
    if let Some((_, message)) = pulls.iter().find(|(_, message)| is_registry_answer(message)) {
        return Some(format!("{REFUSES}{message}"));
    }
    if let Some((_, message)) = pulls.iter().find(|(pod, _)| ended.targets.is_elsewhere(pod)) {
        return Some(format!("the reference's nodes cannot pull the image either: {message}"));
    }
    if let Some(message) = ended.observed.pods.iter().find_map(no_room) {
        return Some(format!("the nodes have insufficient capacity for the workload: {message}"));
    }
    let (condition, _) = unmet.iter().find(|(condition, _)| is_stuck_elsewhere(ended, condition))?;
    Some(format!("{condition} waits for a pod on the reference's nodes, which is not caused by the variant"))
}

/// The message of a controller that cannot create pods: quota, Pod Security, an admission webhook.
fn refused_by_api(event: &Event) -> Option<&str> {
    let message = event.message.as_deref()?;
    let refused = event.reason.as_deref() == Some("FailedCreate")
        && ["exceeded quota", "violates PodSecurity", "admission webhook", "is forbidden"]
            .iter()
            .any(|part| message.contains(part));
    refused.then_some(message)
}

/// Whether a pull failed because the registry answered no. One that cannot be reached at all may be the node's own firewall or
/// its crypto policy.
pub fn is_registry_answer(message: &str) -> bool {
    const ANSWERS: [&str; 4] = ["not found", "manifest unknown", "toomanyrequests", "Too Many Requests"];
    is_unauthorized(message) || ANSWERS.iter().any(|answer| message.contains(answer))
}

/// What the scheduler says about a pod for which there is too little of something that the instance type decides.
pub fn no_room(pod: &Pod) -> Option<&str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled =
        conditions.iter().find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?;
    let message = scheduled.message.as_deref()?;
    let full = ["Insufficient ", "Too many pods", "exceed max volume count", "have free ports"];
    full.iter().any(|word| message.contains(word)).then_some(message)
}

/// Whether what a condition waits for is a pod on a node of the reference that does not even run. A client there that ran and got
/// no answer is another matter: that is a connection, and its pair says who is to blame.
fn is_stuck_elsewhere(ended: &Ended<'_>, condition: &Condition) -> bool {
    let stuck = |target: &Target| {
        pods::of(target, ended.observed)
            .into_iter()
            .any(|pod| ended.targets.is_elsewhere(pod) && !pods::is_ready(pod) && !has_ended(pod))
    };
    match condition {
        Condition::Reaches { client, server } => {
            let client_ran =
                pods::of(client, ended.observed).into_iter().any(|pod| has_ended(pod) || pods::phase(pod) == "Running");
            !client_ran && (stuck(server) || stuck(client))
        }
        // What it is compared with did not run to its end.
        Condition::NoSlower { than, .. } => pods::of(than, ended.observed)
            .into_iter()
            .any(|pod| ended.targets.is_elsewhere(pod) && pods::phase(pod) != "Succeeded"),
        _ => pods::of(condition.subject(), ended.observed)
            .into_iter()
            .any(|pod| ended.targets.is_elsewhere(pod) && !pods::is_ready(pod) && pods::phase(pod) != "Succeeded"),
    }
}

fn has_ended(pod: &Pod) -> bool {
    matches!(pods::phase(pod), "Succeeded" | "Failed") || pods::failed_container(pod).is_some()
}

fn finding(ended: &Ended<'_>, condition: &Condition, progress: &Progress) -> Finding {
    let summary = match (progress, ended.timed_out) {
        (Progress::Failed(why), _) => format!("{condition}: {why}"),
        (Progress::NotYet(why), Some(after)) => format!("{condition}: not met within {}s: {why}", after.as_secs()),
        (Progress::NotYet(why), None) => format!("{condition}: {why}"),
        (Progress::Met, _) => condition.to_string(),
    };
    Finding::new(condition.subject().to_string(), one_line(&summary)).with_detail(story(ended))
}

/// Maximum length of a summary, in characters: a container may write thousands, and the detail has all of them.
const LONGEST_SUMMARY: usize = 500;

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_SUMMARY) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Pods and events, as detail of a finding.
fn story(ended: &Ended<'_>) -> String {
    let events = event_lines(ended.events);
    let pods = pod_table(ended.observed);
    let parts = [("pods:", pods), ("events:", events)];
    let parts = parts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(head, text)| format!("{head}\n{text}"));
    parts.collect::<Vec<_>>().join("\n\n")
}

fn proof(ended: &Ended<'_>, verdict: &Verdict) -> Vec<Evidence> {
    let mut proof = last_words(ended.observed);
    proof.extend(restarts(ended.observed));
    proof.extend(images(ended.observed));
    if *verdict != Verdict::Pass {
        proof.push(evidence("pods", pod_table(ended.observed)));
        let events = event_lines(ended.events);
        if !events.is_empty() {
            proof.push(evidence("events", &events));
        }
    }
    proof
}

/// The connections that were tried: from the client's node to the server's. Only where all pods of the server share one node is it
/// known which one was asked. A connection with an end in a host's own network is left out: it passes other firewall rules than
/// pods do, so it neither clears a node whose pods are cut off, nor is cleared by connections of pods.
fn traffic(ended: &Ended<'_>) -> Vec<TrafficPair> {
    let tried = ended.conditions.iter().filter(|one| !is_cut_off(ended, one));
    let pairs = tried.filter_map(|(condition, progress)| {
        let Condition::Reaches { client, server } = condition else { return None };
        let client = pods::of(client, ended.observed)
            .into_iter()
            .rfind(|pod| has_ended(pod) || pods::phase(pod) == "Running")?;
        let servers = pods::of(server, ended.observed);
        if servers.iter().chain([&client]).any(|pod| pods::is_on_host_network(pod)) {
            return None;
        }
        let mut servers: Vec<&str> = servers.into_iter().filter_map(pods::node).collect();
        servers.dedup();
        let [server] = servers[..] else { return None };
        let ok = *progress == Progress::Met;
        Some(TrafficPair { from: ended.targets.endpoint(pods::node(client)?), to: ended.targets.endpoint(server), ok })
    });
    pairs.collect()
}

#[cfg(test)]
mod tests;
