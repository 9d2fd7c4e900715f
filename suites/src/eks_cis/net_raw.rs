//! `net-raw`: containers that can forge packets: containerd grants NET_RAW unless a container drops it.

use amiproof_core::check::Decision;

use super::facts::pods::Container;
use super::facts::{Facts, Unreadable};
use super::pod_security::{self, Profile, Rule};
use super::question::Question;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "net-raw", assess };

const RULE: Rule = Rule {
    what: "containers with NET_RAW",
    forbidden_by: Profile::Restricted,
    broken_by: |workload| pod_security::containers(workload, has_net_raw, "has NET_RAW"),
    remediation: "set securityContext.capabilities.drop: [ALL]",
};

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    pod_security::assess(facts, &RULE)
}

fn has_net_raw(container: &Container) -> bool {
    let has = |list: &[String]| list.iter().any(|entry| matches!(entry.trim_start_matches("CAP_"), "NET_RAW" | "ALL"));
    container.is_privileged || has(&container.added) || !has(&container.dropped)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn a_container_that_does_not_drop_net_raw_is_found() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        spoil(&mut facts, |front| front.containers[0].dropped.clear());
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }

    #[test]
    fn dropping_net_raw_by_name_is_enough_and_adding_it_again_is_not() {
        let mut facts = clean();
        spoil(&mut facts, |front| front.containers[0].dropped = vec!["NET_RAW".to_owned()]);
        assert_eq!(outcome_of(&QUESTION, &facts), "pass");
        spoil(&mut facts, |front| front.containers[0].added = vec!["NET_RAW".to_owned()]);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }
}
