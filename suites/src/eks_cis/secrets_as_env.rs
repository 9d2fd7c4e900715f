//! `secrets-as-env`: containers with Secrets in environment variables, which appear in logs and crash reports.

use std::collections::BTreeSet;

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable};
use super::question::{Question, finding, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "secrets-as-env", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let remediation = "mount the Secret as a volume and read the file";
    let findings = facts.own_workloads()?.into_iter().filter_map(|workload| {
        let secrets: BTreeSet<&str> = workload
            .containers
            .iter()
            .flat_map(|container| container.secrets_as_env.iter().map(String::as_str))
            .collect();
        let names: Vec<&str> = secrets.into_iter().collect();
        let text = || format!("takes Secrets as environment variables: {}", names.join(", "));
        (!names.is_empty()).then(|| finding(workload.resource(), text(), remediation))
    });
    Ok(verdict(findings.collect()))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, outcome_of, spoil};
    use super::*;

    #[test]
    fn a_workload_that_takes_secrets_as_variables_is_found() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        spoil(&mut facts, |front| front.containers[0].secrets_as_env = vec!["password".to_owned()]);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }
}
