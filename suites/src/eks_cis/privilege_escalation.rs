//! `privilege-escalation`: containers whose processes can get more rights than their parent.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable};

use super::pod_security::{self, Profile, Rule};
use super::question::Question;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "privilege-escalation", assess };

const RULE: Rule = Rule {
    what: "containers that may escalate privileges",
    forbidden_by: Profile::Restricted,
    broken_by: |workload| {
        pod_security::containers(workload, |container| container.may_escalate, "may escalate privileges")
    },
    remediation: "set securityContext.allowPrivilegeEscalation: false; the default is true",
};

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    pod_security::assess(facts, &RULE)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn a_container_that_may_escalate_is_found() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        spoil(&mut facts, |front| front.containers[0].may_escalate = true);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }
}
