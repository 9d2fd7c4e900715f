//! Temporary changes of the settings of running nodes, for [`bisect`](crate::bisect) and [`impact`](crate::impact).
//!
//! # Guarantees
//! * Each change of a node, and how to undo it, is in the ledger before it is made: `destroy` undoes what a killed run left.
//! * Only nodes that the run created are changed, nodes on which no other pods run, or those that the user names.

pub(crate) mod nodes;
mod script;

use std::sync::Arc;

use amiproof_model::bisect::{Answer, Item};
use amiproof_model::matrix::{NodeSource, Variant};
use amiproof_model::verdict::Outcome;
use amiproof_time::watch;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use self::nodes::Nodes;
use crate::cluster::{RUN_LABEL, explain};
use crate::context::{Context, Peers};

/// The label that selects nodes by name.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// The contexts, narrowed to nodes that may be changed: those that are named, or else all of them.
///
/// # Errors
/// Why nothing may be changed, as a clause.
pub(crate) async fn allowed<const N: usize>(contexts: [&Context; N], named: &[String]) -> Result<[Context; N], String> {
    if let Some(name) = unknown_node(&contexts, named) {
        return Err(format!(
            "--node: {name} is not a node of a variant whose nodes are changed; `kubectl get nodes` lists them"
        ));
    }
    let mut all = contexts.map(Context::clone);
    for context in &mut all {
        *context = narrowed(context, named).await?;
        may_be_changed(context, named).await?;
    }
    Ok(all)
}

/// Undoes all changes and reads every node again.
///
/// Returns the nodes that were not restored, each with those of the `touched` facts that still differ; they are cordoned.
pub(crate) async fn put_back(mut sides: Vec<&mut Nodes<'_>>, touched: &[Item]) -> Vec<String> {
    let mut left = Vec::new();
    for side in &mut sides {
        if let Err(why) = side.restore().await {
            let cordoned = side.cordon_changed().await;
            left.extend(if cordoned.is_empty() { vec![why] } else { cordoned });
        }
    }
    for side in &sides {
        left.extend(side.differences(touched).await);
    }
    left
}

/// The context of one run of a check, without the facts that earlier runs read. With `peers`, their nodes are the other end of connections.
pub(crate) fn for_one_run(context: &Context, peers: Option<&Context>) -> Context {
    let mut own = Context { facts: Default::default(), ..context.clone() };
    if let Some(peers) = peers {
        let variant = Variant { reference: Some(peers.variant.name.clone()), ..(*own.variant).clone() };
        own.variant = Arc::new(variant);
        own.peers = watch::channel(Peers::Ready(Arc::clone(&peers.nodes))).1;
    }
    own
}

/// What the outcome of a check means for the search.
pub(crate) fn answer_of(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Pass => Answer::Passes,
        Outcome::Fail { .. } => Answer::Fails,
        other => Answer::Unknown(format!("{}: {}", other.as_str(), other.reason())),
    }
}

/// The first of the named nodes that is in none of the contexts.
fn unknown_node<'a>(contexts: &[&Context], names: &'a [String]) -> Option<&'a str> {
    let is_known = |name: &&String| contexts.iter().any(|context| context.nodes.iter().any(|node| node.name == **name));
    names.iter().find(|name| !is_known(name)).map(String::as_str)
}

