//! The nodes of a variant: waiting for them, and what a report says about them.

use std::time::Duration;

use amiproof_model::matrix::{NodeSource, Variant};
use amiproof_model::name::RunId;
use amiproof_model::report::NodeRecord;
use amiproof_model::selector::NodeSelector;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Taint};
use kube::api::ListParams;
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use tokio::time::Instant;

use super::watch::{self, Stopped};
use super::{Access, NODE_GROUP_LABEL};
use crate::aws::names;

/// Why the nodes of a variant are not available.
#[derive(Debug, thiserror::Error)]
pub enum NodesError {
    /// Too few were Ready in time.
    #[error("{}", never_ready(*wanted, *after, seen, last_error.as_deref()))]
    NotReady {
        /// The expected number.
        wanted: usize,
        /// The deadline.
        after: Duration,
        /// The last state of each node.
        seen: Vec<NodeState>,
        /// The API server's last error, if it was unavailable at the end.
        last_error: Option<String>,
    },
    /// The API server rejected the request.
    #[error(
        "cannot list the nodes '{selector}': {}; does the identity of this run have an access entry that may read nodes?", super::explain::chain(&**source)
    )]
    Refused {
        /// The label selector.
        selector: String,
        /// The answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The last state of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeState {
    /// The node's name.
    pub name: String,
    /// `Ready`, or why it is not: the Ready condition's reason and message.
    pub state: String,
}

impl NodeState {
    /// Whether it was Ready.
    pub fn is_ready(&self) -> bool {
        self.state == READY
    }
}

fn never_ready(wanted: usize, after: Duration, seen: &[NodeState], last_error: Option<&str>) -> String {
    let ready = seen.iter().filter(|node| node.is_ready()).count();
    let mut text = format!("{ready} of {wanted} nodes were Ready after {}s", after.as_secs());
    if seen.is_empty() {
        text.push_str("; no node registered");
    }
    for node in seen {
        text.push_str(&format!("; {}: {}", node.name, node.state));
    }
    if let Some(error) = last_error {
        text.push_str(&format!("; the API server's last error: {error}"));
    }
    text
}

const READY: &str = "Ready";

/// The label selector of a managed node group.
pub fn of_group(node_group: &str) -> String {
    format!("{NODE_GROUP_LABEL}={node_group}")
}

/// Waits until `wanted` nodes that match `selector` are Ready, and describes them: ordered by creation, then by name, counted from 1. Nodes
/// beyond the wanted number are described too if they are Ready. Failed requests are retried until the deadline.
///
/// # Errors
/// If too few are Ready within `within`: with the last state of each ([Node,
/// watch](https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/)). A broken
/// watch is resumed; an error of the API server is repeated in the message.
pub async fn wait_ready(
    access: &Access,
    selector: &str,
    wanted: usize,
    within: Duration,
) -> Result<Vec<NodeRecord>, NodesError> {
    let api: Api<Node> = Api::all(access.client());
    let mut last: Vec<NodeState> = Vec::new();
    let stream = watch::follow(api, watcher::Config::default().labels(selector));
    let nodes = watch::until(stream, Instant::now() + within, |nodes: Vec<Node>| {
        last = nodes.iter().map(seen).collect();
        let ready: Vec<Node> = nodes.into_iter().filter(is_ready).collect();
        (ready.len() >= wanted).then_some(ready)
    });
    match nodes.await {
        Ok(nodes) => Ok(records(nodes)),
        Err(Stopped::Deadline { last_error }) => {
            Err(NodesError::NotReady { wanted, after: within, seen: last, last_error })
        }
        Err(Stopped::Refused(source)) => Err(NodesError::Refused { selector: selector.to_owned(), source }),
    }
}

