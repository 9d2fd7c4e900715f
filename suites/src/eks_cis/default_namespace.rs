//! `default-namespace`: the objects in namespace `default`.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "default-namespace", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let remediation = "move it to its own namespace, which can have permissions, quotas and policies";
    let workloads = facts.own_workloads()?.into_iter().filter(|workload| workload.namespace == "default");
    let mut findings: Vec<_> =
        workloads.map(|workload| finding(workload.resource(), "runs in the namespace default", remediation)).collect();
    // The API server's own Service is always there.
    let services = seen(&facts.default_services)?.iter().filter(|name| *name != "kubernetes");
    findings.extend(
        services.map(|name| finding(format!("default/Service/{name}"), "is in the namespace default", remediation)),
    );
    Ok(verdict(findings))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn pods_and_services_of_people_are_found_and_the_api_servers_own_is_not() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        facts.default_services.as_mut().unwrap().push("shop".to_owned());
        spoil(&mut facts, |front| front.namespace = "default".to_owned());
        assert_eq!(outcome_of(&QUESTION, &facts), "fail default/Deployment/front, default/Service/shop");
    }
}
