//! Commands on emulated nodes through privileged pods: what comes back, how much of it, and what is left behind.

use std::time::Duration;

use amiproof_core::check::Scope;
use amiproof_core::probe::{self, Error, Output, Way};

use super::cluster::Lab;

const DEADLINE: Duration = Duration::from_secs(30);

async fn on_first_node(lab: &Lab, script: &str) -> Result<Output, Error> {
    let context = lab.context(Scope::Variant);
    probe::command(&context, &context.nodes[0], script, DEADLINE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_on_the_host_though_its_pods_reach_nothing_and_10250_is_closed() {
    for image in ["cis-al2023-l2", "al2023-no-10250", "bottlerocket"] {
        let lab = Lab::new(image).await;
        let script = "hostname; echo \"it's $(getenforce)\"; echo oh >&2; exit 3";
        let output = on_first_node(&lab, script).await.unwrap_or_else(|error| panic!("{image}: {error}"));
        let mode = if image == "bottlerocket" { "Enforcing" } else { "Permissive" };
        assert_eq!(output.stdout, format!("hardened-1\nit's {mode}\n"), "{image}");
        assert_eq!((output.exit_code, output.stderr.as_str(), output.way), (3, "oh\n", Way::Pod), "{image}");
        lab.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_longer_than_the_messages_of_one_pod_comes_back_whole() {
    let lab = Lab::new("eks-al2023").await;
    // Digests do not compress: 24,000 bytes of them are three times what one pod can say.
    let script = "for i in $(seq 1 300); do echo $i | sha256sum | cut -c 1-64; done";
    let output = on_first_node(&lab, script).await.unwrap();
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(lines.len(), 300);
    assert_eq!(lines[0], "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865");
    let left = on_first_node(&lab, "ls /run").await.unwrap();
    assert!(!left.stdout.contains("amiproof"), "{}", left.stdout);
    lab.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_does_not_end_is_ended() {
    let lab = Lab::new("eks-al2023").await;
    let context = lab.context(Scope::Variant);
    let error = probe::command(&context, &context.nodes[0], "sleep 100000", Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error, Error::Deadline { way: Way::Pod, .. }), "{error}");
    lab.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_no_way_leads_to_says_which_were_tried() {
    let lab = Lab::new("eks-al2023").await;
    let mut context = lab.context(Scope::Variant);
    context.image_registry = Some("invalid.example/mirror".to_owned());
    let error = probe::command(&context, &context.nodes[0], "true", Duration::from_secs(1)).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Unreachable { .. }), "{text}");
    assert!(text.contains("no AWS account") && text.contains("invalid.example"), "{text}");
    lab.assert_clean().await;
}
