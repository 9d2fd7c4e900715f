//! `kubelet-hostname-override`: whether kubelets call themselves otherwise than their hosts.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, manual, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "kubelet-hostname-override", assess };

/// The flag stands on the kubelet's command line and nowhere in an API; node names and host names are what the API has.
fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let lines: Vec<String> =
        seen(&facts.nodes)?.iter().map(|node| format!("node {}: host name {}", node.name, node.hostname)).collect();
    let look_at = "the kubelet's command line on each image (--hostname-override); nodeadm of AL2023 always sets it, to the name \
                   that EKS knows, and later versions of the benchmark dropped the question";
    Ok(with_evidence(manual(look_at), "names of nodes", &lines))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{asked, clean, told};
    use super::*;

    #[test]
    fn it_is_for_a_human_with_the_names_as_evidence() {
        assert_eq!(told(&QUESTION, &clean()), "manual");
        assert_eq!(asked(&QUESTION, &clean()).evidence[0].text, "node ip-10-0-0-1: host name ip-10-0-0-1");
    }
}
