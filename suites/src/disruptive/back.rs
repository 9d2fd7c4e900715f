//! Waits until disturbed nodes are back, and explains those that are not.

use std::time::Duration;

use amiproof_core::aws::instances::{self, Health};
use amiproof_core::check::{CheckError, Doing as _};
use amiproof_core::context::Context;
use amiproof_core::evidence::evidence;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use tokio::time::Instant;

use super::pause;

/// The polling interval of nodes.
const POLL: Duration = Duration::from_secs(5);

/// The state of a node at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NodeView {
    pub(super) name: String,
    /// Changes with every boot.
    pub(super) boot_id: String,
    pub(super) ready: bool,
    /// The Ready condition's reason and message.
    pub(super) state: String,
    /// When the kubelet last renewed its lease.
    pub(super) renewed: Option<Timestamp>,
}

/// What proves that a node has been disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It booted again.
    Booted,
    /// Its kubelet reported again.
    Reported,
}

/// Reads the state of nodes; one that no longer exists has an empty state.
pub(super) async fn look(context: &Context, nodes: &[NodeRecord]) -> Result<Vec<NodeView>, CheckError> {
    let client = || context.cluster.client();
    let all = Api::<Node>::all(client()).list(&ListParams::default()).await.doing("reading the cluster's nodes")?.items;
    let leases = Api::<Lease>::namespaced(client(), "kube-node-lease")
        .list(&ListParams::default())
        .await
        .doing("reading the leases of the nodes")?
        .items;
    let sight = |record: &NodeRecord| {
        let node = all.iter().find(|node| node.name_any() == record.name);
        let lease = leases.iter().find(|lease| lease.name_any() == record.name);
        node.map_or_else(
            || NodeView { name: record.name.clone(), ..NodeView::default() },
            |node| NodeView::of(node, lease),
        )
    };
    Ok(nodes.iter().map(sight).collect())
}

impl NodeView {
    fn of(node: &Node, lease: Option<&Lease>) -> Self {
        let status = node.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
        let words = ready.map(|ready| {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            format!("{} {}", part(&ready.reason), part(&ready.message))
        });
        let renewed = lease.and_then(|lease| lease.spec.as_ref()?.renew_time.as_ref());
        Self {
            name: node.name_any(),
            boot_id: status
                .and_then(|status| status.node_info.as_ref())
                .map(|info| info.boot_id.clone())
                .unwrap_or_default(),
            ready: ready.is_some_and(|ready| ready.status == "True"),
            state: words.unwrap_or_else(|| "it has reported nothing".to_owned()),
            renewed: renewed.map(|time| time.0),
        }
    }

    /// Whether it has been through it since `before`, and is Ready.
    fn is_back(&self, before: &Self, sign: Sign) -> bool {
        self.ready
            && match sign {
                Sign::Booted => !self.boot_id.is_empty() && self.boot_id != before.boot_id,
                Sign::Reported => self.renewed.is_some() && self.renewed > before.renewed,
            }
    }
}

/// The result of a wait.
#[derive(Debug)]
pub(super) struct Waited {
    /// One line per node: when it was back, or how it was last seen.
    pub(super) story: Evidence,
    /// The nodes that are not back, as they were before and as they are.
    pub(super) lost: Vec<(NodeRecord, NodeView, NodeView)>,
}

/// Waits until every node shows the sign and is Ready.
pub(super) async fn wait(
    context: &Context,
    before: &[NodeView],
    sign: Sign,
    within: Duration,
) -> Result<Waited, CheckError> {
    let started = Instant::now();
    let mut back: Vec<Option<Duration>> = vec![None; before.len()];
    loop {
        // An API server that does not answer for a moment says nothing about the nodes.
        let now = look(context, &context.nodes).await;
        if let Ok(now) = &now {
            for ((now, before), back) in now.iter().zip(before).zip(&mut back) {
                *back = back.or_else(|| now.is_back(before, sign).then(|| started.elapsed()));
            }
        }
        let all_are_back = back.iter().all(Option::is_some);
        if !all_are_back && started.elapsed() < within {
            pause(context, POLL).await?;
            continue;
        }
        let now = now?;
        let mut lines = Vec::new();
        let mut lost = Vec::new();
        for (((record, before), now), back) in context.nodes.iter().zip(before).zip(now).zip(back) {
            match back {
                Some(after) => lines.push(format!("node {}: Ready again after {}s", record.index, after.as_secs())),
                None => {
                    lines.push(format!("node {}: not back after {}s: {}", record.index, within.as_secs(), now.state));
                    lost.push((record.clone(), before.clone(), now));
                }
            }
        }
        return Ok(Waited { story: evidence("nodes", lines.join("\n")), lost });
    }
}

