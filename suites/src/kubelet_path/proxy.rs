//! Requests to every kubelet of the variant through the API server's node proxy, and their evaluation.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::cluster::kubelet_api;
use amiproof_core::cluster::kubelet_path::PathError;
use amiproof_core::cluster::serving_certificate::{Unanswered, with_retry};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use serde_json::Value;

use super::certificate;
use crate::node::{placements, resource};

/// How long people wait for `kubectl top`.
const ANSWER: Duration = Duration::from_secs(10);

/// The response of a kubelet.
pub(super) struct Answered {
    pub(super) node: NodeRecord,
    pub(super) answer: Result<Value, Unanswered>,
}

/// Requests a path from every node and evaluates each response with `is_good`.
pub(super) async fn ask(context: &Context, path: &str, is_good: fn(&Value) -> bool) -> Result<Decision, CheckError> {
    let answers = context.nodes.iter().map(|node| async move {
        let get = || kubelet_api::get(&context.cluster, &node.name, path, ANSWER).boxed();
        let answer = with_retry(&context.cluster, &node.name, get).await;
        Answered { node: node.clone(), answer }
    });
    let answers = futures::future::join_all(answers).await;
    let api_answers = answers.iter().any(|one| one.answer.is_ok())
        || tokio::time::timeout(ANSWER, context.cluster.client().apiserver_version()).await.is_ok_and(|v| v.is_ok());
    if !api_answers {
        return Err(CheckError::Undecided(format!("{path}: the API server is unreachable")));
    }
    Ok(Decision { placements: placements(&context.nodes), ..assess(path, &answers, is_good).into() })
}

/// A kubelet that does not respond is a finding about its node. If the API server itself rejects the request, nothing is known about
/// the kubelet.
pub(super) fn assess(path: &str, answers: &[Answered], is_good: fn(&Value) -> bool) -> Verdict {
    if answers.is_empty() {
        return Verdict::NotEvaluated("there is no node".to_owned());
    }
    let mut findings = Vec::new();
    for Answered { node, answer } in answers {
        let finding = match answer {
            Ok(value) if is_good(value) => continue,
            Ok(_) => Finding::new(resource(node), format!("{path} returned something other than a kubelet's answer")),
            Err(Unanswered { error: PathError::Refused(error), .. }) if is_forbidden(error) => {
                return Verdict::NotEvaluated(format!(
                    "the API server does not let this identity ask for {path}: {}",
                    amiproof_core::cluster::explain(error)
                ));
            }
            Err(unanswered) => match certificate::finding(unanswered, &resource(node), path) {
                Some(finding) => {
                    findings.push(finding);
                    continue;
                }
                None => {
                    Finding::new(resource(node), format!("the kubelet does not answer {path} through the API server"))
                        .with_detail(unanswered.error.to_string())
                }
            },
        };
        let help = "let the control plane reach TCP 10250 of the node: host firewall and security group";
        findings.push(finding.with_remediation(help));
    }
    if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) }
}

fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 401 | 403))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::node::tests::record;

    fn answered(index: u32, answer: Result<Value, PathError>) -> Answered {
        let answer = answer.map_err(|error| Unanswered { error, certificate: None });
        Answered { node: record(index, ""), answer }
    }

    #[test]
    fn a_kubelet_that_does_not_answer_is_a_finding_of_its_node() {
        let good = |value: &Value| value["node"].is_object();
        let yes = || answered(1, Ok(json!({"node": {}})));
        assert_eq!(assess("stats/summary", &[yes()], good), Verdict::Pass);
        let silent = answered(2, Err(PathError::Silent(ANSWER)));
        let Verdict::Fail(findings) = assess("stats/summary", &[yes(), silent], good) else { panic!("a finding") };
        assert_eq!((findings.len(), findings[0].resource.as_str()), (1, "node 2"));
        let other = answered(1, Ok(json!([])));
        assert!(matches!(assess("stats/summary", &[other], good), Verdict::Fail(_)));
        assert!(matches!(assess("stats/summary", &[], good), Verdict::NotEvaluated(_)));
    }
}
