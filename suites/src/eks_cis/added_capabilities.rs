//! `added-capabilities`: containers with more capabilities than the runtime's defaults.

use amiproof_core::check::Decision;

use super::facts::pods::Container;
use super::facts::{Facts, Unreadable};
use super::pod_security::{self, Profile, Rule};
use super::question::Question;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "added-capabilities", assess };

const RULE: Rule = Rule {
    what: "containers with added capabilities",
    forbidden_by: Profile::Restricted,
    broken_by: |workload| pod_security::containers(workload, adds, "adds capabilities"),
    remediation: "remove securityContext.capabilities.add; NET_BIND_SERVICE alone is fine",
};

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    pod_security::assess(facts, &RULE)
}

/// NET_BIND_SERVICE is the one that the restricted profile allows.
fn adds(container: &Container) -> bool {
    container.added.iter().any(|name| name.trim_start_matches("CAP_") != "NET_BIND_SERVICE")
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn a_container_that_adds_a_capability_is_found() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        spoil(&mut facts, |front| front.containers[0].added = vec!["SYS_ADMIN".to_owned()]);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }

    #[test]
    fn the_one_that_the_restricted_profile_allows_is_fine() {
        let mut facts = clean();
        spoil(&mut facts, |front| front.containers[0].added = vec!["NET_BIND_SERVICE".to_owned()]);
        assert_eq!(outcome_of(&QUESTION, &facts), "pass");
    }
}
