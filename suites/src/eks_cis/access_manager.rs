//! `access-manager`: whether access is granted by access entries, which IAM protects and CloudTrail records.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "access-manager", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let account = facts.account()?;
    let mode = seen(&account.control_plane)?.authentication_mode.as_deref().unwrap_or("CONFIG_MAP");
    let mut findings = Vec::new();
    if mode == "CONFIG_MAP" {
        let help = "aws eks update-cluster-config --access-config authenticationMode=API_AND_CONFIG_MAP";
        findings.push(finding("cluster", "access is granted by the ConfigMap aws-auth alone", help));
    }
    if mode != "API" {
        // EKS itself creates the entries of nodes in this mode.
        let entries = seen(&facts.aws_auth)?.iter().flat_map(|map| &map.entries);
        let people = entries.filter(|(_, groups)| !groups.iter().any(|group| group == "system:nodes"));
        let help = "create an access entry for it (aws eks create-access-entry) and remove it from the ConfigMap";
        findings.extend(people.map(|(principal, _)| {
            let resource = format!("kube-system/ConfigMap/aws-auth {principal}");
            finding(resource, format!("{principal} gets access through the ConfigMap"), help)
        }));
    }
    let principals = account.principals.as_ref().map(Vec::as_slice).unwrap_or_default();
    Ok(with_evidence(verdict(findings), "principals with an access entry", principals))
}

#[cfg(test)]
mod tests {
    use super::super::facts::kubernetes::AwsAuth;
    use super::super::facts::testing::{account_of, clean, outcome_of};
    use super::*;

    #[test]
    fn the_configmap_is_the_old_way_and_counts_only_where_it_is_read() {
        let entry = |name: &str, group: &str| (name.to_owned(), vec![group.to_owned()]);
        let map = |name: &str, group: &str| Ok(Some(AwsAuth { entries: vec![entry(name, group)] }));
        for (mode, aws_auth, answer) in [
            (Some("API"), Ok(None), "pass"),
            (Some("API"), map("arn:ops", "ops"), "pass"),
            (Some("API_AND_CONFIG_MAP"), map("arn:node", "system:nodes"), "pass"),
            (Some("API_AND_CONFIG_MAP"), map("arn:ops", "ops"), "fail kube-system/ConfigMap/aws-auth arn:ops"),
            (Some("CONFIG_MAP"), Ok(None), "fail cluster"),
            (None, Ok(None), "fail cluster"),
        ] {
            let mut facts = Facts { aws_auth, ..clean() };
            account_of(&mut facts).control_plane.as_mut().unwrap().authentication_mode = mode.map(str::to_owned);
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{mode:?}");
        }
        assert_eq!(outcome_of(&QUESTION, &Facts { account: Err(Unreadable::NoAccount), ..clean() }), "no account");
    }
}
