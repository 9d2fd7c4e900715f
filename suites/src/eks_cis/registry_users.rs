//! `registry-users`: who may change the images that run.

use amiproof_core::check::Decision;
use serde_json::Value;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, manual, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "registry-users", assess };

/// A repository policy that lets everyone push is a finding. Identity policies are left to a person, because those of every
/// principal would have to be read.
fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let account = facts.account()?;
    let policies = seen(&account.repository_policies)?;
    let remediation = "name the principals that build images in the repository's policy, or leave it to IAM";
    let open = policies.iter().filter(|(_, policy)| policy.as_deref().is_some_and(lets_everybody_push));
    let findings: Vec<_> = open
        .map(|(name, _)| finding(format!("ECR repository {name}"), "its policy lets everyone push", remediation))
        .collect();
    let lines: Vec<String> = policies
        .iter()
        .map(|(name, policy)| {
            format!("{name}: {}", policy.as_deref().unwrap_or("no policy of its own, IAM alone decides"))
        })
        .collect();
    let look_at = format!(
        "who holds ecr:PutImage in the account {} by IAM, and whether each of them builds images",
        seen(&account.id)?
    );
    let decision = if findings.is_empty() { manual(look_at) } else { verdict(findings) };
    Ok(with_evidence(decision, "policies of repositories whose images run", &lines))
}

/// Whether a policy allows everyone, without a condition, an action that pushes images.
fn lets_everybody_push(policy: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return false };
    let many = |value: &Value| match value {
        Value::Array(entries) => entries.clone(),
        other => vec![other.clone()],
    };
    let is_everybody = |principal: &Value| {
        let of_aws = principal.get("AWS").map(many).unwrap_or_default();
        principal == "*" || of_aws.iter().any(|name| name == "*")
    };
    let pushes = |action: &Value| {
        let action = action.as_str().unwrap_or_default().to_ascii_lowercase();
        ["*", "ecr:*", "ecr:put*", "ecr:putimage"].contains(&action.as_str())
    };
    many(&policy["Statement"]).iter().any(|statement| {
        statement["Effect"] == "Allow"
            && statement.get("Condition").is_none()
            && is_everybody(&statement["Principal"])
            && many(&statement["Action"]).iter().any(pushes)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::facts::testing::{account_of, clean, outcome_of};
    use super::*;

    #[test]
    fn a_policy_for_everybody_fails_and_everything_else_is_for_a_human() {
        let policy = |principal: &str, action: &str, condition: &str| {
            format!(
                r#"{{"Statement": [{{"Effect": "Allow", "Principal": {principal}, "Action": ["{action}"]{condition}}}]}}"#
            )
        };
        for (policy, answer) in [
            (None, "manual"),
            (Some(policy("\"*\"", "ecr:PutImage", "")), "fail ECR repository web/front"),
            (Some(policy(r#"{"AWS": ["*"]}"#, "ecr:*", "")), "fail ECR repository web/front"),
            (Some(policy("\"*\"", "ecr:BatchGetImage", "")), "manual"),
            (
                Some(policy(
                    "\"*\"",
                    "ecr:PutImage",
                    r#", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}"#,
                )),
                "manual",
            ),
            (Some(policy(r#"{"AWS": "arn:aws:iam::111122223333:root"}"#, "ecr:PutImage", "")), "manual"),
        ] {
            let mut facts = clean();
            account_of(&mut facts).repository_policies = Ok(BTreeMap::from([("web/front".to_owned(), policy.clone())]));
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{policy:?}");
        }
    }
}
