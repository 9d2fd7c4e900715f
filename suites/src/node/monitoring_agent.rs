//! `node/monitoring-agent`: what the EKS node monitoring agent says of the nodes, where it runs.
//!
//! The agent reads logs and settings of its node, and tells about them in conditions of the Node (a problem that node auto repair replaces
//! the instance for) and in events (aws/eks-node-monitoring-agent, docs/node-health-issues.adoc; EKS user guide, "View the health status of
//! your nodes"). It looks at a node from inside, workloads try what they need: a condition that is false fails, an event is settled by the
//! workloads that would notice (`amiproof_model::prediction`), and a node that the agent calls ready while packets of pods are lost is for a
//! person to look at (`amiproof_model::second_opinion`).

use amiproof_core::check::{CheckError, Decision, Doing as _, linux_only};
use amiproof_core::context::Context;
use amiproof_core::evidence::evidence;
use amiproof_model::report::NodeRecord;
use amiproof_model::second_opinion::CONDITIONS;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::{Event, Node};
use kube::Api;
use kube::api::ListParams;

use super::{now, placements, resource, settled, silent};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "node/monitoring-agent",
    "the EKS node monitoring agent reports no problem with any node",
    |context| run(context).boxed(),
)
.on(linux_only);

/// Who writes the events.
const AGENT: &str = "eks-node-monitoring-agent";

/// Events about settings and ports of the host, which stay as they are until a person changes them. The others are about load, and pass.
const LASTING: [&str; 13] = [
    "ClockUnsynchronized",
    "EtcHostsMountFailed",
    "InterfaceNotUp",
    "KubeProxyNotReady",
    "KubeletFailed",
    "MACAddressPolicyMisconfigured",
    "MissingDefaultRoutes",
    "MissingIPRoutes",
    "MissingIPRules",
    "NetworkSysctl",
    // A hostPort of a pod takes connections to a port on which the host listens itself, the kubelet's among them.
    "PortConflict",
    "ServiceFailedToStart",
    "UnexpectedRejectRule",
];

/// A condition of a node: type, whether it is true, reason and message.
type Reported = (String, String, String, String);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let nodes = now(context).await?;
    let reported: Vec<(NodeRecord, Vec<Reported>)> =
        nodes.iter().map(|(record, node)| (record.clone(), node.as_ref().map_or_else(Vec::new, conditions))).collect();
    if reported.iter().all(|(_, reported)| reported.is_empty()) {
        let reason = "no node has a condition of the EKS node monitoring agent: list eks-node-monitoring-agent below cluster.addons";
        return Ok(Verdict::NotApplicable(reason.to_owned()).into());
    }
    let events: Api<Event> = Api::all(context.cluster.client());
    let only = ListParams::default().fields("involvedObject.kind=Node");
    let events = events.list(&only).await.doing("reading the events about the nodes")?.items;
    let events: Vec<(NodeRecord, &Event)> =
        events.iter().filter_map(|event| Some((of(&nodes, event)?, event))).collect();
    let mut proof = vec![evidence("conditions of the agent", table(&reported))];
    if !events.is_empty() {
        let lines: Vec<String> = events.iter().map(|(node, event)| line(node, event)).collect();
        proof.push(evidence("events of the agent", lines.join("\n")));
    }
    Ok(Decision { evidence: proof, placements: placements(&context.nodes), ..assess(&reported, &events).into() })
}

/// The conditions of the agent that a node has.
fn conditions(node: &Node) -> Vec<Reported> {
    let all = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let own = all.filter(|condition| CONDITIONS.contains(&condition.type_.as_str()));
    own.map(|condition| {
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        (condition.type_.clone(), condition.status.clone(), word(&condition.reason), word(&condition.message))
    })
    .collect()
}

/// The node that an event of the agent is about.
fn of(nodes: &[(NodeRecord, Option<Node>)], event: &Event) -> Option<NodeRecord> {
    let component = event.reporting_component.as_deref().filter(|by| !by.is_empty());
    let component = component.or(event.source.as_ref().and_then(|source| source.component.as_deref()));
    if component != Some(AGENT) {
        return None;
    }
    let (record, _) = nodes.iter().find(|(record, _)| Some(&record.name) == event.involved_object.name.as_ref())?;
    Some(record.clone())
}

fn line(node: &NodeRecord, event: &Event) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}: {} {}: {}", resource(node), text(&event.type_), text(&event.reason), text(&event.message))
}

