//! `secrets-encryption`: whether a key of the customer encrypts Secrets.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "secrets-encryption", assess };

/// Since Kubernetes 1.28 EKS encrypts everything with a key that AWS owns; the benchmark requires a key that the customer can revoke.
fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let keys = &seen(&facts.account()?.control_plane)?.secrets_keys;
    if !keys.is_empty() {
        return Ok(with_evidence(verdict(Vec::new()), "KMS keys", keys));
    }
    let remediation = "aws eks associate-encryption-config --encryption-config '[{\"resources\":[\"secrets\"],\"provider\":{\"keyArn\":\"..\"}}]'";
    Ok(verdict(vec![finding("cluster", "no KMS key of the customer encrypts Secrets", remediation)]))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account_of, clean, outcome_of};
    use super::*;

    #[test]
    fn a_key_of_the_customer_is_needed() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        account_of(&mut facts).control_plane.as_mut().unwrap().secrets_keys.clear();
        assert_eq!(outcome_of(&QUESTION, &facts), "fail cluster");
    }
}
