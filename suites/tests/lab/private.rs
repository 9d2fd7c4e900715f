//! A mirror that asks for credentials: every pod of a run pulls with those that it was given.

use std::collections::BTreeMap;

use amiproof_core::cluster::pull_secret::PullSecret;
use amiproof_model::verdict::Outcome;

use crate::cluster::{Lab, REFERENCE, simulated};

/// Checks whose pods are made in each of the ways that there are.
const CHECKS: [&str; 4] = ["host/", "kubelet-path/logs", "kube-bench/", "workload/web-service"];

async fn run(login: &str) -> BTreeMap<String, Outcome> {
    let mut lab = Lab::new(REFERENCE).await;
    lab.image_registry = Some("private.example.com/mirror".to_owned());
    let text = format!(r#"{{"auths": {{"{login}": {{"auth": "YTpi"}}}}}}"#);
    lab.pull_secret = Some(PullSecret::parse(&text, &[format!("{login}/mirror/app")]).unwrap().0);
    let outcomes = lab.run_those(|check| CHECKS.iter().any(|prefix| check.id.as_str().starts_with(prefix))).await;
    lab.assert_clean().await;
    outcomes
}

#[test]
fn every_pod_of_a_run_pulls_with_the_credentials_that_it_was_given() {
    simulated(|| async {
        let outcomes = run("private.example.com").await;
        for id in ["kubelet-path/logs", "workload/web-service"] {
            assert_eq!(outcomes[id].as_str(), "pass", "{id}: {:?}", outcomes[id]);
        }
        let bench = outcomes.iter().filter(|(id, _)| id.starts_with("kube-bench/cis-eks"));
        assert!(bench.clone().count() >= 13, "{outcomes:#?}");
        let unanswered: Vec<_> =
            outcomes.iter().filter(|(_, outcome)| matches!(outcome.as_str(), "error" | "not evaluated")).collect();
        assert!(unanswered.is_empty(), "{unanswered:#?}");
    });
}

#[test]
fn without_credentials_nothing_passes_that_needs_an_image() {
    simulated(|| async {
        let outcomes = run("other.example.com").await;
        let passed: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.as_str() == "pass").collect();
        assert!(passed.is_empty(), "{passed:#?}");
        let actual = format!("{:?}", outcomes["workload/web-service"]);
        assert!(actual.contains("no basic auth credentials") || actual.contains("ImagePullBackOff"), "{actual}");
    });
}
