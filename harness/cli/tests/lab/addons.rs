//! Add-ons in a whole run: installed with rights of their own, judged where they run, and removed again.

use std::collections::BTreeMap;

use crate::process::{amiproof, finish, matrix, report, stderr};
use amiproof_model::report::Report;
use amiproof_model::verdict::Outcome;

fn run() -> Report {
    let dir = tempfile::tempdir().unwrap();
    let file = matrix("add-ons.yaml");
    let output = finish(
        amiproof(dir.path())
            .args(["run", "--lab", "--no-fail", "--file", file.to_str().unwrap()])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap(),
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    report(dir.path())
}

#[test]
fn daemons_are_judged_where_they_run_and_controllers_keep_to_the_stock_image() {
    let report = run();
    let words: BTreeMap<(&str, &str), &str> = report
        .results
        .iter()
        .map(|result| ((result.subject.as_str(), result.check.as_str()), result.outcome.as_str()))
        .collect();
    let of = |subject: &str, addon: &str| words.get(&(subject, format!("addon/{addon}").as_str())).copied();
    let daemons =
        ["vpc-cni", "kube-proxy", "eks-pod-identity-agent", "aws-efs-csi-driver", "eks-node-monitoring-agent"];
    for addon in
        daemons.into_iter().chain(["aws-ebs-csi-driver", "amazon-cloudwatch-observability", "aws-guardduty-agent"])
    {
        assert_eq!(of("eks-al2023", addon), Some("pass"), "{addon}: {words:#?}");
        // Only the EBS driver's node part asks someone from a pod of its own before it serves.
        let broken = if addon == "aws-ebs-csi-driver" { "fail" } else { "pass" };
        assert_eq!(of("al2023-ip-forward-off", addon), Some(broken), "{addon}: {words:#?}");
        let on_windows = matches!(addon, "aws-ebs-csi-driver" | "amazon-cloudwatch-observability");
        let windows = if on_windows { "pass" } else { "not applicable" };
        assert_eq!(of("windows-2022-core", addon), Some(windows), "{addon}: {words:#?}");
        assert_eq!(of("cluster", addon), Some("pass"), "{addon}: {words:#?}");
    }
    for addon in ["coredns", "metrics-server", "snapshot-controller"] {
        assert_eq!(of("cluster", addon), Some("pass"), "{addon}: {words:#?}");
        assert_eq!(of("eks-al2023", addon), None, "{addon} has no part on every node");
    }
    for workload in ["workload/pod-identity", "workload/hpa"] {
        assert_eq!(words.get(&("eks-al2023", workload)), Some(&"pass"), "{workload}: {words:#?}");
        // Neither the agent of a node nor its kubelet is behind the pod network.
        assert_eq!(words.get(&("al2023-ip-forward-off", workload)), Some(&"pass"), "{workload}: {words:#?}");
        assert_eq!(words.get(&("windows-2022-core", workload)), Some(&"not applicable"), "{workload}: {words:#?}");
    }
    // STS is: names and packets of pods have to leave the node.
    for (variant, wanted) in
        [("eks-al2023", "pass"), ("al2023-ip-forward-off", "fail"), ("windows-2022-core", "not applicable")]
    {
        assert_eq!(words.get(&(variant, "workload/irsa")), Some(&wanted), "{variant}: {words:#?}");
    }
    the_failure_names_sts(&report);
    controllers_are_on_stock_nodes(&report);
    the_failure_says_what_the_driver_needs(&report);
    assert!(report.cleanup.ran && report.cleanup.leftovers.is_empty(), "{:#?}", report.cleanup);
}

fn the_failure_names_sts(report: &Report) {
    let is_it = |result: &&amiproof_model::report::CheckResult| {
        result.subject.as_str() == "al2023-ip-forward-off" && result.check.as_str() == "workload/irsa"
    };
    let failed = report.results.iter().find(is_it).unwrap();
    let text = format!("{failed:?}");
    assert!(text.contains("no credentials from https://sts.us-west-2.amazonaws.com/ in 6 tries"), "{text}");
    assert!(!text.contains("AccessKeyId"), "{text}");
}

fn controllers_are_on_stock_nodes(report: &Report) {
    let stock = report.variants.iter().find(|variant| variant.name.as_str() == "eks-al2023").unwrap();
    for addon in ["coredns", "metrics-server", "aws-ebs-csi-driver", "aws-efs-csi-driver", "snapshot-controller"] {
        let check = format!("addon/{addon}");
        let found =
            report.results.iter().find(|result| result.subject.as_str() == "cluster" && result.check.as_str() == check);
        let placements = &found.unwrap().placements;
        assert_eq!(placements.len(), 2, "{check}");
        for placement in placements {
            assert!(stock.nodes.iter().any(|node| node.name == placement.node), "{check} ran on {}", placement.node);
            assert!(placement.ami_id.is_some() && placement.instance_id.is_some(), "{placement:?}");
        }
    }
}

fn the_failure_says_what_the_driver_needs(report: &Report) {
    let failed = report
        .results
        .iter()
        .find(|result| {
            result.subject.as_str() == "al2023-ip-forward-off" && result.check.as_str() == "addon/aws-ebs-csi-driver"
        })
        .unwrap();
    let Outcome::Fail { findings } = &failed.outcome else { panic!("{:?}", failed.outcome) };
    assert_eq!(findings.len(), 2, "one per node: {findings:#?}");
    assert_eq!(findings[0].resource, "ebs-csi-node on node 1");
    assert!(findings[0].summary.contains("exit code 1"), "{}", findings[0].summary);
    assert!(findings[0].remediation.contains("net.ipv4.ip_forward"), "{}", findings[0].remediation);
}
