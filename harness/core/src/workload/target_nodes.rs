//! Which nodes a workload's pods may run on, and whether they did.

use amiproof_model::attribution::Endpoint;
use amiproof_model::name::VariantName;
use amiproof_model::report::NodeRecord;
use amiproof_model::selector::NodeSelector;
use amiproof_model::verdict::Placement;
use amiproof_model::workload::{PLACE_ANNOTATION, PLACE_PEER};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use crate::wait::pods;

/// Where the pods of a workload may run.
#[derive(Clone, Debug)]
pub struct TargetNodes {
    /// The variant under test.
    pub variant: VariantName,
    /// Which nodes pods are pinned to.
    pub selector: NodeSelector,
    /// Its nodes.
    pub own: Vec<NodeRecord>,
    /// The nodes of its reference; `None` if there is none, and then its own take their place.
    pub peer: Option<Peer>,
}

/// The nodes of the reference variant.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The reference variant.
    pub variant: VariantName,
    /// Which nodes pods are pinned to.
    pub selector: NodeSelector,
    /// Its nodes.
    pub nodes: Vec<NodeRecord>,
}

/// Whether a pod is meant for a node of the reference.
pub fn wants_peer(pod: &Pod) -> bool {
    pod.annotations().get(PLACE_ANNOTATION).is_some_and(|place| place == PLACE_PEER)
}

impl TargetNodes {
    /// The nodes that a pod may run on.
    fn allowed(&self, pod: &Pod) -> &[NodeRecord] {
        match &self.peer {
            Some(peer) if wants_peer(pod) => &peer.nodes,
            _ => &self.own,
        }
    }

    /// Whether a pod is meant for a node that does not belong to the variant.
    pub fn is_elsewhere(&self, pod: &Pod) -> bool {
        self.peer.is_some() && wants_peer(pod)
    }

    /// Where each pod ran, as proof that it ran on the right image.
    ///
    /// # Errors
    /// When one ran on a node that is not its variant's: the result would speak for another image.
    pub fn proof(&self, observed: &[Pod]) -> Result<Vec<Placement>, String> {
        let mut placements = Vec::new();
        for pod in observed {
            let Some(node) = pods::node(pod) else { continue };
            let name = pod.name_any();
            let Some(record) = self.allowed(pod).iter().find(|record| record.name == node) else {
                let (variant, selector) = match &self.peer {
                    Some(peer) if wants_peer(pod) => (&peer.variant, &peer.selector),
                    _ => (&self.variant, &self.selector),
                };
                return Err(format!(
                    "pod {name} ran on node {node}, which was not among the nodes of {variant} ('{selector}') when the run \
                     began: was a node replaced or added, or does the workload choose its own node?"
                ));
            };
            placements.push(Placement {
                pod: Some(name),
                node: node.to_owned(),
                instance_id: record.instance_id.clone(),
                ami_id: record.ami_id.as_ref().map(ToString::to_string),
            });
        }
        placements.sort();
        Ok(placements)
    }

    /// The end of a connection on a node.
    pub fn endpoint(&self, node: &str) -> Endpoint {
        let has = |nodes: &[NodeRecord]| nodes.iter().any(|record| record.name == node);
        let variant = match &self.peer {
            _ if has(&self.own) => Some(self.variant.clone()),
            Some(peer) if has(&peer.nodes) => Some(peer.variant.clone()),
            _ => None,
        };
        Endpoint { variant, node: node.to_owned() }
    }
}
