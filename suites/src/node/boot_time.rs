//! `node/boot-time`: seconds from the launch of each instance to its node's Ready condition, with the variant's `nodesReady` as the limit,
//! and compared with the nodes of its reference.
//!
//! Instances of one image differ by half a minute and more. So a variant counts as slower only if its fastest node took at least twice as long
//! as the slowest node of the reference, and at least 90 seconds longer. An autoscaler waits that much longer for each new node.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::{Context, Peers};
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use futures::FutureExt as _;

use super::{placements, resource};
use crate::definition::Definition;
use crate::host::verdict;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/boot-time", "every node becomes Ready in time after its launch", |context| {
        run(context).boxed()
    });

/// A variant is slower if its fastest node takes at least this many times as long as the slowest node of the reference,
const RATIO: f64 = 2.0;
/// and at least this many seconds longer.
const SECONDS: f64 = 90.0;

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let peers = peers(context).await?;
    let assessed = match assess(&context.nodes, context.variant.timeouts.nodes_ready) {
        Verdict::Pass => slower(&context.nodes, &peers),
        other => other,
    };
    let verdict = match (assessed, context.account()) {
        // Only EC2 knows when an instance was launched.
        (Verdict::NotEvaluated(_), Err(no_account)) => no_account,
        (verdict, _) => verdict,
    };
    let mut text = table(&context.nodes);
    if !peers.is_empty() {
        text.push_str(&format!("\nof the reference:\n{}", table(&peers)));
    }
    let evidence = Evidence { name: "boot to Ready".to_owned(), text, file: None };
    Ok(Decision { placements: placements(&context.nodes), evidence: vec![evidence], ..verdict.into() })
}

/// The nodes of the reference once they are Ready; none if there will be none.
async fn peers(context: &Context) -> Result<Vec<NodeRecord>, CheckError> {
    let mut peers = context.peers.clone();
    let known = tokio::select! {
        biased;
        known = peers.wait_for(|peers| !matches!(peers, Peers::Pending)) => known.map(|peers| peers.clone()),
        () = context.cancel.cancelled() => return Err(CheckError::Cancelled),
    };
    Ok(match known {
        Ok(Peers::Ready(nodes)) => nodes.to_vec(),
        _ => Vec::new(),
    })
}

/// The finding if even the fastest node is slower than the slowest of the reference by a multiple.
fn slower(nodes: &[NodeRecord], peers: &[NodeRecord]) -> Verdict {
    let seconds = |nodes: &[NodeRecord]| nodes.iter().filter_map(|node| node.boot_to_ready_seconds).collect::<Vec<_>>();
    let (own, others) = (seconds(nodes), seconds(peers));
    let fastest = own.iter().copied().fold(f64::INFINITY, f64::min);
    let slowest = others.iter().copied().fold(0.0, f64::max);
    if others.is_empty() || !fastest.is_finite() || fastest < RATIO * slowest || fastest - slowest < SECONDS {
        return Verdict::Pass;
    }
    let summary = format!(
        "every node took at least {fastest:.0} s from launch to Ready, those of the reference at most {slowest:.0} s"
    );
    let help = "look for a scan, an update or a relabelling at first boot in `systemd-analyze blame` on the node";
    Verdict::Fail(vec![Finding::new("nodes", summary).with_remediation(help)])
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
    fn only_nodes_that_all_take_a_multiple_are_slower_than_their_reference() {
        let nodes = |seconds: &[f64]| -> Vec<NodeRecord> {
            seconds
                .iter()
                .map(|seconds| NodeRecord { boot_to_ready_seconds: Some(*seconds), ..record(1, "") })
                .collect()
        };
        let twins = nodes(&[50.0, 70.0]);
        for (own, passes) in [(&[300.0, 90.0][..], true), (&[139.0], true), (&[159.0], true), (&[160.0, 400.0], false)]
        {
            assert_eq!(slower(&nodes(own), &twins) == Verdict::Pass, passes, "{own:?}");
        }
        assert_eq!(slower(&nodes(&[400.0]), &[]), Verdict::Pass, "nothing to compare with");
        assert_eq!(slower(&nodes(&[400.0]), &[record(1, "")]), Verdict::Pass);
    }

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
