//! What pods should not have: the questions of the benchmark that differ only in the rule.

use super::facts::pods::Container;
use super::pod_security::{Profile, Rule, assess, containers};
use super::question::Question;

/// Containers that are equivalent to root on the host.
pub(crate) const PRIVILEGED: Question = Question {
    id: "privileged",
    assess: |facts| {
        let rule = Rule {
            what: "privileged containers",
            forbidden_by: Profile::Baseline,
            broken_by: |workload| containers(workload, |container| container.is_privileged, "is privileged"),
            remediation: "set securityContext.privileged: false, and add the capabilities that are needed",
        };
        assess(facts, &rule)
    },
};

/// Pods that see and signal the host's processes.
pub(crate) const HOST_PID: Question = Question {
    id: "host-pid",
    assess: |facts| {
        let rule = Rule {
            what: "pods that share the host's process ids",
            forbidden_by: Profile::Baseline,
            broken_by: |workload| line_if(workload.host_pid, "hostPID: true"),
            remediation: "remove hostPID from the pod template",
        };
        assess(facts, &rule)
    },
};

/// Pods that read the shared memory of the host's processes.
pub(crate) const HOST_IPC: Question = Question {
    id: "host-ipc",
    assess: |facts| {
        let rule = Rule {
            what: "pods that share the host's IPC",
            forbidden_by: Profile::Baseline,
            broken_by: |workload| line_if(workload.host_ipc, "hostIPC: true"),
            remediation: "remove hostIPC from the pod template",
        };
        assess(facts, &rule)
    },
};

/// Pods that use the host's network.
pub(crate) const HOST_NETWORK: Question = Question {
    id: "host-network",
    assess: |facts| {
        let rule = Rule {
            what: "pods that share the host's network",
            forbidden_by: Profile::Baseline,
            broken_by: |workload| line_if(workload.host_network, "hostNetwork: true"),
            remediation: "remove hostNetwork from the pod template; such a pod reaches the instance metadata service and local ports, past NetworkPolicies",
        };
        assess(facts, &rule)
    },
};

/// Containers whose processes can get more privileges than their parent.
pub(crate) const PRIVILEGE_ESCALATION: Question = Question {
    id: "privilege-escalation",
    assess: |facts| {
        let rule = Rule {
            what: "containers that may escalate privileges",
            forbidden_by: Profile::Restricted,
            broken_by: |workload| containers(workload, |container| container.may_escalate, "may escalate privileges"),
            remediation: "set securityContext.allowPrivilegeEscalation: false; the default is true",
        };
        assess(facts, &rule)
    },
};

/// Containers that may run as root.
pub(crate) const ROOT_CONTAINERS: Question = Question {
    id: "root-containers",
    assess: |facts| {
        let rule = Rule {
            what: "containers that run as root",
            forbidden_by: Profile::Restricted,
            broken_by: |workload| containers(workload, |container| container.may_be_root, "can run as root"),
            remediation: "set securityContext.runAsNonRoot: true, or runAsUser to another user than 0",
        };
        assess(facts, &rule)
    },
};

/// Containers that can forge packets: containerd grants NET_RAW unless a container drops it.
pub(crate) const NET_RAW: Question = Question {
    id: "net-raw",
    assess: |facts| {
        let rule = Rule {
            what: "containers with NET_RAW",
            forbidden_by: Profile::Restricted,
            broken_by: |workload| containers(workload, has_net_raw, "has NET_RAW"),
            remediation: "set securityContext.capabilities.drop: [ALL]",
        };
        assess(facts, &rule)
    },
};

/// Containers with more capabilities than the runtime's defaults; the restricted profile allows NET_BIND_SERVICE.
pub(crate) const ADDED_CAPABILITIES: Question = Question {
    id: "added-capabilities",
    assess: |facts| {
        let rule = Rule {
            what: "containers with added capabilities",
            forbidden_by: Profile::Restricted,
            broken_by: |workload| containers(workload, adds, "adds capabilities"),
            remediation: "remove securityContext.capabilities.add; NET_BIND_SERVICE alone is fine",
        };
        assess(facts, &rule)
    },
};

/// Containers that keep the runtime's default capabilities.
pub(crate) const ASSIGNED_CAPABILITIES: Question = Question {
    id: "assigned-capabilities",
    assess: |facts| {
        let rule = Rule {
            what: "containers that keep capabilities",
            forbidden_by: Profile::Restricted,
            broken_by: |workload| containers(workload, |container| !drops_all(container), "keeps capabilities"),
            remediation: "set securityContext.capabilities.drop: [ALL]",
        };
        assess(facts, &rule)
    },
};

fn line_if(is_broken: bool, line: &str) -> Vec<String> {
    if is_broken { vec![line.to_owned()] } else { Vec::new() }
}

fn has_net_raw(container: &Container) -> bool {
    let has = |list: &[String]| list.iter().any(|entry| matches!(entry.trim_start_matches("CAP_"), "NET_RAW" | "ALL"));
    container.is_privileged || has(&container.added) || !has(&container.dropped)
}

fn adds(container: &Container) -> bool {
    container.added.iter().any(|name| name.trim_start_matches("CAP_") != "NET_BIND_SERVICE")
}

fn drops_all(container: &Container) -> bool {
    container.dropped.iter().any(|entry| entry.eq_ignore_ascii_case("all"))
}

#[cfg(test)]
mod tests {
    use super::super::facts::pods::Workload;
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn each_rule_finds_what_breaks_it_and_nothing_else() {
        let set = |list: &mut Vec<String>, name: &str| *list = vec![name.to_owned()];
        type Change<'a> = &'a dyn Fn(&mut Workload);
        let table: [(Question, Change<'_>, bool); 12] = [
            (PRIVILEGED, &|front| front.containers[0].is_privileged = true, true),
            (HOST_PID, &|front| front.host_pid = true, true),
            (HOST_IPC, &|front| front.host_ipc = true, true),
            (HOST_NETWORK, &|front| front.host_network = true, true),
            (PRIVILEGE_ESCALATION, &|front| front.containers[0].may_escalate = true, true),
            (ROOT_CONTAINERS, &|front| front.containers[0].may_be_root = true, true),
            (NET_RAW, &|front| front.containers[0].dropped.clear(), true),
            (NET_RAW, &|front| set(&mut front.containers[0].dropped, "NET_RAW"), false),
            (NET_RAW, &|front| set(&mut front.containers[0].added, "NET_RAW"), true),
            (ADDED_CAPABILITIES, &|front| set(&mut front.containers[0].added, "SYS_ADMIN"), true),
            (ADDED_CAPABILITIES, &|front| set(&mut front.containers[0].added, "NET_BIND_SERVICE"), false),
            (ASSIGNED_CAPABILITIES, &|front| set(&mut front.containers[0].dropped, "NET_RAW"), true),
        ];
        for (question, change, is_found) in table {
            assert_eq!(outcome_of(&question, &clean()), "pass", "{}", question.id);
            let mut facts = clean();
            spoil(&mut facts, change);
            let expected = if is_found { "fail web/Deployment/front" } else { "pass" };
            assert_eq!(outcome_of(&question, &facts), expected, "{}", question.id);
        }
    }
}
