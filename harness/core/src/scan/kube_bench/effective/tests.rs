//! A kubelet that agrees with kube-bench, one that does not in either direction, and one that cannot be asked.

use amiproof_model::name::ControlId;
use serde_json::json;

use super::*;

fn row(number: &str, verdict: Verdict) -> ScanRow {
    let benchmark = "cis-eks-1.8.0".parse().unwrap();
    let control = ControlId::new(&benchmark, number).unwrap();
    ScanRow {
        check: format!("kube-bench/{control}").parse().unwrap(),
        title: String::new(),
        control: Some(control),
        level: None,
        severity: None,
        scanner: "kube-bench".to_owned(),
        decision: verdict.into(),
    }
}

fn good() -> Value {
    json!({
        "authentication": {"anonymous": {"enabled": false}, "x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"}},
        "authorization": {"mode": "Webhook"},
        "readOnlyPort": 0,
        "streamingConnectionIdleTimeout": "4h0m0s",
        "makeIPTablesUtilChains": true,
        "eventRecordQPS": 50,
        "rotateCertificates": true,
        "featureGates": {"RotateKubeletServerCertificate": true},
    })
}

fn reconciled(rows: &mut [ScanRow], configuration: Value) -> ScanRow {
    let effective = Ok(Effective { source: "configz".to_owned(), configuration });
    reconcile(rows, &"cis-eks-1.8.0".parse().unwrap(), "node 1", &effective).unwrap()
}

#[test]
fn what_agrees_stays_and_carries_the_setting_as_evidence() {
    let numbers = ["3.2.1", "3.2.2", "3.2.3", "3.2.4", "3.2.5", "3.2.6", "3.2.7", "3.2.8", "3.2.9"];
    let mut rows: Vec<ScanRow> = numbers.iter().map(|number| row(number, Verdict::Pass)).collect();
    rows.push(row("3.1.1", Verdict::Pass));
    let own = reconciled(&mut rows, good());
    assert_eq!(own.decision.verdict, Verdict::Pass);
    assert!(rows.iter().all(|row| row.decision.verdict == Verdict::Pass));
    assert_eq!(rows[0].decision.evidence[0].text, "authentication.anonymous.enabled is false");
    assert!(rows[9].decision.evidence.is_empty(), "modes of files are not in the configuration");
    assert_eq!(own.decision.evidence[0].text.lines().count(), 9);
}

#[test]
fn a_pass_that_a_drop_in_overrides_is_a_failure() {
    let mut configuration = good();
    configuration["authentication"]["anonymous"]["enabled"] = json!(true);
    configuration["readOnlyPort"] = json!(10255);
    let mut rows = [row("3.2.1", Verdict::Pass), row("3.2.4", Verdict::Pass), row("3.2.2", Verdict::Pass)];
    let own = reconciled(&mut rows, configuration);
    let Verdict::Fail(findings) = &rows[0].decision.verdict else { panic!("{:?}", rows[0].decision.verdict) };
    assert!(findings[0].summary.ends_with("authentication.anonymous.enabled is true"), "{findings:?}");
    assert_eq!(rows[2].decision.verdict, Verdict::Pass);
    let Verdict::Fail(findings) = own.decision.verdict else { panic!("the disagreement is a finding of its own") };
    assert_eq!(findings.len(), 1, "one per node");
    assert_eq!(
        findings[0].summary,
        "kube-bench passes 3.2.1, but authentication.anonymous.enabled is true; kube-bench passes 3.2.4, but readOnlyPort is 10255"
    );
}

#[test]
fn a_failure_that_is_not_in_force_is_for_a_human_and_not_the_images_fault() {
    let fail = || Verdict::Fail(vec![Finding::new("node 1", "not met")]);
    let mut rows = [row("3.2.9", fail()), row("3.2.1", Verdict::Pass)];
    let own = reconciled(&mut rows, good());
    let Verdict::Manual(look_at) = &rows[0].decision.verdict else { panic!("{:?}", rows[0].decision.verdict) };
    assert!(look_at.contains("kube-bench fails 3.2.9") && look_at.contains("waive"), "{look_at}");
    assert!(matches!(own.decision.verdict, Verdict::Manual(_)));
}

#[test]
fn what_kube_bench_did_not_decide_is_not_decided_by_the_kubelet_either() {
    let mut rows = [row("3.2.1", Verdict::NotEvaluated("the audit did not run".to_owned()))];
    let own = reconciled(&mut rows, good());
    assert!(matches!(rows[0].decision.verdict, Verdict::NotEvaluated(_)));
    assert!(
        matches!(own.decision.verdict, Verdict::NotEvaluated(why) if why.contains("nothing that could be compared"))
    );
}

#[test]
fn a_kubelet_that_cannot_be_asked_changes_nothing() {
    let mut rows = [row("3.2.1", Verdict::Pass)];
    let refused = Err("no answer within 10s".to_owned());
    let own = reconcile(&mut rows, &"cis-eks-1.8.0".parse().unwrap(), "node 2", &refused).unwrap();
    assert_eq!(own.decision.verdict, Verdict::NotEvaluated("node 2: no answer within 10s".to_owned()));
    assert_eq!((&rows[0].decision.verdict, rows[0].decision.evidence.len()), (&Verdict::Pass, 0));
}

#[test]
fn every_setting_of_the_benchmark_can_be_violated() {
    let wrong = json!({
        "authentication": {"anonymous": {"enabled": true}, "x509": {"clientCAFile": ""}},
        "authorization": {"mode": "AlwaysAllow"},
        "readOnlyPort": 10255,
        "streamingConnectionIdleTimeout": "0s",
        "makeIPTablesUtilChains": false,
        "eventRecordQPS": -1,
        "rotateCertificates": false,
        "featureGates": {"RotateKubeletServerCertificate": false},
        "protectKernelDefaults": false,
    });
    for benchmark in ["cis-eks-1.0.1", "cis-eks-1.8.0"] {
        for (number, topic) in node_controls(&benchmark.parse().unwrap()) {
            let (bad, good) = (setting(topic, &wrong), setting(topic, &good()));
            assert_ne!(bad.as_ref().map(|setting| setting.met), Some(true), "{benchmark} {number}");
            assert!(
                good.is_none_or(|setting| setting.met) || topic == NodeTopic::KernelDefaults,
                "{benchmark} {number}"
            );
        }
    }
}
