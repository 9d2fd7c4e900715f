//! `privileged`: containers that are as good as root on the host.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable};

use super::pod_security::{self, Profile, Rule};
use super::question::Question;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "privileged", assess };

const RULE: Rule = Rule {
    what: "privileged containers",
    forbidden_by: Profile::Baseline,
    broken_by: |workload| pod_security::containers(workload, |container| container.is_privileged, "is privileged"),
    remediation: "set securityContext.privileged: false, and add the capabilities that are needed",
};

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    pod_security::assess(facts, &RULE)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn a_privileged_container_is_found() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        spoil(&mut facts, |front| front.containers[0].is_privileged = true);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }
}
