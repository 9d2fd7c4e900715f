//! `node/local-dns`: if NodeLocal DNSCache runs, the host's firewall allows pods to reach it (Kubernetes, "Using NodeLocal DNSCache").
//!
//! The cache adds its own ACCEPT rules for 169.254.20.10 to the tables of iptables, and excludes the packets from connection tracking, so
//! that rules for established connections do not match them. A default-deny INPUT chain in a separate nftables table, as CIS allows
//! (`inet filter`), drops packets even if iptables accepts them (nftables wiki, "Configuring chains").

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, Doing as _, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::{Collected, NodeFacts};
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use k8s_openapi::api::apps::v1::DaemonSet;
use kube::Api;
use kube::api::ListParams;

use super::{judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "node/local-dns",
    "the firewall lets pods reach the DNS cache of their node, if there is one",
    |context| run(context).boxed(),
)
.on(linux_only)
.within(Duration::from_secs(300));

/// The label of its DaemonSet in the manifest of kubernetes/dns.
const LABEL: &str = "k8s-app=node-local-dns";

/// The address that the cache listens on, from the same manifest.
const ADDRESS: &str = "169.254.20.10";

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let sets: Api<DaemonSet> = Api::namespaced(context.cluster.client(), "kube-system");
    let found =
        sets.list(&ListParams::default().labels(LABEL)).await.doing("looking for NodeLocal DNSCache in kube-system")?;
    if found.items.is_empty() {
        return Ok(decision(context, Verdict::NotApplicable("NodeLocal DNSCache is not installed".to_owned())));
    }
    Ok(decision(context, assess(context.facts.of(context).await)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    judged(facts, |node, read| {
        // A host without nftables lacks this fact; the iptables chains show whether its firewall was read.
        let Some(policy) = read.get("firewall.nft.input").or(read.get("firewall.iptables.INPUT").map(|_| "accept"))
        else {
            return Err(silent(node, "what its firewall does with packets to itself"));
        };
        let Some(chain) = policy.strip_prefix("drop (").and_then(|rest| rest.strip_suffix(')')) else {
            return Ok(Vec::new());
        };
        // The tables of iptables-nft, which contain the cache's own rules.
        if chain.starts_with("ip filter ") || lets_in(read) {
            return Ok(Vec::new());
        }
        let summary = format!(
            "nftables drops DNS queries of pods to {ADDRESS} in chain {chain}, whatever the iptables rules accept"
        );
        let help = format!(
            "add `ip daddr {ADDRESS} meta l4proto {{ tcp, udp }} th dport 53 accept` to chain {chain} when the image is built"
        );
        Ok(vec![Finding::new(resource(node), summary).with_remediation(help)])
    })
}

/// Whether a rule is about the cache, or allows DNS from everywhere.
fn lets_in(read: &Collected) -> bool {
    let Some(ruleset) = read.texts.get("nft ruleset") else { return false };
    ruleset.lines().map(str::trim).any(|rule| {
        let accepts = rule.ends_with("accept");
        accepts && (rule.contains(ADDRESS) || rule.contains("dport 53 ") || rule.contains("dport domain "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::read_facts;

    fn with_ruleset(policy: &str, ruleset: &str) -> Verdict {
        let mut facts = read_facts(1, &[("firewall.nft.input", policy)]);
        if let Ok((_, read)) = &mut facts.read {
            read.texts.insert("nft ruleset".to_owned(), ruleset.to_owned());
        }
        assess(&[facts])
    }

    #[test]
    fn a_default_deny_beside_iptables_shuts_the_cache_off_unless_a_rule_is_about_it() {
        let own = "drop (inet filter input)";
        assert!(matches!(with_ruleset(own, "tcp dport 10250 accept"), Verdict::Fail(_)));
        assert_eq!(with_ruleset(own, "ip daddr 169.254.20.10 udp dport 53 accept"), Verdict::Pass);
        assert_eq!(with_ruleset(own, "udp dport 53 accept"), Verdict::Pass);
        assert_eq!(
            with_ruleset("drop (ip filter INPUT)", ""),
            Verdict::Pass,
            "iptables-nft: the cache's rules are there"
        );
        assert_eq!(with_ruleset("accept", ""), Verdict::Pass);
        assert_eq!(assess(&[read_facts(1, &[("firewall.iptables.INPUT", "DROP")])]), Verdict::Pass);
        assert!(matches!(assess(&[read_facts(1, &[])]), Verdict::NotEvaluated(_)));
    }
}
