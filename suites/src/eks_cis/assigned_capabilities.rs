//! `assigned-capabilities`: containers that keep the runtime's default capabilities.

use amiproof_core::check::Decision;

use super::facts::pods::Container;
use super::facts::{Facts, Unreadable};
use super::pod_security::{self, Profile, Rule};
use super::question::Question;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "assigned-capabilities", assess };

const RULE: Rule = Rule {
    what: "containers that keep capabilities",
    forbidden_by: Profile::Restricted,
    broken_by: |workload| pod_security::containers(workload, keeps, "keeps capabilities"),
    remediation: "set securityContext.capabilities.drop: [ALL]",
};

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    pod_security::assess(facts, &RULE)
}

fn keeps(container: &Container) -> bool {
    !container.dropped.iter().any(|entry| entry.eq_ignore_ascii_case("all"))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn a_container_that_does_not_drop_all_is_found() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        spoil(&mut facts, |front| front.containers[0].dropped = vec!["NET_RAW".to_owned()]);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }
}
