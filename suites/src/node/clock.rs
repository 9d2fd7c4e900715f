//! `node/clock`: the clock of each node is right, and something keeps it so.
//!
//! AWS refuses requests that are signed five minutes off, the API server tokens that are not valid yet, and chronyd that runs without a
//! source (a hardened chrony.conf without servers; awslabs/amazon-eks-ami, issues 130 and 1009) looks healthy until the clock has drifted.
//!
//! The offset is that against the API server: a kubelet writes the time of its node into its lease (`spec.renewTime`), and the API server its
//! own into the record of that write (`metadata.managedFields`). Where there is no such record, it is that against amiproof's clock, which the
//! facts of a host were read by.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, Doing as _, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use futures::FutureExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;

use super::{resource, settled, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/clock", "the clock of every node is right, and a time source keeps it so", |context| {
        run(context).boxed()
    })
    .on(linux_only)
    .within(Duration::from_secs(300));

/// Seconds that a clock may be off. Half a minute is more than a lease is on its way, and far below the five minutes of AWS.
const TOLERANCE: i64 = 30;

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let leases: Api<Lease> = Api::namespaced(context.cluster.client(), "kube-node-lease");
    let mut offsets = Vec::new();
    for node in context.nodes.iter() {
        let lease = leases.get_opt(&node.name).await.doing(format!("reading the lease of node {}", node.name))?;
        offsets.push((node.index, lease.as_ref().and_then(offset)));
    }
    let facts = context.facts.of(context).await;
    let mut decision = decision(context, assess(&context.nodes, &offsets, facts));
    decision.evidence.push(Evidence { name: "clocks".to_owned(), text: table(&offsets, facts), file: None });
    Ok(decision)
}

/// Seconds that the node's clock was ahead of the API server's when the kubelet last renewed its lease.
fn offset(lease: &Lease) -> Option<i64> {
    let renewed = lease.spec.as_ref()?.renew_time.as_ref()?.0.as_second();
    let writes = lease.metadata.managed_fields.iter().flatten();
    let own = writes.filter(|write| {
        write.operation.as_deref() == Some("Update")
            && write.manager.as_deref().is_some_and(|by| by.contains("kubelet"))
    });
    let written = own.filter_map(|write| Some(write.time.as_ref()?.0.as_second())).max()?;
    Some(renewed - written)
}

fn fact<'a>(facts: &'a [NodeFacts], index: u32, name: &str) -> Option<&'a str> {
    let of_node = facts.iter().find(|of_node| of_node.node.index == index)?;
    of_node.read.as_ref().ok()?.1.get(name)
}

fn assess(nodes: &[NodeRecord], offsets: &[(u32, Option<i64>)], facts: &[NodeFacts]) -> Verdict {
    if nodes.is_empty() {
        return Verdict::NotEvaluated("there is no node".to_owned());
    }
    let mut findings = Vec::new();
    let mut gap = None;
    for node in nodes {
        let by_server = offsets.iter().find(|(index, _)| *index == node.index).and_then(|(_, offset)| *offset);
        let is_read = facts.iter().any(|of_node| of_node.node.index == node.index && of_node.read.is_ok());
        if !is_read {
            let lease = if by_server.is_none() { ", and its lease has no time" } else { "" };
            gap.get_or_insert(Verdict::NotEvaluated(format!("{} could not be read{lease}", resource(node))));
        }
        // A fact only where it is beyond the way of an answer.
        let by_us = fact(facts, node.index, "time.offset.seconds").and_then(|text| text.parse::<i64>().ok());
        let (seconds, than) = match by_server {
            Some(seconds) => (seconds, "the API server's"),
            None => (by_us.unwrap_or(0), "amiproof's"),
        };
        if seconds.abs() > TOLERANCE {
            let word = if seconds > 0 { "ahead of" } else { "behind" };
            let summary = format!("its clock is {} s {word} {than}", seconds.abs());
            findings.push(
                Finding::new(format!("{}, time.offset.seconds", resource(node)), summary).with_remediation(
                    "let chronyd step the clock before the kubelet starts (makestep), from the Amazon Time Sync Service, 169.254.169.123",
                ),
            );
        }
        let synchronized = fact(facts, node.index, "time.synchronized");
        if is_read && !matches!(synchronized, Some("yes" | "no")) {
            gap.get_or_insert(silent(node, "whether its clock is synchronized"));
        }
        if synchronized == Some("no") {
            let sources = fact(facts, node.index, "time.sources").unwrap_or("not known");
            let summary =
                format!("nothing keeps its clock right: it is not synchronized, its time sources are: {sources}");
            findings.push(Finding::new(format!("{}, time.synchronized", resource(node)), summary).with_remediation(
                "keep `server 169.254.169.123 prefer iburst` in chrony.conf, or another source that the nodes reach",
            ));
        }
    }
    settled(findings, gap)
}

