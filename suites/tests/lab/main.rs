//! Every check on emulated nodes of different images: exactly the checks fail whose capabilities the host profile lacks.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue ends there")]

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::verdict::Outcome;

mod bench;
mod bisect;
mod bottlerocket;
mod broken;
mod catalogue;
mod causes;
mod cluster;
mod disruptive;
mod hosts;
mod impact;
mod kube_bench;
#[path = "../../../harness/core/tests/support/memory_lab.rs"]
mod memory_lab;
mod openscap;
mod private;
mod probe;

use cluster::{Lab, REFERENCE, simulated};

/// The checks with an outcome of `word`, scans left out.
fn with_word<'a>(outcomes: &'a BTreeMap<String, Outcome>, word: &str) -> BTreeSet<&'a str> {
    let of_word = outcomes.iter().filter(|(id, outcome)| outcome.as_str() == word && !id.contains("/cis-"));
    of_word.map(|(id, _)| id.as_str()).collect()
}

/// Runs everything on nodes of `image`; of the checks beside workloads exactly `failed` must fail, of the workloads exactly those
/// that need what the image takes away, and nothing may end in an error.
async fn only_these_fail(image: &str, failed: &[&str]) {
    let lab = Lab::new(image).await;
    let outcomes = lab.run_all().await;
    let errors: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.as_str() == "error").collect();
    assert!(errors.is_empty(), "{image}: {errors:#?}");
    let reasons: Vec<_> =
        outcomes.iter().filter(|(id, outcome)| outcome.as_str() == "fail" && !id.contains("/cis-")).collect();
    let workloads = catalogue::failing_on(image);
    let wanted: BTreeSet<&str> = failed.iter().copied().chain(workloads.iter().map(String::as_str)).collect();
    assert_eq!(with_word(&outcomes, "fail"), wanted, "{image}: {reasons:#?}");
    let node_rows: Vec<_> = outcomes.iter().filter(|(id, _)| id.starts_with("kube-bench/cis-eks-1.8.0/3.")).collect();
    assert_eq!(node_rows.len(), 13, "{image}: {node_rows:#?}");
    assert!(node_rows.iter().all(|(_, outcome)| outcome.as_str() != "not evaluated"), "{image}: {node_rows:#?}");
    let cluster_rows = outcomes.keys().filter(|id| id.starts_with("kube-bench/cis-eks-1.8.0/4.")).count();
    assert_eq!(cluster_rows, 0, "{image}: policies are what eks-cis answers");
    lab.assert_fair().await;
    lab.assert_clean().await;
}

#[test]
fn everything_works_on_a_stock_image() {
    simulated(|| async {
        only_these_fail(REFERENCE, &[]).await;
    });
}

#[test]
fn without_forwarding_only_the_pod_network_fails() {
    simulated(|| async {
        only_these_fail("al2023-ip-forward-off", &["node/webhooks"]).await;
    });
}

#[test]
fn with_the_hosts_ports_closed_only_the_kubelet_path_and_listeners_of_the_host_fail_and_kube_bench_still_answers() {
    simulated(|| async {
        let path = ["attach", "configz", "exec", "logs", "metrics", "port-forward"]
            .map(|check| format!("kubelet-path/{check}"));
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        only_these_fail("al2023-no-10250", &path).await;
    });
}
