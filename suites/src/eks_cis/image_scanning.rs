//! `image-scanning`: whether the images that run are scanned for vulnerabilities.

use std::collections::BTreeSet;

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::image;
use super::question::{Question, finding, manual, not_applicable, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "image-scanning", assess };

/// Images of the account's own registry are judged by its settings. Whether another registry scans its images is unknown.
fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let account = facts.account()?;
    let id = seen(&account.id)?;
    let workloads = facts.own_workloads()?;
    let images: BTreeSet<&str> =
        workloads.iter().flat_map(|workload| &workload.containers).map(|container| container.image.as_str()).collect();
    let (mut used, mut foreign) = (BTreeSet::new(), BTreeSet::new());
    for image in images {
        match image::repository_of(image, id, &account.region) {
            Some(repository) => used.insert(repository.to_owned()),
            None => foreign.insert(image::full_name(image)),
        };
    }
    let foreign: Vec<String> = foreign.into_iter().collect();
    let (scanning, repositories) = (seen(&account.scanning)?, seen(&account.repositories)?);
    let is_scanned = |name: &str| {
        scanning.covers(name) || repositories.iter().any(|known| known.name == name && known.scans_on_push)
    };
    let bare: Vec<&str> =
        repositories.iter().map(|known| known.name.as_str()).filter(|name| !is_scanned(name)).collect();
    let remediation = "aws ecr put-registry-scanning-configuration with a rule for the repository (enhanced scanning goes on \
                       after the push)";
    let unscanned = used.iter().filter(|name| !is_scanned(name));
    let findings: Vec<_> = unscanned
        .map(|name| finding(format!("ECR repository {name}"), "its images run here and are not scanned", remediation))
        .collect();
    let decision = match (findings.is_empty(), used.is_empty(), foreign.is_empty()) {
        (false, ..) => verdict(findings),
        (true, _, false) => manual("which scanner covers the images of registries other than the account's own"),
        (true, false, true) => verdict(Vec::new()),
        (true, true, true) => not_applicable("no custom image runs"),
    };
    let decision = with_evidence(decision, "images of other registries", &foreign);
    Ok(with_evidence(decision, "repositories of the account that are not scanned", &bare))
}

#[cfg(test)]
mod tests {
    use amiproof_core::aws::registry::{Repository, Scanning};

    use super::super::facts::testing::{account_of, clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn rules_of_the_registry_and_the_switch_of_the_repository_both_count() {
        let repository = |scans_on_push| Repository { name: "web/front".to_owned(), scans_on_push };
        for (patterns, scans_on_push, answer) in
            [(&["*"][..], false, "pass"), (&[], true, "pass"), (&["other"], false, "fail ECR repository web/front")]
        {
            let mut facts = clean();
            let patterns = patterns.iter().map(ToString::to_string).collect();
            account_of(&mut facts).scanning = Ok(Scanning { kind: "BASIC".to_owned(), patterns });
            account_of(&mut facts).repositories = Ok(vec![repository(scans_on_push)]);
            assert_eq!(outcome_of(&QUESTION, &facts), answer);
        }
    }

    #[test]
    fn images_of_other_registries_are_for_a_human_and_no_images_are_not_asked() {
        let mut facts = clean();
        spoil(&mut facts, |front| front.containers[0].image = "nginx:1".to_owned());
        assert_eq!(outcome_of(&QUESTION, &facts), "manual");
        assert_eq!(outcome_of(&QUESTION, &Facts { workloads: Ok(Vec::new()), ..clean() }), "not applicable");
    }
}
