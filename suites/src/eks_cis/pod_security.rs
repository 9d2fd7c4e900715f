//! What namespaces admit and what runs in them, shared by all questions about pods.
//!
//! Kubernetes 1.25 removed PodSecurityPolicy; since then Pod Security admission decides by the label
//! `pod-security.kubernetes.io/enforce` of a namespace (Kubernetes documentation, Pod Security Standards). A namespace without it
//! admits everything: EKS leaves the cluster's default at `privileged` (EKS user guide, pod security standards).

use std::collections::BTreeSet;

use amiproof_core::check::Decision;
use amiproof_model::verdict::Finding;

use super::facts::kubernetes::Namespace;
use super::facts::pods::{Container, Workload};
use super::facts::{Facts, Unreadable, seen};
use super::question::{finding, manual, verdict, with_evidence};

/// The label of Pod Security admission.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// A profile of the Pod Security Standards that forbids something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// No known ways to escalate privileges.
    Baseline,
    /// Hardened; forbids everything that baseline forbids.
    Restricted,
}

impl Profile {
    fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }

    /// Whether a namespace with this label rejects pods that the profile forbids.
    fn is_enforced_by(self, label: Option<&String>) -> bool {
        match label.map(String::as_str) {
            Some("restricted") => true,
            Some("baseline") => self == Self::Baseline,
            _ => false,
        }
    }
}

/// A rule: something that pods should not have.
pub(crate) struct Rule {
    /// Its name, after "admits": `privileged containers`.
    pub(crate) what: &'static str,
    /// The least strict profile that forbids it.
    pub(crate) forbidden_by: Profile,
    /// The violations of a running workload, one line each.
    pub(crate) broken_by: fn(&Workload) -> Vec<String>,
    /// The remediation for a workload.
    pub(crate) remediation: &'static str,
}

/// A line for each Linux container that violates a rule: `container app runs as root`.
pub(crate) fn containers(workload: &Workload, breaks: impl Fn(&Container) -> bool, how: &str) -> Vec<String> {
    if workload.is_windows {
        return Vec::new();
    }
    let names: BTreeSet<&str> = workload
        .containers
        .iter()
        .filter(|container| breaks(container))
        .map(|container| container.name.as_str())
        .collect();
    names.into_iter().map(|name| format!("container {name} {how}")).collect()
}

/// Findings are running violations and used namespaces that admit them. If something other than Pod Security may reject pods too,
/// a person must review that.
pub(crate) fn assess(facts: &Facts, rule: &Rule) -> Result<Decision, Unreadable> {
    let workloads = facts.own_workloads()?;
    let running: Vec<Finding> = workloads.iter().filter_map(|workload| broken(rule, workload)).collect();
    let in_use: BTreeSet<&str> = workloads.iter().map(|workload| workload.namespace.as_str()).collect();
    let namespaces = facts.own_namespaces()?;
    let open: Vec<&Namespace> = namespaces
        .into_iter()
        .filter(|namespace| in_use.contains(namespace.name.as_str()))
        .filter(|namespace| !rule.forbidden_by.is_enforced_by(namespace.labels.get(ENFORCE)))
        .collect();
    if open.is_empty() {
        return Ok(verdict(running));
    }
    let guards = seen(&facts.admission)?.guards();
    let findings: Vec<Finding> = open.iter().map(|namespace| admits(rule, namespace)).collect();
    if guards.is_empty() {
        return Ok(verdict(running.into_iter().chain(findings).collect()));
    }
    let decision = match running.is_empty() {
        true => manual(format!(
            "whether {} refuse {}: {} the label {ENFORCE} that would refuse them",
            guards.join(", "),
            rule.what,
            match open.len() {
                1 => "1 namespace in use lacks".to_owned(),
                number => format!("{number} namespaces in use lack"),
            }
        )),
        false => verdict(running),
    };
    let lines: Vec<String> = open.iter().map(|namespace| namespace.name.clone()).collect();
    Ok(with_evidence(decision, "namespaces whose label admits it", &lines))
}

fn broken(rule: &Rule, workload: &Workload) -> Option<Finding> {
    let lines = (rule.broken_by)(workload);
    let first = lines.first()?.clone();
    Some(finding(workload.resource(), first, rule.remediation).with_detail(lines.join("\n")))
}

fn admits(rule: &Rule, namespace: &Namespace) -> Finding {
    let profile = match namespace.labels.get(ENFORCE) {
        Some(level) => format!("the profile {level}"),
        None => "no profile".to_owned(),
    };
    let remediation = format!("kubectl label namespace {} {ENFORCE}={}", namespace.name, rule.forbidden_by.as_str());
    let text = format!("admits {}: it enforces {profile}", rule.what);
    finding(format!("Namespace/{}", namespace.name), text, &remediation)
}

#[cfg(test)]
mod tests {
    use amiproof_model::verdict::Verdict;

    use super::super::facts::admission::Admission;
    use super::super::facts::testing::{clean, namespace, outcome_of, spoil};
    use super::super::pod_rules::{PRIVILEGED, ROOT_CONTAINERS};
    use super::*;

    fn with_label(level: Option<&str>) -> Facts {
        let admission = Ok(Admission::default());
        Facts { namespaces: Ok(vec![namespace("default", None), namespace("web", level)]), admission, ..clean() }
    }

    #[test]
    fn a_namespace_in_use_must_enforce_a_profile_that_forbids_it() {
        for (level, of_baseline, of_restricted) in [
            (Some("restricted"), "pass", "pass"),
            (Some("baseline"), "pass", "fail Namespace/web"),
            (Some("privileged"), "fail Namespace/web", "fail Namespace/web"),
            (None, "fail Namespace/web", "fail Namespace/web"),
        ] {
            let facts = with_label(level);
            assert_eq!(outcome_of(&PRIVILEGED, &facts), of_baseline, "{level:?}");
            assert_eq!(outcome_of(&ROOT_CONTAINERS, &facts), of_restricted, "{level:?}");
        }
    }

    #[test]
    fn what_runs_counts_whatever_the_label_says_because_labels_do_not_touch_running_pods() {
        let mut facts = with_label(Some("restricted"));
        spoil(&mut facts, |front| front.containers[0].is_privileged = true);
        assert_eq!(outcome_of(&PRIVILEGED, &facts), "fail web/Deployment/front");
    }

    #[test]
    fn another_guard_of_pods_is_for_a_human_unless_something_runs_against_the_rule() {
        let guard = Admission { pod_webhooks: vec!["kyverno/validate".to_owned()], ..Admission::default() };
        let mut facts = Facts { admission: Ok(guard), ..with_label(None) };
        assert_eq!(outcome_of(&PRIVILEGED, &facts), "manual");
        spoil(&mut facts, |front| front.containers[0].is_privileged = true);
        assert_eq!(outcome_of(&PRIVILEGED, &facts), "fail web/Deployment/front");
    }

    #[test]
    fn the_system_and_namespaces_without_pods_are_not_asked() {
        let facts = Facts { workloads: Ok(vec![super::super::facts::testing::agent()]), ..with_label(None) };
        let rule = Rule {
            what: "anything",
            forbidden_by: Profile::Baseline,
            broken_by: |_| vec!["runs".to_owned()],
            remediation: "r",
        };
        assert_eq!(assess(&facts, &rule).unwrap().verdict, Verdict::Pass);
        let denied =
            Facts { workloads: Err(Unreadable::Denied("the Kubernetes permission to list pods".into())), ..clean() };
        assert_eq!(outcome_of(&PRIVILEGED, &denied), "denied");
    }
}
