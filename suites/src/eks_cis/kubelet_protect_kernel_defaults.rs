//! `kubelet-protect-kernel-defaults`: whether kubelets stop rather than change kernel parameters.

use amiproof_core::check::Decision;
use http::Request;
use kube::Client;
use serde_json::Value;

use super::facts::{Facts, Reading, Unreadable, seen};
use super::question::{Question, finding, not_applicable, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "kubelet-protect-kernel-defaults", assess };

/// Asks a kubelet for the configuration that it runs with, drop-ins included (`/configz`), through the API server.
pub(crate) async fn ask(client: &Client, node: &str) -> Reading<bool> {
    let what = format!("get nodes/proxy of {node} (configz)");
    let request = Request::get(format!("/api/v1/nodes/{node}/proxy/configz")).body(Vec::new());
    let request = request.map_err(|error| Unreadable::Unavailable(format!("the node name {node}: {error}")))?;
    let answer: Value = client.request(request).await.map_err(|error| Unreadable::kube(&what, &error))?;
    read(&answer).ok_or_else(|| Unreadable::Unavailable(format!("configz of {node} has no kubeletconfig")))
}

/// The kubelet's own default is false (KubeletConfiguration v1beta1).
fn read(configz: &Value) -> Option<bool> {
    let configuration = configz.get("kubeletconfig")?.as_object()?;
    Some(configuration.get("protectKernelDefaults").and_then(Value::as_bool).unwrap_or(false))
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

    use super::super::facts::testing::{clean, told};
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
            assert_eq!(told(&QUESTION, &Facts { protects_kernel: Ok(nodes), ..clean() }), answer);
        }
    }

    #[test]
    fn configz_is_read_with_the_kubelets_default() {
        assert_eq!(read(&json!({"kubeletconfig": {"protectKernelDefaults": true}})), Some(true));
        assert_eq!(read(&json!({"kubeletconfig": {}})), Some(false));
        assert_eq!(read(&json!({"kind": "Status"})), None);
    }
}
