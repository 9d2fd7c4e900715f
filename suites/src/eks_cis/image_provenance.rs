//! `image-provenance`: whether admission verifies who built an image.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, manual, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "image-provenance", assess };

/// Webhooks whose only purpose is to verify images, by parts of their names: sigstore's policy-controller, Ratify, Connaisseur,
/// Portieris, and AWS Signer's admission controllers are built on the first two.
const VERIFIERS: [&str; 4] = ["sigstore", "ratify", "connaisseur", "portieris"];

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let guards = seen(&facts.admission)?.guards();
    let verifiers: Vec<&str> =
        guards.iter().copied().filter(|guard| VERIFIERS.iter().any(|name| guard.contains(name))).collect();
    if !verifiers.is_empty() {
        return Ok(with_evidence(verdict(Vec::new()), "verified by", &verifiers));
    }
    if guards.is_empty() {
        let text = "no admission webhook and no policy looks at images, so any image runs";
        let help =
            "install a verifier (sigstore policy-controller, Ratify, Kyverno verifyImages) and sign what you build";
        return Ok(verdict(vec![finding("cluster", text, help)]));
    }
    Ok(manual(format!("whether {} verify signatures of images", guards.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::super::facts::admission::Admission;
    use super::super::facts::testing::{clean, outcome_of};
    use super::*;

    #[test]
    fn a_verifier_passes_nothing_fails_and_another_guard_is_for_a_human() {
        for (webhook, answer) in [
            (Some("policy.sigstore.dev/policy.sigstore.dev"), "pass"),
            (Some("connaisseur-webhook/connaisseur.svc"), "pass"),
            (Some("kyverno/validate"), "manual"),
            (None, "fail cluster"),
        ] {
            let pod_webhooks = webhook.map(str::to_owned).into_iter().collect();
            let facts = Facts { admission: Ok(Admission { pod_webhooks, ..Admission::default() }), ..clean() };
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{webhook:?}");
        }
    }
}