/// The nodes that match `selector`, Ready or not, ordered by creation, then by name.
///
/// # Errors
/// If the API server rejects the request ([Node, list](https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/)).
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn list(access: &Access, selector: &str) -> Result<Vec<Node>, NodesError> {
    let api: Api<Node> = Api::all(access.client());
    let mut nodes = api
        .list(&ListParams::default().labels(selector))
        .await
        .map_err(|source| NodesError::Refused { selector: selector.to_owned(), source: Box::new(source) })?
        .items;
    order(&mut nodes);
    Ok(nodes)
}

/// Describes nodes: ordered by creation, then by name, counted from 1.
pub fn records(mut nodes: Vec<Node>) -> Vec<NodeRecord> {
    order(&mut nodes);
    nodes.iter().zip(1..).map(|(node, index)| record(node, index)).collect()
}

fn order(nodes: &mut [Node]) {
    nodes.sort_by_cached_key(|node| (created(node), node.name_any()));
}

fn created(node: &Node) -> Option<Timestamp> {
    node.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

fn record(node: &Node, index: u32) -> NodeRecord {
    let about = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    let text =
        |pick: fn(&k8s_openapi::api::core::v1::NodeSystemInfo) -> &String| about.map(pick).cloned().unwrap_or_default();
    NodeRecord {
        index,
        name: node.name_any(),
        instance_id: node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref()).and_then(instance_id),
        ami_id: None,
        os_image: text(|about| &about.os_image),
        kernel: text(|about| &about.kernel_version),
        kubelet: text(|about| &about.kubelet_version),
        runtime: text(|about| &about.container_runtime_version),
        boot_to_ready_seconds: None,
        facts: indexmap::IndexMap::new(),
        fact_differences: None,
    }
}

/// The instance of a provider id: `i-…` of `aws:///us-west-2a/i-…`.
pub fn instance_id(provider_id: &str) -> Option<String> {
    let path = provider_id.strip_prefix("aws://")?;
    path.rsplit('/').next().filter(|last| last.starts_with("i-")).map(str::to_owned)
}

fn ready_condition(node: &Node) -> Option<&NodeCondition> {
    node.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == READY)
}

/// Whether a node is Ready and not about to be removed.
pub fn is_ready(node: &Node) -> bool {
    node.metadata.deletion_timestamp.is_none()
        && ready_condition(node).is_some_and(|condition| condition.status == "True")
}

/// When a node became Ready; `None` if it is not Ready.
pub fn ready_since(node: &Node) -> Option<Timestamp> {
    let condition = ready_condition(node).filter(|condition| condition.status == "True")?;
    condition.last_transition_time.as_ref().map(|time| time.0)
}

/// Why a node is not Ready, or `Ready`.
pub(crate) fn seen(node: &Node) -> NodeState {
    let state = match ready_condition(node) {
        _ if node.metadata.deletion_timestamp.is_some() => "being removed".to_owned(),
        None => "registered, but its kubelet has not reported yet".to_owned(),
        Some(condition) if condition.status == "True" => READY.to_owned(),
        Some(condition) => {
            let reason = condition.reason.as_deref().unwrap_or("not Ready");
            match condition.message.as_deref() {
                Some(message) if !message.is_empty() => format!("{reason}: {message}"),
                _ => reason.to_owned(),
            }
        }
    };
    NodeState { name: node.name_any(), state }
}

/// The taints that the owner of a node has set. Those of Kubernetes itself (not ready, under pressure, cordoned) indicate a problem and
/// must not be tolerated.
pub fn owner_taints<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Vec<Taint> {
    let mut taints: Vec<Taint> = Vec::new();
    let all = nodes.into_iter().filter_map(|node| node.spec.as_ref()?.taints.as_ref()).flatten();
    for taint in all {
        let of_kubernetes =
            taint.key.starts_with("node.kubernetes.io/") || taint.key.starts_with("node.cloudprovider.kubernetes.io/");
        let keeps_off = taint.effect == "NoSchedule" || taint.effect == "NoExecute";
        let known = taints
            .iter()
            .any(|other| (&other.key, &other.value, &other.effect) == (&taint.key, &taint.value, &taint.effect));
        if keeps_off && !of_kubernetes && !known {
            taints.push(Taint { time_added: None, ..taint.clone() });
        }
    }
    taints
}

