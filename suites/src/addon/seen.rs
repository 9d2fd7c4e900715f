//! The pods of add-ons: watched until all have settled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiproof_core::check::CheckError;
use amiproof_core::cluster::{Access, NODE_IMAGE_LABEL, nodes, watch};
use amiproof_core::evidence::evidence;
use amiproof_core::wait::{Observed, pods};
use amiproof_core::workload::evidence::{event_lines, last_words, pod_table};
use amiproof_model::verdict::{Evidence, Placement};
use futures::stream::{self, StreamExt as _};
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::api::ListParams;
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use tokio::time::Instant;

use super::{TIMEOUT, health};

/// How often unchanged pods are evaluated again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Watches the pods of some namespaces until `is_settled` returns true, or the timeout passes. Returns the pods in their last state. With
/// `nodes`, only pods on them and unscheduled ones: every variant watches, and would otherwise hold the pods of all others in memory.
pub(super) async fn settled(
    access: &Access,
    namespaces: &BTreeSet<String>,
    nodes: Option<&[&str]>,
    mut is_settled: impl FnMut(&[Pod]) -> bool,
) -> Result<Vec<Pod>, CheckError> {
    if namespaces.is_empty() {
        return Ok(Vec::new());
    }
    let whole = || vec![watcher::Config::default()];
    let on_node = |node: &str| watcher::Config::default().fields(&format!("spec.nodeName={node}"));
    let parts = nodes.map_or_else(whole, |nodes| nodes.iter().copied().chain([""]).map(on_node).collect());
    let watches = namespaces.iter().flat_map(|namespace| parts.iter().map(move |part| (namespace, part)));
    let streams = watches.enumerate().map(|(at, (namespace, part))| {
        let api: Api<Pod> = Api::namespaced(access.client(), namespace);
        watch::follow(api, part.clone()).map(move |list| list.map(|pods| Some((at, pods)))).boxed()
    });
    let count = namespaces.len() * parts.len();
    // A pod that recovered is well once it has run for a while, and no event tells when that is.
    let ticks = stream::repeat(()).then(|()| tokio::time::sleep(LOOK_AGAIN)).map(|()| Ok(None)).boxed();
    let mut seen: BTreeMap<usize, Vec<Pod>> = BTreeMap::new();
    let all = stream::select_all(streams.chain([ticks]));
    let ended = watch::until(all, Instant::now() + TIMEOUT, |change| {
        seen.extend(change);
        let all: Vec<Pod> = seen.values().flatten().cloned().collect();
        (seen.len() == count && is_settled(&all)).then_some(())
    })
    .await;
    match ended {
        Ok(()) | Err(watch::Stopped::Deadline { last_error: None }) => Ok(seen.into_values().flatten().collect()),
        Err(watch::Stopped::Deadline { last_error: Some(error) }) => {
            Err(CheckError::Undecided(format!("the API server was unreachable at the deadline for add-ons: {error}")))
        }
        Err(refused) => Err(CheckError::api("watching the pods of add-ons", refused)),
    }
}

/// The events of some namespaces. They only explain: verdicts do not depend on them.
pub(super) async fn events(access: &Access, namespaces: &BTreeSet<String>) -> Vec<Event> {
    let mut all = Vec::new();
    for namespace in namespaces {
        let api: Api<Event> = Api::namespaced(access.client(), namespace);
        match api.list(&ListParams::default()).await {
            Ok(list) => all.extend(list.items),
            Err(error) => tracing::warn!(namespace, %error, "events of add-ons cannot be read"),
        }
    }
    all
}

/// The evidence for some pods: their state and how long each took, their termination messages, and unusual events about them.
pub(super) fn proof(of: &[&Pod], events: &[Event]) -> Vec<Evidence> {
    let observed = Observed { pods: of.iter().map(|pod| (*pod).clone()).collect(), ..Observed::default() };
    let mut proof = vec![evidence("pods", pod_table(&observed))];
    let times = of.iter().filter_map(|pod| {
        let seconds = health::time_to_ready(pod)?.as_secs();
        Some(format!("{}: Ready {seconds}s after its creation", pod.name_any()))
    });
    let times: Vec<String> = times.collect();
    if !times.is_empty() {
        proof.push(evidence("time to Ready", times.join("\n")));
    }
    proof.extend(last_words(&observed));
    let about = events_about(of, events);
    if !about.is_empty() {
        proof.push(evidence("events", &about));
    }
    proof
}

/// The unusual events about some pods.
pub(super) fn events_about(of: &[&Pod], events: &[Event]) -> String {
    let is_about = |event: &&Event| {
        let object = &event.involved_object;
        of.iter().any(|pod| object.name == pod.metadata.name && object.namespace == pod.metadata.namespace)
    };
    event_lines(&events.iter().filter(is_about).cloned().collect::<Vec<_>>())
}

/// Where pods ran, with instance and image from the node objects.
pub(super) fn placements(of: &[&Pod], all: &[Node]) -> Vec<Placement> {
    let placed = of.iter().filter_map(|pod| {
        let name = pods::node(pod)?;
        let node = all.iter().find(|node| node.name_any() == name);
        let provider = node.and_then(|node| node.spec.as_ref()?.provider_id.as_deref());
        Some(Placement {
            pod: Some(format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())),
            node: name.to_owned(),
            instance_id: provider.and_then(nodes::instance_id),
            ami_id: node.and_then(|node| node.labels().get(NODE_IMAGE_LABEL).cloned()),
        })
    });
    let mut placed: Vec<Placement> = placed.collect();
    placed.sort();
    placed
}
