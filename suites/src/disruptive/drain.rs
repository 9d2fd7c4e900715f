//! `disruptive/drain`: a node is drained with respect for disruption budgets, and the node that replaces it joins and works.
//!
//! The instance is terminated only if the run created the node group. Otherwise the node is drained and uncordoned.

use std::time::Duration;

use amiproof_core::aws::instances;
use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::cluster::nodes;
use amiproof_core::context::Context;
use amiproof_core::evidence::evidence;
use amiproof_core::resource::node_group;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{EvictParams, ListParams};
use kube::{Api, ResourceExt as _};
use tokio::time::Instant;

use super::snapshot::{self, Depth, Snapshot};
use super::{ATTEMPT, pause, timeout};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "disruptive/drain",
    "a node is drained, and the one that replaces it joins and works",
    |context| run(context).boxed(),
)
.within(ATTEMPT);

const POLL: Duration = Duration::from_secs(5);

/// How long pods may take to terminate: the longest reasonable grace period, and a margin.
const LEAVE: Duration = Duration::from_secs(300);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(node) = context.nodes.last() else {
        return Ok(Verdict::NotEvaluated("the variant has no node".to_owned()).into());
    };
    let before = snapshot::take(context, Depth::Smoke).await?;
    let api: Api<Node> = Api::all(context.cluster.client());
    let doing = |what: &str| format!("{what} node {}", node.name);
    api.cordon(&node.name).await.doing(doing("cordoning"))?;
    let outcome = beyond(context, node, &before).await;
    // A replaced node is gone; any other node is uncordoned, whatever the result.
    if let Err(error) = api.uncordon(&node.name).await
        && !amiproof_core::cluster::objects::is_not_found(&error)
    {
        return Err(CheckError::api(doing("uncordoning"), error));
    }
    outcome
}

async fn beyond(context: &Context, node: &NodeRecord, before: &Snapshot) -> Result<Decision, CheckError> {
    let left = drain(context, node).await?;
    let mut proof = vec![evidence("drained", &left.story)];
    if !left.stuck.is_empty() {
        let finding = Finding::new(
            format!("node {}", node.index),
            format!(
                "pods do not terminate on node {} within {}s: {}",
                node.index,
                LEAVE.as_secs(),
                left.stuck.join(", ")
            ),
        );
        let finding = finding.with_remediation(
            "containers that ignore SIGTERM and a kubelet or runtime that cannot kill them look alike: read the kubelet's journal",
        );
        return Ok(Decision { evidence: proof, ..Verdict::Fail(vec![finding]).into() });
    }
    let replaced = replace(context, node).await?;
    let context = match replaced {
        Replaced::Kept(why) => {
            proof.push(evidence("replacement", &why));
            // Its place is needed for the pods of the smoke test.
            let api: Api<Node> = Api::all(context.cluster.client());
            let opened = api.uncordon(&node.name).await;
            opened.doing(format!("uncordoning node {}", node.name))?;
            context.clone()
        }
        Replaced::By(nodes, story) => {
            proof.push(evidence("replacement", &story));
            Context { nodes: std::sync::Arc::new(nodes), ..context.clone() }
        }
        Replaced::Failed(why, evidence) => {
            proof.extend(evidence);
            let finding =
                Finding::new("replacement", why).with_remediation("see the console output of the new instance");
            return Ok(Decision { evidence: proof, ..Verdict::Fail(vec![finding]).into() });
        }
    };
    let now = snapshot::take(&context, Depth::Smoke).await?;
    let (verdict, more) = snapshot::lost(before, &now, "the drain");
    proof.extend(more);
    Ok(Decision { evidence: proof, placements: crate::node::placements(&context.nodes), ..verdict.into() })
}

/// The result of a drain.
struct Left {
    story: String,
    /// Pods that were told to end and did not.
    stuck: Vec<String>,
}

/// Evicts every pod that does not belong to a DaemonSet or to the node itself, until none is left.
async fn drain(context: &Context, node: &NodeRecord) -> Result<Left, CheckError> {
    let all: Api<Pod> = Api::all(context.cluster.client());
    let on_node = ListParams::default().fields(&format!("spec.nodeName={}", node.name));
    let deadline = Instant::now() + LEAVE;
    let mut evicted: Vec<String> = Vec::new();
    loop {
        let pods = all.list(&on_node).await.doing(format!("reading the pods of node {}", node.name))?;
        let going: Vec<Pod> = pods.items.into_iter().filter(must_go).collect();
        if going.is_empty() {
            return Ok(Left {
                story: match evicted.as_slice() {
                    [one] => format!("1 pod was evicted\n{one}"),
                    all => format!("{} pods were evicted\n{}", all.len(), all.join("\n")),
                },
                stuck: Vec::new(),
            });
        }
        let mut forbidden = Vec::new();
        for pod in going.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            match evict(context, pod).await? {
                None => evicted.push(label(pod)),
                Some(why) => forbidden.push(format!("{}: {why}", label(pod))),
            }
        }
        if Instant::now() >= deadline {
            if !forbidden.is_empty() {
                let text = format!("disruption budgets keep pods on node {}: {}", node.name, forbidden.join("; "));
                return Err(CheckError::Undecided(text));
            }
            return Ok(Left { story: evicted.join("\n"), stuck: going.iter().map(label).collect() });
        }
        pause(context, POLL).await?;
    }
}

