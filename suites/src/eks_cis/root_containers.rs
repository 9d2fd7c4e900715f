//! `root-containers`: containers that may run as root.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable};

use super::pod_security::{self, Profile, Rule};
use super::question::Question;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "root-containers", assess };

const RULE: Rule = Rule {
    what: "containers that run as root",
    forbidden_by: Profile::Restricted,
    broken_by: |workload| pod_security::containers(workload, |container| container.may_be_root, "can run as root"),
    remediation: "set securityContext.runAsNonRoot: true, or runAsUser to another user than 0",
};

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    pod_security::assess(facts, &RULE)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn a_container_that_can_be_root_is_found() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        spoil(&mut facts, |front| front.containers[0].may_be_root = true);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }
}
