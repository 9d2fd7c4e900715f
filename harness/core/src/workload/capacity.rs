//! How many more pods a node takes, and how many of those a workload may have.

use std::collections::BTreeMap;

use amiproof_model::selector::NodeSelector;
use amiproof_model::workload::Workload;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use super::demand::{self, NodeCounts};
use crate::check::{CheckError, Doing as _};
use crate::cluster::{Access, nodes};
use crate::context::{Context, Peers};
use crate::wait::pods;

/// Pods that are not counted as free: the workload's own clients, and pods that start in the meantime.
const RESERVED: usize = 4;

/// How many more pods the nodes of a variant take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// On all nodes together, without the reserve.
    pub(crate) all: usize,
    /// On the emptiest node, without the reserve.
    pub(crate) one: usize,
}

/// How many more pods the nodes of a selector take.
///
/// # Errors
/// When the API server rejects the request. The client retries 429, 5xx and broken connections first, a POST only after 429.
pub(crate) async fn of_nodes(access: &Access, selector: &NodeSelector) -> Result<Capacity, CheckError> {
    let free = free(access, selector).await?;
    let without_reserve = |pods: usize| pods.saturating_sub(RESERVED);
    Ok(Capacity { all: without_reserve(free.iter().sum()), one: without_reserve(free.into_iter().max().unwrap_or(0)) })
}

/// The most pods that a workload may put on one of the nodes that a selector finds: what the emptiest has left, without the reserve.
///
/// # Errors
/// When the API server rejects the request. The client retries 429, 5xx and broken connections first, a POST only after 429.
pub(super) async fn on_one_node(access: &Access, selector: &NodeSelector) -> Result<usize, CheckError> {
    Ok(of_nodes(access, selector).await?.one)
}

/// How many of `left` pods a workload may have within the slots that its check has reserved.
pub(super) fn within_share(context: &Context, workload: &Workload, left: usize) -> usize {
    let Some(limit) = context.pods.pods() else { return left };
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let counts = NodeCounts { max_fill: count(left), ..node_counts(context) };
    demand::max_replicas(workload, &counts, limit) as usize
}

/// The numbers of nodes that decide how many pods a workload has, as far as they are known.
pub(crate) fn node_counts(context: &Context) -> NodeCounts {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let peer_nodes = match &*context.peers.borrow() {
        Peers::Ready(nodes) => Some(count(nodes.len())),
        // They are not there yet; the variant's own number is the best guess.
        Peers::Pending => Some(count(context.nodes.len())),
        Peers::Unavailable(_) | Peers::None => None,
    };
    NodeCounts { own_nodes: count(context.nodes.len()), peer_nodes, max_fill: 0 }
}

/// How many more pods each node takes.
async fn free(access: &Access, selector: &NodeSelector) -> Result<Vec<usize>, CheckError> {
    let own = nodes::list(access, selector.as_str()).await.doing("reading the variant's nodes")?;
    let api: Api<Pod> = Api::all(access.client());
    let mut all = Vec::new();
    for node in &own {
        // The cluster's other pods are many, and those that ended take no capacity.
        let alive = format!("spec.nodeName={},status.phase!=Succeeded,status.phase!=Failed", node.name_any());
        let found = api.list(&ListParams::default().fields(&alive)).await;
        all.extend(found.doing("counting the pods of the variant's nodes")?.items);
    }
    Ok(left(&own, &all))
}

fn left(nodes: &[Node], all: &[Pod]) -> Vec<usize> {
    let alive = all.iter().filter(|pod| !matches!(pods::phase(pod), "Succeeded" | "Failed"));
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    alive.filter_map(pods::node).for_each(|node| *taken.entry(node).or_default() += 1);
    let free = nodes.iter().map(|node| {
        let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
        let pods: usize = allocatable.and_then(|list| list.get("pods")?.0.parse().ok()).unwrap_or(0);
        pods.saturating_sub(taken.get(node.name_any().as_str()).copied().unwrap_or(0))
    });
    free.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wait::tests::{observed, pod};

    #[test]
    fn each_node_counts_by_itself_and_pods_that_ended_do_not() {
        let node = |name: &str, pods: &str| -> Node {
            serde_json::from_value(json!({"metadata": {"name": name}, "status": {"allocatable": {"pods": pods}}}))
                .unwrap()
        };
        let seen =
            observed(json!({"pods": [pod("a", "", "Running", json!({})), pod("b", "", "Succeeded", json!({}))]}));
        assert_eq!(left(&[node("node-a", "29"), node("node-b", "17")], &seen.pods), [28, 17]);
        assert_eq!(left(&[], &seen.pods), [0; 0]);
    }
}
