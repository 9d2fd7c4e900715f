//! `network-policy-enabled`: whether NetworkPolicies both exist where pods run and are enforced.

use std::collections::BTreeSet;

use amiproof_core::check::Decision;

use super::cni_network_policy::SWITCH_ON;
use super::facts::{Facts, Unreadable, seen};
use super::plugin::{self, Enforcement};
use super::question::{Question, finding, manual, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "network-policy-enabled", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let policies = seen(&facts.network_policies)?;
    let workloads = facts.own_workloads()?;
    let in_use: BTreeSet<&str> = workloads.iter().map(|workload| workload.namespace.as_str()).collect();
    let enforcement = plugin::enforcement(facts)?;
    let mut findings = Vec::new();
    if enforcement == Enforcement::SwitchedOff {
        findings.push(finding("kube-system/DaemonSet/aws-node", "NetworkPolicies are not enforced", SWITCH_ON));
    }
    let help = "create a NetworkPolicy that denies by default, then one for each connection that is needed";
    let bare = in_use.into_iter().filter(|namespace| !policies.contains_key(*namespace));
    findings.extend(
        bare.map(|namespace| finding(format!("Namespace/{namespace}"), "runs pods without a NetworkPolicy", help)),
    );
    if findings.is_empty() && enforcement == Enforcement::Unknown {
        return Ok(manual(
            "whether the network plug-in enforces NetworkPolicies: none that amiproof knows runs as a DaemonSet",
        ));
    }
    Ok(verdict(findings))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::facts::testing::{clean, outcome_of};
    use super::*;

    #[test]
    fn policies_must_exist_and_be_enforced() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let bare = Facts { network_policies: Ok(BTreeMap::new()), ..clean() };
        assert_eq!(outcome_of(&QUESTION, &bare), "fail Namespace/web");
        let mut off = clean();
        off.workloads.as_mut().unwrap()[0].containers.pop();
        assert_eq!(outcome_of(&QUESTION, &off), "fail kube-system/DaemonSet/aws-node");
        let mut unknown = clean();
        unknown.workloads.as_mut().unwrap().remove(0);
        assert_eq!(outcome_of(&QUESTION, &unknown), "manual");
    }
}