fn table(reported: &[(NodeRecord, Vec<Reported>)]) -> String {
    let lines = reported.iter().flat_map(|(node, reported)| {
        reported
            .iter()
            .map(|(kind, status, reason, message)| format!("{}: {kind} {status}: {reason}: {message}", resource(node)))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn assess(reported: &[(NodeRecord, Vec<Reported>)], events: &[(NodeRecord, &Event)]) -> Verdict {
    let mut findings = Vec::new();
    let mut gap = None;
    for (node, reported) in reported {
        if reported.is_empty() {
            gap.get_or_insert(Verdict::NotEvaluated(format!(
                "{} has no condition of the agent, but others have: its agent does not run yet, or not at all",
                resource(node)
            )));
        }
        for (kind, status, reason, message) in reported {
            if status == "Unknown" {
                gap.get_or_insert(silent(node, &format!("whether {kind} holds: {reason}: {message}")));
            }
            if status != "False" {
                continue;
            }
            let summary = format!("{kind} is false: {reason}: {message}");
            let help = "read the agent's log on the node; with node auto repair EKS replaces the instance for this";
            findings.push(Finding::new(format!("{}, {reason}", resource(node)), summary).with_remediation(help));
        }
    }
    for (node, event) in events {
        let reason = event.reason.as_deref().unwrap_or_default();
        let at = format!("{}, {reason}", resource(node));
        if !LASTING.contains(&reason) || findings.iter().any(|finding: &Finding| finding.resource == at) {
            continue;
        }
        let summary = format!("the agent warns of {reason}: {}", event.message.as_deref().unwrap_or_default());
        let help = match reason {
            "PortConflict" => {
                "give the pod another hostPort: its rules redirect connections to a port that the host uses"
            }
            _ => "see the setting that the agent names",
        };
        findings.push(Finding::new(at, summary).with_remediation(help));
    }
    settled(findings, gap)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::node::tests::record;

    fn reported(kind: &str, holds: bool, reason: &str) -> Reported {
        let status = if holds { "True" } else { "False" };
        (kind.to_owned(), status.to_owned(), reason.to_owned(), "m".to_owned())
    }

    fn event(reason: &str) -> Event {
        serde_json::from_value(json!({
            "metadata": {"name": "e"}, "involvedObject": {"kind": "Node", "name": "ip-10-0-0-1"}, "type": "Warning",
            "reason": reason, "message": "m", "reportingComponent": AGENT, "reportingInstance": "",
        }))
        .unwrap()
    }

    #[test]
    fn a_condition_that_is_false_and_an_event_about_a_setting_are_findings() {
        let node = || record(1, "");
        let good = || {
            vec![reported("KernelReady", true, "KernelIsReady"), reported("NetworkingReady", true, "NetworkingIsReady")]
        };
        assert_eq!(assess(&[(node(), good())], &[]), Verdict::Pass);
        assert_eq!(assess(&[(node(), good())], &[(node(), &event("IODelays"))]), Verdict::Pass, "load passes");
        let bad = vec![reported("NetworkingReady", false, "IPAMDNotReady")];
        let Verdict::Fail(findings) = assess(&[(node(), bad)], &[]) else { panic!() };
        assert_eq!(
            (findings[0].resource.as_str(), findings[0].summary.as_str()),
            ("node 1, IPAMDNotReady", "NetworkingReady is false: IPAMDNotReady: m")
        );
        let events = [event("NetworkSysctl"), event("NetworkSysctl")];
        let events: Vec<_> = events.iter().map(|event| (node(), event)).collect();
        let Verdict::Fail(findings) = assess(&[(node(), good())], &events) else { panic!() };
        assert_eq!((findings.len(), findings[0].resource.as_str()), (1, "node 1, NetworkSysctl"));
        let half = [(node(), good()), (record(2, ""), Vec::new())];
        assert!(matches!(assess(&half, &[]), Verdict::NotEvaluated(why) if why.starts_with("node 2 ")));
    }

    #[test]
    fn only_conditions_and_events_of_the_agent_count() {
        let node: Node = serde_json::from_value(json!({"metadata": {"name": "ip-10-0-0-1"}, "status": {"conditions": [
            {"type": "Ready", "status": "False"}, {"type": "StorageReady", "status": "True", "reason": "StorageIsReady"}]}}))
        .unwrap();
        assert_eq!(
            conditions(&node),
            [("StorageReady".to_owned(), "True".to_owned(), "StorageIsReady".to_owned(), String::new())]
        );
        let nodes = [(record(1, ""), Some(node))];
        assert!(of(&nodes, &event("NetworkSysctl")).is_some());
        let mut other = event("NetworkSysctl");
        other.reporting_component = Some("kubelet".to_owned());
        assert!(of(&nodes, &other).is_none());
    }
}