fn label(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())
}

/// Whether a pod must leave the node. Not those of DaemonSets, which would be recreated there at once, nor static pods, which cannot be evicted, nor pods
/// that have ended.
fn must_go(pod: &Pod) -> bool {
    let stays = pod.owner_references().iter().any(|owner| owner.kind == "DaemonSet" || owner.kind == "Node");
    let is_over = matches!(amiproof_core::wait::pods::phase(pod), "Succeeded" | "Failed");
    !stays && !is_over
}

/// Evicts a pod; returns why its budget forbids that, if it does.
async fn evict(context: &Context, pod: &Pod) -> Result<Option<String>, CheckError> {
    let api: Api<Pod> = Api::namespaced(context.cluster.client(), &pod.namespace().unwrap_or_default());
    match api.evict(&pod.name_any(), &EvictParams::default()).await {
        Ok(_) => Ok(None),
        // 429: a PodDisruptionBudget allows no more disruption for now (Kubernetes, "API-initiated Eviction").
        Err(kube::Error::Api(status)) if status.code == 429 => Ok(Some(status.message.clone())),
        Err(error) if amiproof_core::cluster::objects::is_not_found(&error) => Ok(None),
        Err(error) => Err(CheckError::api(format!("evicting pod {}", label(pod)), error)),
    }
}

/// What happened to the drained node.
enum Replaced {
    /// It stays, and why.
    Kept(String),
    /// The variant's nodes now, and what happened.
    By(Vec<NodeRecord>, String),
    /// It was not replaced.
    Failed(String, Vec<Evidence>),
}

/// Terminates the instance, and waits for the node by which the Auto Scaling group replaces it.
async fn replace(context: &Context, node: &NodeRecord) -> Result<Replaced, CheckError> {
    let (Some(clients), Some(instance)) = (&context.aws, &node.instance_id) else {
        return Ok(Replaced::Kept(
            "the node was not replaced: this run has no AWS account, or the node is not an EC2 instance".to_owned(),
        ));
    };
    let own = context.node_group().filter(|group| context.ledger.standing(node_group::KIND, group).is_some());
    let Some(group) = own else {
        return Ok(Replaced::Kept("the node was not replaced: this run did not create its node group".to_owned()));
    };
    let ended = instances::terminate(clients, instance).await;
    ended.doing(format!("terminating instance {instance}"))?;
    let started = Instant::now();
    let cluster = &context.matrix.cluster.name;
    loop {
        let found =
            nodes::list(&context.cluster, &nodes::of_group(group)).await.doing("reading the variant's nodes")?;
        // The new instance may have got the address of the old one, and with it the node's name.
        let is_old = |found: &Node| {
            let provider = found.spec.as_ref().and_then(|spec| spec.provider_id.as_deref());
            provider.is_none_or(|id| id.ends_with(instance.as_str()))
        };
        let ready: Vec<Node> = found.into_iter().filter(|found| !is_old(found) && nodes::is_ready(found)).collect();
        if ready.len() >= context.nodes.len() {
            let story =
                format!("{instance} was terminated; its replacement was Ready {}s later", started.elapsed().as_secs());
            return Ok(Replaced::By(nodes::records(ready), story));
        }
        if started.elapsed() >= timeout(context) {
            let there = instances::of_node_group(clients, cluster, group)
                .await
                .doing(format!("reading the instances of {group}"))?;
            let known: Vec<&str> = context.nodes.iter().filter_map(|node| node.instance_id.as_deref()).collect();
            let fresh: Vec<_> = there.iter().filter(|one| !known.contains(&one.id.as_str())).collect();
            let Some(new) = fresh.first() else {
                let text = format!("the Auto Scaling group of {group} launched no instance in place of {instance}");
                return Err(CheckError::Undecided(text));
            };
            let console =
                instances::console(clients, &new.id).await.unwrap_or_else(|error| format!("unavailable: {error}"));
            let why = format!(
                "the instance that replaced node {} did not join within {}s",
                node.index,
                timeout(context).as_secs()
            );
            return Ok(Replaced::Failed(why, vec![evidence(format!("console output of {}", new.id), &console)]));
        }
        pause(context, POLL).await?;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_pods_that_would_be_lost_with_the_node_are_evicted() {
        let pod = |owner: &str, phase: &str| -> Pod {
            serde_json::from_value(json!({
                "metadata": {"name": "a", "namespace": "n", "ownerReferences":
                    [{"apiVersion": "v1", "kind": owner, "name": "o", "uid": "u"}]},
                "status": {"phase": phase},
            }))
            .unwrap()
        };
        assert!(must_go(&pod("ReplicaSet", "Running")) && must_go(&pod("StatefulSet", "Pending")));
        assert!(!must_go(&pod("DaemonSet", "Running")) && !must_go(&pod("Node", "Running")));
        assert!(!must_go(&pod("Job", "Succeeded")));
    }
}
