//! `node/boot-time`: seconds from the launch of each instance to its node's Ready condition, with the variant's `nodesReady` as the limit.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use futures::FutureExt as _;

use super::{placements, resource};
use crate::definition::Definition;
use crate::host::verdict;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/boot-time", "every node is Ready in time after its launch", |context| {
        run(context).boxed()
    });

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let verdict = match (assess(&context.nodes, context.variant.timeouts.nodes_ready), context.account()) {
        // Only EC2 knows when an instance was launched.
        (Verdict::NotEvaluated(_), Err(no_account)) => no_account,
        (verdict, _) => verdict,
    };
    let evidence = Evidence { name: "boot to Ready".to_owned(), text: table(&context.nodes), file: None };
    Ok(Decision { placements: placements(&context.nodes), evidence: vec![evidence], ..verdict.into() })
}

fn table(nodes: &[NodeRecord]) -> String {
    let line = |node: &NodeRecord| match node.boot_to_ready_seconds {
        Some(seconds) => format!("{}: {seconds:.0} s", resource(node)),
        None => format!("{}: not known", resource(node)),
    };
    nodes.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn assess(nodes: &[NodeRecord], limit: Duration) -> Verdict {
    let known: Vec<(&NodeRecord, f64)> =
        nodes.iter().filter_map(|node| Some((node, node.boot_to_ready_seconds?))).collect();
    if known.is_empty() {
        return Verdict::NotEvaluated("it is not known when the instances were launched".to_owned());
    }
    let late = known.iter().filter(|(_, seconds)| *seconds > limit.as_secs_f64());
    let findings = late.map(|(node, seconds)| {
        let summary = format!("took {seconds:.0} s from launch to Ready, the limit is {} s", limit.as_secs());
        Finding::new(resource(node), summary)
            .with_remediation("see the console output and `systemd-analyze blame` on the node")
    });
    verdict(findings.collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    #[test]
    fn a_node_that_boots_longer_than_the_limit_is_a_finding() {
        let node = |seconds: Option<f64>| NodeRecord { boot_to_ready_seconds: seconds, ..record(1, "") };
        let limit = Duration::from_secs(480);
        assert_eq!(assess(&[node(Some(480.0)), node(None)], limit), Verdict::Pass);
        assert!(matches!(assess(&[node(Some(481.0))], limit), Verdict::Fail(_)));
        assert!(matches!(assess(&[node(None)], limit), Verdict::NotEvaluated(_)));
        assert_eq!(table(&[node(Some(61.4)), node(None)]), "node 1: 61 s\nnode 1: not known");
    }
}
