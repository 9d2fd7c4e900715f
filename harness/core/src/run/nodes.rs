//! The nodes of a variant: those of the node group that the run created, or those that its selector matches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiproof_model::matrix::{MadeNodes, Matrix, Variant};
use amiproof_model::name::{AmiId, RunId, VariantName};
use amiproof_model::report::{AmiRecord, NodeRecord};
use amiproof_model::selector::{NodeSelector, Test};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt as _;

use super::event::PhaseError;
use super::recorder::seconds_between;
use super::session::Session;
use super::shared::ClusterReady;
use super::unjoined;
use crate::aws::instances::{self, Instance, OfRun};
use crate::aws::{ami, names};
use crate::cluster::explain::chain;
use crate::cluster::{Access, RUN_LABEL, VARIANT_LABEL, nodes};

/// Waits until the nodes of the variant's own node group are Ready and proves that they run its image.
pub(crate) async fn made(
    session: &Session,
    cluster: &ClusterReady,
    variant: &Variant,
    made: &MadeNodes,
    ami: &AmiRecord,
) -> Result<Vec<NodeRecord>, PhaseError> {
    let wanted = usize::try_from(made.count).unwrap_or(usize::MAX);
    let group = names::node_group(&session.plan.run, &variant.name);
    let selector = nodes::of_group(&group);
    let deadline = amiproof_time::limit(variant.timeouts.nodes_ready);
    let mut nodes = nodes::wait_ready(&cluster.access, &selector, wanted, deadline)
        .await
        .map_err(|error| unjoined::not_ready(&error))?;
    let clients = session.aws()?;
    let of_run = OfRun { cluster: &session.plan.matrix.cluster.name, run: &session.plan.run, name: &group };
    for look in 1.. {
        let found =
            instances::running(clients, of_run, LOOK / 2).await.map_err(|error| PhaseError::from_error(&error))?;
        describe(&cluster.access, &mut nodes, &found).await;
        // EC2 is eventually consistent: an instance launched a moment ago may not be visible yet.
        if look == LOOKS || nodes.iter().all(|node| node.ami_id.is_some()) {
            break;
        }
        clients.pause(LOOK).await;
    }
    placed(&nodes, &variant.name, &ami.id).map_err(PhaseError::other)?;
    Ok(nodes)
}

/// How often EC2 is asked for the instances behind nodes, and how long to wait between two questions.
const LOOKS: u32 = 6;
const LOOK: Duration = Duration::from_secs(10);

/// The placement proof: every node runs the image that the launch template names. A node whose image is unknown proves nothing.
fn placed(nodes: &[NodeRecord], variant: &VariantName, wanted: &AmiId) -> Result<(), String> {
    match nodes.iter().find(|node| node.ami_id.as_ref() != Some(wanted)) {
        None => Ok(()),
        Some(NodeRecord { name, ami_id: Some(booted), .. }) => Err(format!(
            "node {name} booted {booted} although the launch template of {variant} names {wanted}: its results say nothing about this \
             image"
        )),
        Some(NodeRecord { name, instance_id, .. }) => Err(format!(
            "EC2 does not report which image node {name} booted ({}): its results cannot be attributed to the image of {variant}",
            instance_id.as_ref().map_or("it names no instance".to_owned(), |id| format!("instance {id} is not listed"))
        )),
    }
}

/// Waits until all nodes that the variant's selector matches are Ready. With an AWS account, also determines their image, which must be
/// the same for all.
pub(crate) async fn selected(
    session: &Session,
    cluster: &ClusterReady,
    variant: &Variant,
    selector: &NodeSelector,
) -> Result<(Vec<NodeRecord>, Option<AmiRecord>), PhaseError> {
    let all = nodes::list(&cluster.access, "").await.map_err(|error| PhaseError::from_error(&error))?;
    let matched = matching(&all, selector);
    if matched.is_empty() {
        return Err(PhaseError::other(none_matches(&all, selector)));
    }
    if let Some(conflict) = conflict(&matched, &session.plan.matrix, &session.plan.run, variant) {
        return Err(PhaseError::other(conflict));
    }
    let wanted = matched.len();
    let deadline = amiproof_time::limit(variant.timeouts.nodes_ready);
    let mut nodes = nodes::wait_ready(&cluster.access, selector.as_str(), wanted, deadline)
        .await
        .map_err(|error| unjoined::not_ready(&error))?;
    let Some(clients) = &session.tools.clients else { return Ok((nodes, None)) };
    let ids: Vec<&str> = nodes.iter().filter_map(|node| node.instance_id.as_deref()).collect();
    let found = match instances::by_ids(clients, &ids).await {
        Ok(found) => found,
        // Their image is then unknown, and the checks that need it say so.
        Err(error) => {
            tracing::warn!(variant = %variant.name, "the instances of its nodes cannot be read: {}", chain(&error));
            return Ok((nodes, None));
        }
    };
    describe(&cluster.access, &mut nodes, &found).await;
    let image = one_image(&nodes, variant).map_err(PhaseError::other)?;
    let record = match image {
        Some(id) => ami::of_nodes(clients, id).await.map_err(|error| PhaseError::from_error(&error)).map(Some)?,
        None => None,
    };
    Ok((nodes, record))
}

