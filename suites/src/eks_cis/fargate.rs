//! `fargate`: whether untrusted workloads have a kernel of their own.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, manual, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "fargate", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let profiles = seen(&facts.account()?.fargate)?;
    let lines: Vec<String> =
        profiles.iter().map(|profile| format!("{}: {}", profile.name, profile.selectors.join("; "))).collect();
    let look_at = match profiles.len() {
        0 => "whether any workload is untrusted: the cluster has no Fargate profile, so every pod shares its node's kernel".to_owned(),
        1 => "whether the Fargate profile selects every workload that is untrusted".to_owned(),
        count => format!("whether the {count} Fargate profiles select every workload that is untrusted"),
    };
    Ok(with_evidence(manual(look_at), "Fargate profiles and what they select", &lines))
}

#[cfg(test)]
mod tests {
    use amiproof_core::aws::control_plane::FargateProfile;

    use super::super::facts::testing::{account_of, asked, clean, outcome_of};
    use super::*;

    #[test]
    fn it_is_for_a_human_who_sees_the_profiles() {
        let mut facts = clean();
        assert_eq!(outcome_of(&QUESTION, &facts), "manual");
        let profile = FargateProfile { name: "build".to_owned(), selectors: vec!["ci (tier=untrusted)".to_owned()] };
        account_of(&mut facts).fargate = Ok(vec![profile]);
        assert_eq!(asked(&QUESTION, &facts).evidence[0].text, "build: ci (tier=untrusted)");
    }
}
