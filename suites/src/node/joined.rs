//! `node/joined`: every instance of the node group is a node of the cluster, and there are at least as many as the
//! matrix asks for.

use amiproof_core::aws::instances::Instance;
use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{instances, placements};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/joined", "every instance of the node group joined the cluster", |context| {
        run(context).boxed()
    });

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let instances = instances(context).await?;
    let wanted = match (context.variant.made(), context.node_group().and(instances.as_ref())) {
        (Some(made), _) => made.count as usize,
        (None, Some(_)) => context.nodes.len(),
        (None, None) => {
            let reason =
                "nodes that a selector matches have joined by definition; only a node group defines how many should";
            return Ok(Verdict::NotApplicable(reason.to_owned()).into());
        }
    };
    let verdict = assess(&context.nodes, instances.as_deref(), wanted);
    Ok(Decision { placements: placements(&context.nodes), ..verdict.into() })
}

/// Without an AWS account only the number of nodes is known.
fn assess(nodes: &[NodeRecord], instances: Option<&[Instance]>, wanted: usize) -> Verdict {
    let mut findings = Vec::new();
    if nodes.len() < wanted {
        findings.push(Finding::new("node group", format!("{} of {wanted} nodes joined", nodes.len())));
    }
    let joined = |instance: &Instance| nodes.iter().any(|node| node.instance_id.as_ref() == Some(&instance.id));
    let running = instances.unwrap_or_default().iter().filter(|instance| instance.state == "running");
    let missing: Vec<&str> =
        running.filter(|instance| !joined(instance)).map(|instance| instance.id.as_str()).collect();
    if !missing.is_empty() {
        let summary = match missing.len() {
            1 => "1 running instance is not a node of the cluster".to_owned(),
            number => format!("{number} running instances are not nodes of the cluster"),
        };
        let finding = Finding::new("instances", summary);
        let remediation =
            "look at the console output and the kubelet's journal of the instance: user data, role, security group";
        findings.push(finding.with_detail(missing.join("\n")).with_remediation(remediation));
    }
    if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    fn instance(id: &str, state: &str) -> Instance {
        Instance {
            id: id.to_owned(),
            ami_id: String::new(),
            state: state.to_owned(),
            launched: None,
            private_dns_name: String::new(),
            private_ip: None,
        }
    }

    #[test]
    fn all_running_instances_must_be_nodes_and_enough_of_them() {
        let nodes = [record(1, ""), record(2, "")];
        let cases = [
            (&nodes[..], None, 2, 0),
            (&nodes[..], Some(vec![instance("i-1", "running"), instance("i-2", "running")]), 2, 0),
            (&nodes[..], Some(vec![instance("i-3", "pending")]), 2, 0),
            (&nodes[..], Some(vec![instance("i-3", "running")]), 2, 1),
            (&nodes[..1], None, 2, 1),
            (&nodes[..1], Some(vec![instance("i-3", "running")]), 2, 2),
        ];
        for (nodes, instances, wanted, findings) in cases {
            let found = match assess(nodes, instances.as_deref(), wanted) {
                Verdict::Pass => 0,
                Verdict::Fail(findings) => findings.len(),
                other => panic!("{other:?}"),
            };
            assert_eq!(found, findings, "{} nodes, {instances:?}", nodes.len());
        }
    }
}
