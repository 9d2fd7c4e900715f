//! Nodes that never joined, or never became Ready, as a verdict: one sentence, the evidence, and the facts of the instances that never became
//! nodes.

use amiproof_model::matrix::Family;
use amiproof_model::name::CheckId;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Evidence, Finding};

use super::event::{Failed, PhaseError};
use super::failure::{JOINED, READY};
use crate::aws::Clients;
use crate::cluster::Access;
use crate::cluster::nodes::{self, NodeState, NodesError};
use crate::probe::facts;

/// What is known about a node group that did not come up because of its nodes.
pub(crate) struct NotReady {
    /// What EKS and EC2 report.
    pub(crate) message: String,
    /// The line of a console or a journal that explains it.
    pub(crate) line: Option<String>,
    /// Health, activities, status checks, consoles, journals.
    pub(crate) evidence: Vec<Evidence>,
    /// The instances that were examined.
    pub(crate) instances: Vec<NodeRecord>,
}

const REMEDIATION: &str = "check the differences from the reference and the journals in the evidence, then user data, node role and security groups";

/// Reads the facts of the instances whose SSM agent answers, by the same script as those of nodes, so that they can be compared; adds them
/// and their long texts to the record.
pub(crate) async fn read_facts(clients: &Clients, family: Family, not_ready: &mut NotReady) {
    for instance in &mut not_ready.instances {
        let index = instance.index;
        match facts::of_instance(clients, family, instance).await {
            Ok(collected) => {
                let texts = collected.texts.iter();
                not_ready
                    .evidence
                    .extend(texts.map(|(name, text)| facts::shown(&format!("{name} of node {index}"), text)));
                instance.facts = collected.facts;
            }
            Err(why) => {
                let name = format!("facts of node {index}");
                not_ready.evidence.push(Evidence { name, text: format!("not available: {why}"), file: None });
            }
        }
    }
}

/// The verdict on a node group that did not come up: on `node/joined`, or on `node/ready` where all nodes did register.
pub(crate) async fn verdict(access: &Access, group: &str, wanted: usize, not_ready: NotReady) -> PhaseError {
    // An API server that does not answer now does not contradict EKS and EC2.
    let seen = match nodes::list(access, &nodes::of_group(group)).await {
        Ok(found) => found.iter().map(nodes::seen).collect(),
        Err(error) => {
            tracing::warn!(%error, group, "cannot count the nodes of a node group that did not become active");
            Vec::new()
        }
    };
    let (check, summary) = sentence(&seen, wanted, not_ready.line.as_deref().unwrap_or(&not_ready.message));
    failed(check, summary, not_ready)
}

/// The verdict on nodes that EKS counts as joined and that were not all Ready in time.
pub(crate) fn not_ready(error: &NodesError) -> PhaseError {
    let NodesError::NotReady { wanted, seen, last_error: None, .. } = error else {
        return PhaseError::from_error(error);
    };
    let (check, summary) = sentence(seen, *wanted, &error.to_string());
    let not_ready = NotReady { message: error.to_string(), line: None, evidence: Vec::new(), instances: Vec::new() };
    failed(check, summary, not_ready)
}

fn failed(check: &str, summary: String, not_ready: NotReady) -> PhaseError {
    let NotReady { message, evidence, instances, .. } = not_ready;
    match check.parse::<CheckId>() {
        Ok(check) => {
            let finding = Finding::new("node group", summary).with_detail(message).with_remediation(REMEDIATION);
            PhaseError::Failed(Box::new(Failed { check, finding, evidence, instances }))
        }
        Err(error) => PhaseError::other(format!("{summary} ({error})")),
    }
}

/// Which check failed, and why in one sentence.
fn sentence(seen: &[NodeState], wanted: usize, why: &str) -> (&'static str, String) {
    let ready = seen.iter().filter(|node| node.is_ready()).count();
    let not_ready = seen.iter().find(|node| !node.is_ready());
    match not_ready {
        Some(node) if seen.len() >= wanted => {
            (READY, format!("{ready} of {wanted} nodes are Ready: {} is not: {}", node.name, node.state))
        }
        _ => (JOINED, format!("{} of {wanted} nodes joined the cluster: {why}", seen.len())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn node(name: &str, state: &str) -> NodeState {
        NodeState { name: name.to_owned(), state: state.to_owned() }
    }

    #[test]
    fn the_sentence_says_how_many_came_and_why_the_others_did_not() {
        let line = "kubelet: invalid kernel flag: vm/overcommit_memory, expected value: 1, actual value: 0";
        let summary_of = |seen: &[NodeState]| sentence(seen, 2, line);
        assert_eq!(summary_of(&[]), (JOINED, format!("0 of 2 nodes joined the cluster: {line}")));
        assert_eq!(summary_of(&[node("a", "Ready")]), (JOINED, format!("1 of 2 nodes joined the cluster: {line}")));
        let lost = node("b", "KubeletNotReady: cni plugin not initialized");
        assert_eq!(
            summary_of(&[node("a", "Ready"), lost]),
            (READY, "1 of 2 nodes are Ready: b is not: KubeletNotReady: cni plugin not initialized".to_owned())
        );
    }

    #[test]
    fn nodes_that_are_not_ready_are_a_verdict_and_an_api_server_that_is_away_is_not() {
        let error = |last_error: Option<&str>| NodesError::NotReady {
            wanted: 2,
            after: Duration::from_secs(480),
            seen: vec![node("a", "Ready"), node("b", "KubeletNotReady: no network")],
            last_error: last_error.map(str::to_owned),
        };
        let PhaseError::Failed(failed) = not_ready(&error(None)) else { panic!("a verdict") };
        assert_eq!(failed.check.as_str(), READY);
        assert!(matches!(not_ready(&error(Some("connection refused"))), PhaseError::Other { .. }));
    }
}