/// One line per node: its offset, and where it has its time from.
fn table(offsets: &[(u32, Option<i64>)], facts: &[NodeFacts]) -> String {
    let line = |(index, offset): &(u32, Option<i64>)| {
        let offset =
            offset.map_or("its lease has no time".to_owned(), |seconds| format!("{seconds} s against the API server"));
        let word = |name: &str| fact(facts, *index, name).unwrap_or("not known");
        format!(
            "node {index}: {offset}; synchronized: {}; sources: {}",
            word("time.synchronized"),
            word("time.sources")
        )
    };
    offsets.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::node::tests::{read_facts, record};

    fn lease(renewed: &str, written: &str) -> Lease {
        serde_json::from_value(json!({
            "metadata": {"name": "a", "managedFields": [
                {"manager": "kubelet", "operation": "Update", "apiVersion": "coordination.k8s.io/v1", "time": written},
                {"manager": "other", "operation": "Update", "time": "2026-11-21T09:00:00Z"},
            ]},
            "spec": {"renewTime": renewed},
        }))
        .unwrap()
    }

    #[test]
    fn a_lease_says_how_far_the_nodes_clock_is_from_the_api_servers() {
        assert_eq!(offset(&lease("2026-11-21T08:00:00.900000Z", "2026-11-21T08:00:00Z")), Some(0));
        assert_eq!(offset(&lease("2026-11-21T08:03:20.000000Z", "2026-11-21T08:00:00Z")), Some(200));
        let silent: Lease =
            serde_json::from_value(json!({"metadata": {}, "spec": {"renewTime": "2026-11-21T08:00:00.000000Z"}}))
                .unwrap();
        assert_eq!(offset(&silent), None);
    }

    #[test]
    fn a_clock_that_is_off_and_one_that_nobody_sets_are_findings() {
        let nodes = [record(1, "")];
        let asked =
            |offset: Option<i64>, facts: &[(&str, &str)]| assess(&nodes, &[(1, offset)], &[read_facts(1, facts)]);
        let good = [("time.synchronized", "yes"), ("time.sources", "169.254.169.123")];
        assert_eq!(asked(Some(1), &good), Verdict::Pass);
        assert_eq!(asked(Some(-30), &good), Verdict::Pass);
        assert_eq!(
            asked(Some(0), &[("time.offset.seconds", "400"), ("time.synchronized", "yes")]),
            Verdict::Pass,
            "amiproof's own clock is wrong"
        );
        assert!(
            matches!(asked(Some(0), &[("os.name", "x")]), Verdict::NotEvaluated(_)),
            "nothing reports whether it is synchronized"
        );
        for (offset, facts, summary) in [
            (Some(200), &good[..], "its clock is 200 s ahead of the API server's"),
            (None, &[("time.offset.seconds", "-400")], "its clock is 400 s behind amiproof's"),
            (
                None,
                &[("time.synchronized", "no"), ("time.sources", "none")],
                "nothing keeps its clock right: it is not synchronized, its time sources are: none",
            ),
        ] {
            let Verdict::Fail(findings) = asked(offset, facts) else { panic!("{summary}") };
            assert_eq!((findings.len(), findings[0].summary.as_str()), (1, summary));
        }
        let unread = NodeFacts { node: record(1, ""), read: Err("no agent".to_owned()) };
        assert!(matches!(assess(&nodes, &[(1, None)], &[unread]), Verdict::NotEvaluated(_)));
    }
}
