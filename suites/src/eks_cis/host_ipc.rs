//! `host-ipc`: pods that read the shared memory of the host's processes.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable};

use super::pod_security::{self, Profile, Rule};
use super::question::Question;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "host-ipc", assess };

const RULE: Rule = Rule {
    what: "pods that share the host's IPC",
    forbidden_by: Profile::Baseline,
    broken_by: |workload| if workload.host_ipc { vec!["hostIPC: true".to_owned()] } else { Vec::new() },
    remediation: "remove hostIPC from the pod template",
};

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    pod_security::assess(facts, &RULE)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn a_pod_with_the_hosts_ipc_is_found() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        spoil(&mut facts, |front| front.host_ipc = true);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }
}
