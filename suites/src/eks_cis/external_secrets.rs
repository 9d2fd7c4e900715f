//! `external-secrets`: whether secrets come from a store outside the cluster.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, manual, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "external-secrets", assess };

/// API groups of operators that fetch external secrets: External Secrets Operator, Secrets Store CSI driver, Vault's operator.
const GROUPS: [&str; 3] = ["external-secrets.io", "secrets-store.csi.x-k8s.io", "secrets.hashicorp.com"];

/// The Secrets Store CSI driver, which works without custom resources.
const DRIVER: &str = "secrets-store.csi.k8s.io";

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let admission = seen(&facts.admission)?;
    let groups = GROUPS.into_iter().filter(|group| admission.has_group(group));
    let drivers = seen(&facts.csi_drivers)?.iter().map(String::as_str).filter(|driver| *driver == DRIVER);
    let found: Vec<&str> = groups.chain(drivers).collect();
    if !found.is_empty() {
        return Ok(with_evidence(verdict(Vec::new()), "installed", &found));
    }
    let secrets = seen(&facts.opaque_secrets)?;
    let own = secrets.iter().filter(|(namespace, _)| !super::system::is_namespace(namespace));
    let lines: Vec<String> =
        own.map(|(namespace, count)| format!("{namespace}: {count} Secrets of type Opaque")).collect();
    let look_at = "whether the Secrets of the cluster could live in AWS Secrets Manager, Vault or another store outside; nothing \
                   that would bring them in is installed";
    Ok(with_evidence(manual(look_at), "user-created Secrets", &lines))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::facts::admission::Admission;
    use super::super::facts::testing::{asked, clean, outcome_of};
    use super::*;

    #[test]
    fn a_store_that_is_installed_passes_and_without_one_a_human_sees_how_many_secrets_there_are() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let counts = BTreeMap::from([("kube-system".to_owned(), 9), ("web".to_owned(), 2)]);
        let bare = Facts { admission: Ok(Admission::default()), opaque_secrets: Ok(counts), ..clean() };
        assert_eq!(outcome_of(&QUESTION, &bare), "manual");
        assert_eq!(asked(&QUESTION, &bare).evidence[0].text, "web: 2 Secrets of type Opaque");
        let driver = Facts { csi_drivers: Ok(vec![DRIVER.to_owned()]), ..bare };
        assert_eq!(outcome_of(&QUESTION, &driver), "pass");
    }
}
