//! `cni-network-policy`: whether the network plug-in enforces NetworkPolicies.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable};
use super::plugin::{self, Enforcement};
use super::question::{Question, finding, manual, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "cni-network-policy", assess };

/// The remediation if network policies are disabled in the VPC CNI.
pub(crate) const SWITCH_ON: &str =
    "aws eks update-addon --addon-name vpc-cni --configuration-values '{\"enableNetworkPolicy\":\"true\"}'";

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    Ok(match plugin::enforcement(facts)? {
        Enforcement::By(plugin) => with_evidence(verdict(Vec::new()), "enforced by", &[plugin]),
        Enforcement::SwitchedOff => {
            let text = "the VPC CNI runs without its network policy agent, so NetworkPolicies change nothing";
            verdict(vec![finding("kube-system/DaemonSet/aws-node", text, SWITCH_ON)])
        }
        Enforcement::Unknown => {
            manual("whether the network plug-in enforces NetworkPolicies: none that amiproof knows runs as a DaemonSet")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of};
    use super::*;

    #[test]
    fn a_switch_that_is_off_fails_and_an_unknown_plug_in_is_for_a_human() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        facts.workloads.as_mut().unwrap()[0].containers.pop();
        assert_eq!(outcome_of(&QUESTION, &facts), "fail kube-system/DaemonSet/aws-node");
        assert_eq!(outcome_of(&QUESTION, &Facts { workloads: Ok(Vec::new()), ..clean() }), "manual");
    }
}
