//! `approved-registries`: the registries of the images that run.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable};
use super::image;
use super::question::{Question, finding, manual, not_applicable, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "approved-registries", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let workloads = facts.own_workloads()?;
    let mut registries: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for workload in &workloads {
        for container in &workload.containers {
            registries.entry(image::registry(&container.image)).or_default().insert(workload.resource());
        }
    }
    if registries.is_empty() {
        return Ok(not_applicable("no custom image runs"));
    }
    let Some(approved) = &facts.approved_registries else {
        let lines: Vec<String> = registries
            .iter()
            .map(|(registry, users)| format!("{registry}: {}", users.iter().cloned().collect::<Vec<_>>().join(", ")))
            .collect();
        let look_at = "whether each registry that pods pull from is approved; list those that are as scans.approvedRegistries in \
                       the matrix, and amiproof decides";
        return Ok(with_evidence(manual(look_at), "registries and who pulls from them", &lines));
    };
    let remediation = "mirror the image to an approved registry, or approve its registry in scans.approvedRegistries";
    let findings = workloads.iter().filter_map(|workload| {
        let foreign: BTreeSet<String> = workload
            .containers
            .iter()
            .filter(|container| !image::is_below(&container.image, approved))
            .map(|container| image::full_name(&container.image))
            .collect();
        let names = foreign.into_iter().collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| finding(workload.resource(), format!("pulls {names}"), remediation))
    });
    Ok(verdict(findings.collect()))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of};
    use super::*;

    #[test]
    fn with_a_list_amiproof_decides_and_without_one_a_human_sees_the_registries() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "manual");
        let approved = |prefix: &str| Facts { approved_registries: Some(vec![prefix.to_owned()]), ..clean() };
        assert_eq!(outcome_of(&QUESTION, &approved("111122223333.dkr.ecr.us-west-2.amazonaws.com")), "pass");
        assert_eq!(outcome_of(&QUESTION, &approved("public.ecr.aws")), "fail web/Deployment/front");
        assert_eq!(outcome_of(&QUESTION, &Facts { workloads: Ok(Vec::new()), ..clean() }), "not applicable");
    }
}
