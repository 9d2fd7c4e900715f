//! `iam-users`: whether only IAM authenticates users of the cluster.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "iam-users", assess };

/// EKS authenticates by IAM and, if one is configured, by an OpenID Connect provider; it issues no client certificates to users.
fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let account = facts.account()?;
    let remediation = "give people access entries for their IAM roles, and disassociate the provider";
    let providers = seen(&account.identity_providers)?.iter();
    let findings = providers.map(|provider| {
        finding(format!("identity provider {provider}"), "users access the cluster without IAM", remediation)
    });
    let bindings = seen(&facts.rbac)?.bindings.iter();
    let people = bindings.flat_map(|binding| {
        let people =
            binding.subjects.iter().filter(|subject| subject.kind == "User" && !super::system::is_subject(subject));
        people.map(|subject| format!("{subject} by {}", binding.resource()))
    });
    let people: Vec<String> = people.collect();
    Ok(with_evidence(verdict(findings.collect()), "users that bindings name", &people))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account_of, asked, bound, clean, outcome_of, subject};
    use super::*;

    #[test]
    fn a_provider_beside_iam_is_found_and_users_of_bindings_are_evidence() {
        let mut facts = clean();
        facts.rbac.as_mut().unwrap().bindings.push(bound(None, "b", "view", subject("User", "alice")));
        assert_eq!(outcome_of(&QUESTION, &facts), "pass");
        assert_eq!(asked(&QUESTION, &facts).evidence[0].text, "user alice by ClusterRoleBinding/b");
        account_of(&mut facts).identity_providers = Ok(vec!["oidc corporate".to_owned()]);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail identity provider oidc corporate");
    }
}
