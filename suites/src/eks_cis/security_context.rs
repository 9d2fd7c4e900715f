//! `security-context`: containers whose security context is weaker than the restricted profile.

use amiproof_core::check::Decision;

use super::facts::pods::{Container, Workload};
use super::facts::{Facts, Unreadable};
use super::question::{Question, finding, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "security-context", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let remediation = "set runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities.drop: [ALL] and seccompProfile \
                       RuntimeDefault, as the restricted profile asks";
    let findings = facts.own_workloads()?.into_iter().filter_map(|workload| {
        let lines = lacks(workload);
        let first = lines.first()?.clone();
        Some(finding(workload.resource(), first, remediation).with_detail(lines.join("\n")))
    });
    Ok(verdict(findings.collect()))
}

/// The violations of each container (Kubernetes documentation, Pod Security Standards, restricted).
fn lacks(workload: &Workload) -> Vec<String> {
    // For Windows containers, the profile requires only runAsNonRoot.
    let of_linux = |container: &Container, lacks: bool| lacks && !workload.is_windows && !container.name.is_empty();
    let line = |container: &Container| {
        let drops_all = container.dropped.iter().any(|entry| entry.eq_ignore_ascii_case("all"));
        let table = [
            (container.may_be_root && !workload.is_windows, "runAsNonRoot"),
            (of_linux(container, container.may_escalate), "allowPrivilegeEscalation: false"),
            (of_linux(container, !drops_all), "capabilities.drop: [ALL]"),
            (of_linux(container, !container.has_seccomp), "a seccomp profile"),
        ];
        let missing: Vec<&str> = table.iter().filter(|(lacks, _)| *lacks).map(|(_, what)| *what).collect();
        (!missing.is_empty()).then(|| format!("container {} is without {}", container.name, missing.join(", ")))
    };
    workload.containers.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn every_part_of_the_restricted_profile_is_looked_at() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let spoilers: [fn(&mut Container); 4] = [
            |container| container.may_be_root = true,
            |container| container.may_escalate = true,
            |container| container.dropped.clear(),
            |container| container.has_seccomp = false,
        ];
        for spoiler in spoilers {
            let mut facts = clean();
            spoil(&mut facts, |front| spoiler(&mut front.containers[0]));
            assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
            spoil(&mut facts, |front| front.is_windows = true);
            assert_eq!(outcome_of(&QUESTION, &facts), "pass", "Linux's rules do not hold on Windows");
        }
    }
}