fn matching<'a>(all: &'a [Node], selector: &NodeSelector) -> Vec<&'a Node> {
    all.iter().filter(|node| selector.matches(node.labels())).collect()
}

/// Why a selector matches nothing: the existing values of its labels.
fn none_matches(all: &[Node], selector: &NodeSelector) -> String {
    let mut message = format!("no node of the cluster matches the selector '{selector}'");
    for requirement in selector.requirements() {
        let (Test::Is(_) | Test::In(_)) = &requirement.test else { continue };
        let values: BTreeSet<&str> =
            all.iter().filter_map(|node| node.labels().get(&requirement.key).map(String::as_str)).collect();
        if values.is_empty() {
            message.push_str(&format!("; no node has the label {}", requirement.key));
        } else {
            let values: Vec<&str> = values.into_iter().take(8).collect();
            message.push_str(&format!("; {} is {} on the existing nodes", requirement.key, values.join(", ")));
        }
    }
    message.push_str("; see `kubectl get nodes --show-labels`");
    message
}

/// Why a node cannot be this variant's: another variant claims it, too.
fn conflict(matched: &[&Node], matrix: &Matrix, run: &RunId, variant: &Variant) -> Option<String> {
    let own = variant.selector()?;
    for node in matched {
        let labels: &BTreeMap<String, String> = node.labels();
        let name = node.name_any();
        let other = matrix.variants.iter().find_map(|other| {
            let selector = other.selector().filter(|_| other.name != variant.name)?;
            selector.matches(labels).then_some((&other.name, selector))
        });
        if let Some((other, selector)) = other {
            return Some(format!(
                "node {name} matches the selectors of two variants, {} ('{own}') and {other} ('{selector}'): its results \
                 would be ambiguous, so make the selectors disjoint",
                variant.name
            ));
        }
        if labels.get(RUN_LABEL).is_some_and(|made_by| made_by == run.as_str()) {
            let of = labels.get(VARIANT_LABEL).map_or("another variant", String::as_str);
            return Some(format!(
                "node {name} was made by this run for {of} and matches the selector '{own}' of {}, too: make the selector narrower",
                variant.name
            ));
        }
    }
    None
}

/// The one image of all nodes whose image is known.
fn one_image<'a>(nodes: &'a [NodeRecord], variant: &Variant) -> Result<Option<&'a AmiId>, String> {
    let mut known = nodes.iter().filter_map(|node| Some((node, node.ami_id.as_ref()?)));
    let Some((first, image)) = known.next() else { return Ok(None) };
    match known.find(|(_, other)| *other != image) {
        None => Ok(Some(image)),
        Some((node, other)) => Err(format!(
            "the selector of {} matches nodes of two images: {} booted {image}, {} booted {other}; a variant is one image, so wait \
             until a rollout is over, or make the selector narrower",
            variant.name, first.name, node.name
        )),
    }
}

/// Adds what EC2 reports about the instances of the nodes.
async fn describe(access: &Access, nodes: &mut [NodeRecord], instances: &[Instance]) {
    for node in nodes {
        let is_its = |instance: &&Instance| Some(&instance.id) == node.instance_id.as_ref();
        let Some(instance) = instances.iter().find(is_its) else { continue };
        node.ami_id = instance.ami_id.parse().ok();
        node.boot_to_ready_seconds = boot_to_ready(access, node, instance.launched).await;
    }
}

/// Seconds from the instance's launch to the node's Ready condition, where both are known.
async fn boot_to_ready(access: &Access, node: &NodeRecord, launched: Option<Timestamp>) -> Option<f64> {
    let api: kube::Api<Node> = kube::Api::all(access.client());
    let ready = nodes::ready_since(&api.get(&node.name).await.ok()?)?;
    Some(seconds_between(launched?, ready))
}