/// The context of the nodes that the user named, if any are this variant's.
///
/// # Errors
/// If nodes were named and none of them is the variant's.
pub(crate) async fn narrowed(context: &Context, names: &[String]) -> Result<Context, String> {
    if names.is_empty() {
        return Ok(context.clone());
    }
    let own: Vec<_> = context.nodes.iter().filter(|node| names.contains(&node.name)).cloned().collect();
    if own.is_empty() {
        return Err(format!("none of the named nodes is one of variant {}", context.variant.name));
    }
    if own.len() == context.nodes.len() {
        return Ok(context.clone());
    }
    let mut hosts = Vec::new();
    let api: Api<Node> = Api::all(context.cluster.client());
    for node in &own {
        // The label of a node need not be its name (Kubernetes documentation, "Well-Known Labels").
        let unread = |error| format!("node {} cannot be read: {}", node.name, explain(&error));
        let object = api.get(&node.name).await.map_err(unread)?;
        hosts.push(object.labels().get(HOSTNAME).cloned().unwrap_or_else(|| node.name.clone()));
    }
    let text = format!("{},{HOSTNAME} in ({})", context.selector.as_str(), hosts.join(", "));
    let selector = text.parse().map_err(|error| format!("the nodes cannot be selected by name: {error}"))?;
    Ok(Context { selector, nodes: Arc::new(own), facts: Default::default(), ..context.clone() })
}

/// Whether the nodes may be changed: they are the run's own, or nobody else's pods run there, or the user named them.
async fn may_be_changed(context: &Context, named: &[String]) -> Result<(), String> {
    if matches!(context.variant.nodes, NodeSource::Made(_)) || !named.is_empty() {
        return Ok(());
    }
    for node in context.nodes.iter() {
        let api: Api<Pod> = Api::all(context.cluster.client());
        let of_node = ListParams::default().fields(&format!("spec.nodeName={}", node.name));
        let pods = api
            .list(&of_node)
            .await
            .map_err(|error| format!("the pods of node {} cannot be listed: {}", node.name, explain(&error)))?;
        if let Some(pod) = pods.iter().find(|pod| is_foreign(pod, context.run.as_str())) {
            return Err(format!(
                "node {} runs {}/{}, which does not belong to this run and could break: name the nodes that may be changed \
                 with --node",
                node.name,
                pod.namespace().unwrap_or_default(),
                pod.name_any()
            ));
        }
    }
    Ok(())
}

/// Whether a pod belongs to someone else: not to this run, and not to the node itself, as static pods and DaemonSets of `kube-system` do.
fn is_foreign(pod: &Pod, run: &str) -> bool {
    let namespace = pod.namespace().unwrap_or_default();
    let owners = pod.owner_references();
    let is_owned_by = |kind: &str| owners.iter().any(|owner| owner.kind == kind);
    let is_of_node = is_owned_by("Node") || (namespace == "kube-system" && is_owned_by("DaemonSet"));
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let is_over = phase.is_some_and(|phase| matches!(phase, "Succeeded" | "Failed"));
    let is_own =
        pod.labels().get(RUN_LABEL).is_some_and(|own| own == run) || namespace.starts_with(&format!("ap-{run}-"));
    !(is_of_node || is_over || is_own)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn foreign_pods_belong_neither_to_the_node_nor_to_this_run() {
        let pod = |namespace: &str, owner: &str, phase: &str, run: &str| -> Pod {
            serde_json::from_value(json!({
                "metadata": {"name": "p", "namespace": namespace, "labels": {RUN_LABEL: run},
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": owner, "name": "o", "uid": "u"}]},
                "status": {"phase": phase},
            }))
            .unwrap()
        };
        for (namespace, owner, phase, run, is_foreign_pod) in [
            ("shop", "ReplicaSet", "Running", "", true),
            ("shop", "StatefulSet", "Pending", "r-2", true),
            ("shop", "DaemonSet", "Running", "", true),
            ("kube-system", "DaemonSet", "Running", "", false),
            ("shop", "Job", "Succeeded", "", false),
            ("kube-system", "ReplicaSet", "Running", "", true),
            ("ap-south-shop", "ReplicaSet", "Running", "", true),
            ("ap-r-1-l2-web", "ReplicaSet", "Running", "", false),
            ("kube-system", "Node", "Running", "", false),
            ("ours", "ReplicaSet", "Running", "r-1", false),
        ] {
            assert_eq!(
                is_foreign(&pod(namespace, owner, phase, run), "r-1"),
                is_foreign_pod,
                "{namespace} {owner} {phase} {run}"
            );
        }
    }
}
