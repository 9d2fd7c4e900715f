//! `endpoint-private`: whether the API server is unreachable from the internet.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "endpoint-private", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let plane = seen(&facts.account()?.control_plane)?;
    let help =
        "aws eks update-cluster-config --resources-vpc-config endpointPrivateAccess=true,endpointPublicAccess=false";
    let wrong = match (plane.private_access, plane.public_access) {
        (true, false) => return Ok(verdict(Vec::new())),
        (true, true) => "the API server has a public endpoint beside its private one",
        (false, _) => "the API server has no private endpoint",
    };
    Ok(verdict(vec![finding("cluster", wrong, help)]))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account_of, clean, outcome_of};
    use super::*;

    #[test]
    fn only_private_without_public_passes() {
        for (private, public, answer) in [
            (true, false, "pass"),
            (true, true, "fail cluster"),
            (false, true, "fail cluster"),
            (false, false, "fail cluster"),
        ] {
            let mut facts = clean();
            let plane = account_of(&mut facts).control_plane.as_mut().unwrap();
            (plane.private_access, plane.public_access) = (private, public);
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{private} {public}");
        }
    }
}
