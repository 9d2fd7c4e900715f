//! `node/age`: no node is older than 45 days.
//!
//! The EKS best practices for Windows hardening name this age for nodes that are replaced instead of patched; the CIS recommends for
//! Linux too that hosts are replaced from a fresh image.

use amiproof_core::aws::instances::Instance;
use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};

use super::{instances, now, placements, resource};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/age", "no node is older than 45 days", |context| run(context).boxed());

const OLDEST_DAYS: i64 = 45;

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let instances = instances(context).await?.unwrap_or_default();
    let nodes = now(context).await?.into_iter().map(|(record, node)| {
        let is_of = |instance: &&Instance| record.instance_id.as_ref() == Some(&instance.id);
        let launched = instances.iter().find(is_of).and_then(|instance| instance.launched);
        // Without EC2, the age of the Node object is a lower bound.
        let registered = node.and_then(|node| node.metadata.creation_timestamp).map(|time| time.0);
        (record, launched.or(registered))
    });
    let verdict = assess(&nodes.collect::<Vec<_>>(), amiproof_time::now());
    Ok(Decision { placements: placements(&context.nodes), ..verdict.into() })
}

fn assess(nodes: &[(NodeRecord, Option<Timestamp>)], now: Timestamp) -> Verdict {
    if nodes.is_empty() {
        return Verdict::NotEvaluated("there is no node".to_owned());
    }
    let mut findings = Vec::new();
    for (node, started) in nodes {
        let Some(started) = started else {
            return Verdict::NotEvaluated(format!("it is not known when {} was launched", resource(node)));
        };
        let age = now.duration_since(*started);
        if age > SignedDuration::from_hours(24 * OLDEST_DAYS) {
            let days = age.as_hours() / 24;
            let finding = Finding::new(resource(node), format!("launched {days} days ago, the limit is {OLDEST_DAYS}"));
            findings.push(finding.with_remediation("replace the node from a fresh image"));
        }
    }
    if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    #[test]
    fn forty_five_days_are_allowed_and_an_hour_more_is_not() {
        let now: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        for (hours, passes) in [(0, true), (45 * 24, true), (45 * 24 + 1, false), (400 * 24, false)] {
            let started = now - SignedDuration::from_hours(hours);
            let verdict = assess(&[(record(1, ""), Some(started))], now);
            assert_eq!(verdict == Verdict::Pass, passes, "{hours} h: {verdict:?}");
        }
        assert!(matches!(assess(&[(record(1, ""), None)], now), Verdict::NotEvaluated(_)));
        assert!(matches!(assess(&[], now), Verdict::NotEvaluated(_)));
    }
}
