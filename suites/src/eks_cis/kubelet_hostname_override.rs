//! `kubelet-hostname-override`: whether node names of kubelets differ from host names.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, manual, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "kubelet-hostname-override", assess };

/// The flag is only on the kubelet's command line; the API has node names and host names.
fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let lines: Vec<String> =
        seen(&facts.nodes)?.iter().map(|node| format!("node {}: host name {}", node.name, node.hostname)).collect();
    let look_at = "the kubelet's command line on each image (--hostname-override); nodeadm of AL2023 always sets it, to the name \
                   that EKS knows, and later versions of the benchmark dropped the question";
    Ok(with_evidence(manual(look_at), "names of nodes", &lines))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{asked, clean, outcome_of};
    use super::*;

    #[test]
    fn it_is_for_a_human_with_the_names_as_evidence() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "manual");
        assert_eq!(asked(&QUESTION, &clean()).evidence[0].text, "node ip-10-0-0-1: host name ip-10-0-0-1");
    }
}
