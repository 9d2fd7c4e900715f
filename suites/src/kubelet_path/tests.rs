//! Tests of the evaluation of the kubelet path.

use std::time::Duration;

use amiproof_core::check::CheckError;
use amiproof_core::cluster::kubelet_path::PathError;
use amiproof_core::cluster::serving_certificate::Unanswered;
use amiproof_model::verdict::Verdict;

use super::target::{Answer, WORDS, assess};
use crate::node;

fn assessed(answer: Result<String, PathError>, api_answers: bool) -> Result<Verdict, CheckError> {
    let answer = answer.map_err(|error| Unanswered { error, certificate: None });
    assess("logs", &[Answer { node: node::tests::record(1, ""), answer, api_answers }])
}

fn refused(code: u16, message: &str) -> PathError {
    let status = kube::core::Status::failure(message, "").with_code(code);
    PathError::Refused(Box::new(kube::Error::Api(status.boxed())))
}

fn summary(verdict: Result<Verdict, CheckError>) -> String {
    match verdict {
        Ok(Verdict::Fail(findings)) => findings[0].summary.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_words_of_the_pod_must_come_back() {
    assert_eq!(assessed(Ok(format!("HTTP/1.0 200 OK\r\n\r\n{WORDS}\n")), true).unwrap(), Verdict::Pass);
    assert_eq!(
        summary(assessed(Ok("404 not found".into()), true)),
        "logs returned something other than the output of the pod"
    );
    assert_eq!(summary(assessed(Ok(String::new()), true)), "logs returned something other than the output of the pod");
}

#[test]
fn a_port_that_drops_or_refuses_is_the_nodes_doing() {
    let silent = || Err(PathError::Silent(Duration::from_secs(10)));
    assert_eq!(summary(assessed(silent(), true)), "logs does not answer within 10s");
    let closed = refused(500, "Get \"https://10.0.0.1:10250/containerLogs\": dial tcp 10.0.0.1:10250: i/o timeout");
    assert_eq!(summary(assessed(Err(closed), true)), "logs fails between the API server and the kubelet");
    assert_eq!(summary(assessed(Err(PathError::Connection("reset".into())), true)), "logs ends prematurely");
}

#[test]
fn an_api_server_that_is_away_or_refuses_decides_nothing() {
    let silent = || Err(PathError::Silent(Duration::from_secs(10)));
    assert!(assessed(silent(), false).unwrap_err().to_string().contains("is unreachable"));
    let forbidden = refused(403, "pods/log is forbidden");
    assert!(assessed(Err(forbidden), true).unwrap_err().to_string().contains("refuses it"));
}

#[test]
fn a_certificate_that_never_came_is_told_apart_from_a_closed_port() {
    let of = |index: u32, certificate: Option<&str>| Answer {
        node: node::tests::record(index, ""),
        answer: match certificate {
            None => Ok(WORDS.to_owned()),
            Some(says) => Err(Unanswered {
                error: refused(500, "remote error: tls: internal error"),
                certificate: Some(says.to_owned()),
            }),
        },
        api_answers: true,
    };
    let both = [of(1, None), of(2, Some("its serving CSR csr-a is not approved"))];
    let Ok(Verdict::Fail(findings)) = assess("exec", &both) else { panic!("a finding") };
    assert_eq!((findings.len(), findings[0].resource.as_str()), (1, "node 2"), "every node is asked");
    assert_eq!(findings[0].summary, "exec fails: its serving CSR csr-a is not approved");
    assert!(findings[0].remediation.contains("kubectl get csr") && !findings[0].remediation.contains("security group"));
}
