//! `host-network`: pods that use the host's network.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable};

use super::pod_security::{self, Profile, Rule};
use super::question::Question;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "host-network", assess };

const RULE: Rule = Rule {
    what: "pods that share the host's network",
    forbidden_by: Profile::Baseline,
    broken_by: |workload| if workload.host_network { vec!["hostNetwork: true".to_owned()] } else { Vec::new() },
    remediation: "remove hostNetwork from the pod template; such a pod reaches the instance metadata service and local ports, past NetworkPolicies",
};

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    pod_security::assess(facts, &RULE)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn a_pod_on_the_hosts_network_is_found() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        spoil(&mut facts, |front| front.host_network = true);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }
}
