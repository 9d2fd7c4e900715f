//! `node/ready`: every node is still Ready, without pressure conditions.

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::{Node, NodeCondition};

use super::{now, placements, resource};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/ready", "every node is Ready and under no pressure", |context| run(context).boxed());

/// Conditions that must be False; each is named after its problem (Kubernetes, "Node Status").
const PRESSURES: [&str; 4] = ["DiskPressure", "MemoryPressure", "PIDPressure", "NetworkUnavailable"];

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let verdict = assess(&now(context).await?);
    Ok(Decision { placements: placements(&context.nodes), ..verdict.into() })
}

fn assess(nodes: &[(NodeRecord, Option<Node>)]) -> Verdict {
    if nodes.is_empty() {
        return Verdict::NotEvaluated("there is no node".to_owned());
    }
    let findings: Vec<Finding> = nodes.iter().flat_map(|(record, node)| findings(record, node.as_ref())).collect();
    if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) }
}

fn findings(record: &NodeRecord, node: Option<&Node>) -> Vec<Finding> {
    let Some(node) = node else { return vec![Finding::new(resource(record), "the node left the cluster")] };
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut findings = Vec::new();
    let mut ready = false;
    for condition in conditions {
        match (condition.type_.as_str(), condition.status.as_str()) {
            ("Ready", "True") => ready = true,
            ("Ready", _) => findings.push(finding(record, "not Ready", condition)),
            (name, "True") if PRESSURES.contains(&name) => findings.push(finding(record, name, condition)),
            _ => {}
        }
    }
    if !ready && findings.is_empty() {
        findings.push(Finding::new(resource(record), "the kubelet reports no Ready condition"));
    }
    findings
}

fn finding(record: &NodeRecord, what: &str, condition: &NodeCondition) -> Finding {
    let reason = condition.reason.as_deref().unwrap_or("no reason given");
    let message = condition.message.as_deref().unwrap_or_default();
    Finding::new(resource(record), format!("{what}: {reason}")).with_detail(message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::record;
    use super::*;

    fn summaries(conditions: &[(&str, &str, &str)]) -> Vec<String> {
        let conditions: Vec<_> = conditions
            .iter()
            .map(|(kind, status, reason)| json!({"type": kind, "status": status, "reason": reason}))
            .collect();
        let node: Node = serde_json::from_value(json!({"metadata": {}, "status": {"conditions": conditions}})).unwrap();
        match assess(&[(record(1, ""), Some(node))]) {
            Verdict::Pass => Vec::new(),
            Verdict::Fail(findings) => findings.into_iter().map(|finding| finding.summary).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_node_must_be_ready_and_under_no_pressure() {
        let calm = ("DiskPressure", "False", "KubeletHasNoDiskPressure");
        let ready = ("Ready", "True", "KubeletReady");
        assert!(summaries(&[calm, ready]).is_empty());
        assert_eq!(summaries(&[("DiskPressure", "True", "Full"), ready]), ["DiskPressure: Full"]);
        assert_eq!(summaries(&[calm, ("Ready", "Unknown", "NodeStatusUnknown")]), ["not Ready: NodeStatusUnknown"]);
        assert_eq!(summaries(&[calm]), ["the kubelet reports no Ready condition"]);
        assert_eq!(summaries(&[ready, ("SomethingNew", "True", "Fine")]), [""; 0]);
    }

    #[test]
    fn a_node_that_left_is_a_finding_and_no_node_at_all_is_no_evidence() {
        let Verdict::Fail(findings) = assess(&[(record(2, ""), None)]) else { panic!("a finding") };
        assert_eq!(
            (findings[0].resource.as_str(), findings[0].summary.as_str()),
            ("node 2", "the node left the cluster")
        );
        assert!(matches!(assess(&[]), Verdict::NotEvaluated(_)));
    }
}