/// The verdict on nodes that are not back after an event (`the reboot`), and its proof: the image's fault, unless EC2 says that it is
/// its own, or the event never happened.
///
/// # Errors
/// When nothing can be said about the image.
pub(super) async fn never_back(
    context: &Context,
    waited: &Waited,
    sign: Sign,
    event: &str,
) -> Result<(Verdict, Vec<Evidence>), CheckError> {
    let ids: Vec<String> = waited.lost.iter().filter_map(|(record, ..)| record.instance_id.clone()).collect();
    let (mut health, mut proof) = (Vec::new(), vec![waited.story.clone()]);
    if let (Some(clients), false) = (&context.aws, ids.is_empty()) {
        let found = instances::health(clients, &ids).await;
        health = found.doing("reading the status of instances that are not back")?;
        for id in &ids {
            let text = instances::console(clients, id).await.unwrap_or_else(|error| format!("unavailable: {error}"));
            proof.push(evidence(format!("console output of {id}"), &text));
        }
    }
    let mut findings = Vec::new();
    for (record, before, now) in &waited.lost {
        let own = health.iter().find(|health| Some(&health.id) == record.instance_id.as_ref());
        if let Some(why) = elsewhere(own, before, now, sign) {
            return Err(CheckError::Undecided(format!("node {} ({}) after {event}: {why}", record.index, record.name)));
        }
        findings.push(finding(record, before, now, own, event));
    }
    Ok((Verdict::Fail(findings), proof))
}

/// Why the image is not at fault that a node is not back, if it is not.
fn elsewhere(health: Option<&Health>, before: &NodeView, now: &NodeView, sign: Sign) -> Option<String> {
    if let Some(health) = health.filter(|health| health.system == "impaired") {
        return Some(format!("EC2 reports that the host of instance {} is impaired", health.id));
    }
    if sign == Sign::Booted && now.ready && now.boot_id == before.boot_id {
        return Some("it has not rebooted: the reboot command had no effect".to_owned());
    }
    None
}

fn finding(record: &NodeRecord, before: &NodeView, now: &NodeView, health: Option<&Health>, event: &str) -> Finding {
    let booted = !now.boot_id.is_empty() && now.boot_id != before.boot_id;
    let state = match (now.name.is_empty() || now.state.is_empty(), booted) {
        (true, _) => "its node object is gone".to_owned(),
        (false, true) => format!("it booted, but its kubelet is not Ready: {}", now.state),
        (false, false) => now.state.clone(),
    };
    let health = health.map(|health| format!("; EC2: {health}")).unwrap_or_default();
    let summary = format!("node {} never came back from {event}: {state}{health}", record.index);
    let summary = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    Finding::new(format!("node {}", record.index), summary).with_remediation(
        "read the console output: a bootloader that asks for a password (CIS 1.4.1), a file system that is not mounted, kernel settings \
         that the kubelet refuses, a firewall that keeps it from the API server",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::record;

    fn sight(boot_id: &str, ready: bool, renewed: i64) -> NodeView {
        NodeView {
            name: "a".into(),
            boot_id: boot_id.into(),
            ready,
            state: "NodeStatusUnknown Kubelet stopped posting node status.".into(),
            renewed: Timestamp::from_second(renewed).ok(),
        }
    }

    fn health(system: &str, instance: &str) -> Health {
        Health { id: "i-1".into(), state: "running".into(), system: system.into(), instance: instance.into() }
    }

    #[test]
    fn a_node_is_back_when_it_shows_the_sign_and_is_ready() {
        let before = sight("1", true, 10);
        assert!(sight("2", true, 10).is_back(&before, Sign::Booted));
        assert!(!sight("2", false, 10).is_back(&before, Sign::Booted));
        assert!(!sight("1", true, 99).is_back(&before, Sign::Booted));
        assert!(sight("1", true, 11).is_back(&before, Sign::Reported));
        assert!(!sight("1", true, 10).is_back(&before, Sign::Reported));
        assert!(!NodeView::default().is_back(&before, Sign::Booted), "a node that is gone is not back");
    }

    #[test]
    fn the_machine_below_and_a_command_without_effect_are_not_the_images_doing() {
        let before = sight("1", true, 10);
        let impaired = elsewhere(Some(&health("impaired", "impaired")), &before, &sight("1", false, 10), Sign::Booted);
        assert!(impaired.unwrap().contains("the host of instance"));
        assert!(elsewhere(None, &before, &sight("1", true, 99), Sign::Booted).unwrap().contains("no effect"));
        assert_eq!(elsewhere(Some(&health("ok", "impaired")), &before, &sight("1", false, 10), Sign::Booted), None);
        assert_eq!(elsewhere(None, &before, &sight("1", true, 10), Sign::Reported), None);
    }

    #[test]
    fn a_finding_says_how_far_the_node_came() {
        let before = sight("1", true, 10);
        let message_for = |now: &NodeView| {
            finding(&record(1, "v1"), &before, now, Some(&health("ok", "impaired")), "the reboot").summary
        };
        assert_eq!(
            message_for(&sight("1", false, 10)),
            "node 1 never came back from the reboot: NodeStatusUnknown Kubelet stopped posting node status.; EC2: running, system check \
             ok, instance check impaired"
        );
        assert!(message_for(&sight("2", false, 10)).contains("it booted, but its kubelet is not Ready"));
        assert!(message_for(&NodeView { name: "a".into(), ..NodeView::default() }).contains("its node object is gone"));
    }
}
