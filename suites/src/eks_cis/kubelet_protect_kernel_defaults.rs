//! `kubelet-protect-kernel-defaults`: whether kubelets refuse to start instead of changing kernel parameters.

use std::time::Duration;

use amiproof_core::check::Decision;
use amiproof_core::cluster::kubelet_path::PathError;
use amiproof_core::cluster::serving_certificate::{Unanswered, with_retry};
use amiproof_core::cluster::{Access, kubelet_api};
use futures::FutureExt as _;
use serde_json::Value;

use super::facts::{Facts, Reading, Unreadable, seen};
use super::question::{Question, finding, not_applicable, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "kubelet-protect-kernel-defaults", assess };

/// Deadline for the response of one kubelet.
const ANSWER: Duration = Duration::from_secs(10);

/// Reads a kubelet's effective configuration, including drop-ins (`/configz`), through the API server. A kubelet without a serving
/// certificate is retried.
pub(crate) async fn ask(access: &Access, node: &str) -> Reading<bool> {
    let what = format!("get nodes/proxy of {node} (configz)");
    let configuration = || kubelet_api::configuration(access, node, ANSWER).boxed();
    match with_retry(access, node, configuration).await {
        Ok(configuration) => Ok(read(&configuration)),
        Err(Unanswered { error: PathError::Refused(error), certificate: None }) => Err(Unreadable::kube(&what, &error)),
        Err(unanswered) => Err(Unreadable::Unavailable(format!("{what}: {unanswered}"))),
    }
}

/// The kubelet's own default is false (KubeletConfiguration v1beta1).
fn read(configuration: &Value) -> bool {
    configuration.get("protectKernelDefaults").and_then(Value::as_bool).unwrap_or(false)
}

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let nodes = seen(&facts.protects_kernel)?;
    if nodes.is_empty() {
        return Ok(not_applicable("the cluster has no Linux node"));
    }
    let remediation = "set protectKernelDefaults: true in the kubelet's configuration (nodeadm does)";
    let mut findings = Vec::new();
    for (index, (node, protects)) in nodes.iter().enumerate() {
        if !*seen(protects)? {
            let text = format!("the kubelet of {node} changes kernel parameters");
            findings.push(finding(format!("node {}", index + 1), text, remediation));
        }
    }
    Ok(verdict(findings))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::facts::testing::{clean, outcome_of};
    use super::*;

    #[test]
    fn every_kubelet_must_protect_and_one_that_does_not_answer_leaves_it_open() {
        let node = |name: &str, protects| (name.to_owned(), protects);
        for (nodes, answer) in [
            (vec![node("a", Ok(true)), node("b", Ok(true))], "pass"),
            (vec![node("a", Ok(true)), node("b", Ok(false))], "fail node 2"),
            (vec![node("a", Ok(true)), node("b", Err(Unreadable::Unavailable("no answer".into())))], "broken"),
            (vec![], "not applicable"),
        ] {
            assert_eq!(outcome_of(&QUESTION, &Facts { protects_kernel: Ok(nodes), ..clean() }), answer);
        }
    }

    #[test]
    fn configz_is_read_with_the_kubelets_default() {
        assert!(read(&json!({"protectKernelDefaults": true})));
        assert!(!read(&json!({})));
    }
}
