//! `node/conntrack`: the kernel's connection limit is at least kube-proxy's (Kubernetes, "kube-proxy", `conntrack.min`: 131072).
//!
//! kube-proxy raises the limit when it starts. A lower limit was set afterwards, and connections are dropped under load.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "node/conntrack",
    "the kernel tracks as many connections as kube-proxy configures",
    |context| run(context).boxed(),
)
.on(linux_only)
.within(Duration::from_secs(300));

const LEAST: u64 = 131_072;

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    judged(facts, |node, read| {
        let limit = read.get("sysctl.net.netfilter.nf_conntrack_max").and_then(|limit| limit.parse::<u64>().ok());
        let Some(limit) = limit else { return Err(silent(node, "how many connections it tracks")) };
        if limit >= LEAST {
            return Ok(Vec::new());
        }
        let help = "exclude net.netfilter.nf_conntrack_max from hardening: kube-proxy sets it";
        let summary = format!("net.netfilter.nf_conntrack_max is {limit}, less than {LEAST}");
        Ok(vec![Finding::new(resource(node), summary).with_remediation(help)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::read_facts;

    #[test]
    fn fewer_connections_than_kube_proxy_asks_for_are_a_finding() {
        let asked = |limit: &str| assess(&[read_facts(1, &[("sysctl.net.netfilter.nf_conntrack_max", limit)])]);
        assert_eq!(asked("262144"), Verdict::Pass);
        assert!(matches!(asked("65536"), Verdict::Fail(_)));
        assert!(matches!(asked("many"), Verdict::NotEvaluated(_)));
    }
}
