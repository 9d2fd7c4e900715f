//! `endpoint-restricted`: the networks from which the API server can be reached.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "endpoint-restricted", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let plane = seen(&facts.account()?.control_plane)?;
    if !plane.public_access {
        return Ok(verdict(Vec::new()));
    }
    let everywhere = |cidr: &&String| matches!(cidr.as_str(), "0.0.0.0/0" | "::/0");
    let open: Vec<&str> = plane.public_cidrs.iter().filter(everywhere).map(String::as_str).collect();
    let mut findings = Vec::new();
    // Without a list, EKS allows every address.
    if !open.is_empty() || plane.public_cidrs.is_empty() {
        let help = "aws eks update-cluster-config --resources-vpc-config publicAccessCidrs=<your addresses>,endpointPrivateAccess=true";
        findings.push(finding("cluster", "the whole internet reaches the API server", help));
    }
    if !plane.private_access {
        let help = "aws eks update-cluster-config --resources-vpc-config endpointPrivateAccess=true";
        findings.push(finding("cluster endpoint", "nodes reach the API server over the internet only", help));
    }
    Ok(with_evidence(verdict(findings), "public access from", &plane.public_cidrs))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account_of, clean, outcome_of};
    use super::*;

    #[test]
    fn public_access_needs_a_list_of_addresses_and_the_private_endpoint_beside_it() {
        for (public, private, cidrs, answer) in [
            (false, true, &["0.0.0.0/0"][..], "pass"),
            (true, true, &["198.51.100.0/24"], "pass"),
            (true, true, &["198.51.100.0/24", "0.0.0.0/0"], "fail cluster"),
            (true, true, &["::/0"], "fail cluster"),
            (true, true, &[], "fail cluster"),
            (true, false, &["198.51.100.0/24"], "fail cluster endpoint"),
            (true, false, &["0.0.0.0/0"], "fail cluster, cluster endpoint"),
        ] {
            let mut facts = clean();
            let plane = account_of(&mut facts).control_plane.as_mut().unwrap();
            (plane.public_access, plane.private_access) = (public, private);
            plane.public_cidrs = cidrs.iter().map(ToString::to_string).collect();
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{public} {private} {cidrs:?}");
        }
    }
}
