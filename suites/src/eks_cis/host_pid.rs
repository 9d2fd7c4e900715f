//! `host-pid`: pods that see and signal the host's processes.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable};

use super::pod_security::{self, Profile, Rule};
use super::question::Question;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "host-pid", assess };

const RULE: Rule = Rule {
    what: "pods that share the host's process ids",
    forbidden_by: Profile::Baseline,
    broken_by: |workload| if workload.host_pid { vec!["hostPID: true".to_owned()] } else { Vec::new() },
    remediation: "remove hostPID from the pod template",
};

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    pod_security::assess(facts, &RULE)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn a_pod_with_the_hosts_process_ids_is_found() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        spoil(&mut facts, |front| front.host_pid = true);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }
}