/// The label of Windows nodes with their build (Kubernetes, "Well-Known Labels").
pub const WINDOWS_BUILD_LABEL: &str = "node.kubernetes.io/windows-build";

/// The release of Windows that nodes run, as image tags name it; `None` for Linux, and for a build without base images.
pub fn windows_release(found: &[Node]) -> Option<String> {
    let build = found.iter().find_map(|node| node.labels().get(WINDOWS_BUILD_LABEL))?;
    amiproof_model::workload::windows_release(build).map(str::to_owned)
}

/// The selector of a variant's nodes, which its pods are pinned to.
pub fn selector_of(run: &RunId, variant: &Variant) -> NodeSelector {
    match &variant.nodes {
        NodeSource::Made(_) => NodeSelector::label(NODE_GROUP_LABEL, &names::node_group(run, &variant.name)),
        NodeSource::Selected(selector) => selector.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, created: &str, ready: &str) -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": name, "creationTimestamp": created},
            "spec": {"providerID": format!("aws:///us-west-2a/i-0{name}"),
                     "taints": [{"key": "team", "value": "a", "effect": "NoSchedule"},
                                {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
                                {"key": "soft", "effect": "PreferNoSchedule"}]},
            "status": {
                "conditions": [{"type": "Ready", "status": ready, "reason": "KubeletNotReady",
                                "message": "container runtime network not ready", "lastTransitionTime": created}],
                "nodeInfo": {"osImage": "Amazon Linux 2023", "kernelVersion": "6.12", "kubeletVersion": "v1.36.2-eks-1",
                             "containerRuntimeVersion": "containerd://2.1.9", "architecture": "amd64", "bootID": "b",
                             "kubeProxyVersion": "", "machineID": "m", "operatingSystem": "linux", "systemUUID": "s"}}
        }))
        .unwrap()
    }

    #[test]
    fn nodes_are_counted_by_creation_then_by_name() {
        let nodes = vec![
            node("c", "2026-11-21T08:01:00Z", "True"),
            node("b", "2026-11-21T08:00:00Z", "True"),
            node("a", "2026-11-21T08:01:00Z", "True"),
        ];
        let records = records(nodes);
        let names: Vec<_> = records.iter().map(|node| (node.index, node.name.as_str())).collect();
        assert_eq!(names, [(1, "b"), (2, "a"), (3, "c")]);
        assert_eq!(records[0].instance_id.as_deref(), Some("i-0b"));
        assert_eq!(records[0].kubelet, "v1.36.2-eks-1");
    }

    #[test]
    fn a_deadline_says_what_was_last_seen_of_each_node() {
        let lost = node("a", "2026-11-21T08:00:00Z", "False");
        let error = NodesError::NotReady {
            wanted: 2,
            after: Duration::from_secs(480),
            seen: vec![seen(&lost), seen(&node("b", "2026-11-21T08:00:00Z", "True"))],
            last_error: None,
        };
        assert_eq!(
            error.to_string(),
            "1 of 2 nodes were Ready after 480s; a: KubeletNotReady: container runtime network not ready; b: Ready"
        );
    }

    #[test]
    fn only_taints_of_the_owner_are_tolerated_and_each_once() {
        let nodes = [node("a", "2026-11-21T08:00:00Z", "True"), node("b", "2026-11-21T08:00:00Z", "True")];
        let taints = owner_taints(&nodes);
        assert_eq!(taints.iter().map(|taint| taint.key.as_str()).collect::<Vec<_>>(), ["team"]);
    }

    #[test]
    fn instance_ids_come_from_provider_ids_of_aws_only() {
        assert_eq!(instance_id("aws:///us-west-2a/i-0abc").as_deref(), Some("i-0abc"));
        assert_eq!(instance_id("kind://docker/kind/kind-worker"), None);
        assert_eq!(instance_id("aws:///us-west-2a/fargate-1"), None);
    }
}