#[cfg(test)]
mod tests {
    use amiproof_model::matrix::Family;
    use serde_json::json;

    use super::*;
    use crate::fixture;
    use amiproof_model::matrix::NodeSource;

    fn node(name: &str, labels: serde_json::Value) -> Node {
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).unwrap()
    }

    fn variant(name: &str, selector: &str) -> Variant {
        let nodes = NodeSource::Selected(selector.parse().unwrap());
        Variant { nodes, ..fixture::variant(name, Family::Al2023) }
    }

    #[test]
    fn a_selector_that_finds_nothing_says_what_its_labels_have_instead() {
        let nodes = [node("a", json!({"pool": "l1"})), node("b", json!({"pool": "l2"})), node("c", json!({}))];
        assert_eq!(
            none_matches(&nodes, &"pool=l3,zone=a,!spot".parse().unwrap()),
            "no node of the cluster matches the selector 'pool=l3,zone=a,!spot'; pool is l1, l2 on the existing nodes; \
             no node has the label zone; see `kubectl get nodes --show-labels`"
        );
    }

    #[test]
    fn a_node_of_two_variants_is_refused_and_both_are_named() {
        let variants =
            vec![variant("stock", "pool=stock"), variant("l1", "pool in (stock, l1)"), variant("l2", "pool=l2")];
        let matrix = fixture::matrix(variants);
        let nodes = [node("a", json!({"pool": "stock"})), node("b", json!({"pool": "l2"}))];
        let run: RunId = "r-1".parse().unwrap();
        let of = |index: usize| {
            let variant = &matrix.variants[index];
            conflict(&matching(&nodes, variant.selector().unwrap()), &matrix, &run, variant)
        };
        assert!(of(0).unwrap().contains("stock ('pool=stock') and l1 ('pool in (stock, l1)')"), "{:?}", of(0));
        assert!(of(1).unwrap().contains("l1 ('pool in (stock, l1)') and stock ('pool=stock')"), "{:?}", of(1));
        assert_eq!(of(2), None);
        let made = [node("c", json!({"pool": "l2", "amiproof.dev/run": "r-1", "amiproof.dev/variant": "own"}))];
        let actual = conflict(&matching(&made, &"pool=l2".parse().unwrap()), &matrix, &run, &matrix.variants[2]);
        assert!(actual.unwrap().contains("made by this run for own"));
    }

    #[test]
    fn a_node_whose_image_is_not_known_proves_nothing() {
        let mut nodes = nodes::records(vec![node("a", json!({})), node("b", json!({}))]);
        let image = |text: &str| Some(text.parse::<AmiId>().unwrap());
        let (own, name) = (image("ami-0123456789abcdef0").unwrap(), "l1".parse().unwrap());
        let actual = |nodes: &[NodeRecord]| placed(nodes, &name, &own).unwrap_err();
        nodes[0].ami_id = Some(own.clone());
        assert!(actual(&nodes).contains("which image node b booted (it names no instance)"), "{}", actual(&nodes));
        nodes[1].instance_id = Some("i-1".to_owned());
        assert!(actual(&nodes).contains("instance i-1 is not listed"), "{}", actual(&nodes));
        nodes[1].ami_id = image("ami-0fedcba9876543210");
        assert!(actual(&nodes).contains("node b booted ami-0fedcba9876543210"), "{}", actual(&nodes));
        nodes[1].ami_id = Some(own.clone());
        assert_eq!(placed(&nodes, &name, &own), Ok(()));
    }

    #[test]
    fn a_variant_is_one_image() {
        let mut nodes = nodes::records(vec![node("a", json!({})), node("b", json!({})), node("c", json!({}))]);
        let variant = variant("l1", "pool=l1");
        assert_eq!(one_image(&nodes, &variant), Ok(None));
        nodes[0].ami_id = Some("ami-0123456789abcdef0".parse().unwrap());
        nodes[2].ami_id = nodes[0].ami_id.clone();
        assert_eq!(one_image(&nodes, &variant).unwrap(), nodes[0].ami_id.as_ref());
        nodes[2].ami_id = Some("ami-0fedcba9876543210".parse().unwrap());
        let actual = one_image(&nodes, &variant).unwrap_err();
        assert!(actual.contains("a booted ami-0123456789abcdef0, c booted ami-0fedcba9876543210"), "{actual}");
    }
}
