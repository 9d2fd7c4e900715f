//! `namespace-network-policies`: namespaces in which every pod may talk to every other one.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "namespace-network-policies", assess };

/// The namespace `default` counts if something runs in it.
fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let policies = seen(&facts.network_policies)?;
    let workloads = facts.own_workloads()?;
    let is_idle = |name: &str| name == "default" && !workloads.iter().any(|workload| workload.namespace == name);
    let bare = facts
        .own_namespaces()?
        .into_iter()
        .filter(|namespace| !policies.contains_key(&namespace.name) && !is_idle(&namespace.name));
    let remediation = "create a NetworkPolicy that denies by default, then one for each connection that is needed";
    let findings =
        bare.map(|namespace| finding(format!("Namespace/{}", namespace.name), "has no NetworkPolicy", remediation));
    Ok(verdict(findings.collect()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn every_namespace_of_people_needs_a_policy_and_an_idle_default_does_not() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut bare = Facts { network_policies: Ok(BTreeMap::new()), ..clean() };
        assert_eq!(outcome_of(&QUESTION, &bare), "fail Namespace/web");
        spoil(&mut bare, |front| front.namespace = "default".to_owned());
        assert_eq!(outcome_of(&QUESTION, &bare), "fail Namespace/default, Namespace/web");
    }
}
