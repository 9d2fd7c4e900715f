//! Both ways out of a node, and neither.

use amiproof_model::verdict::{Placement, Verdict};

use super::*;

const WHOLE: &str = include_str!("../../../../../../fixtures/kube-bench/node.json");

fn about() -> About {
    let placement = Placement { pod: None, node: "node-a".into(), instance_id: None, ami_id: None };
    About { benchmark: "cis-eks-1.8.0".parse().unwrap(), resource: "node 1".into(), placement }
}

fn verdict_of<'a>(rows: &'a [ScanRow], number: &str) -> &'a Verdict {
    let row = rows.iter().find(|row| row.control.as_ref().unwrap().number() == number);
    &row.unwrap_or_else(|| panic!("no row for {number}")).decision.verdict
}

fn reason_of(rows: &[ScanRow], number: &str) -> String {
    match verdict_of(rows, number) {
        Verdict::NotEvaluated(reason) => reason.clone(),
        other => panic!("{number}: {other:?}"),
    }
}

#[test]
fn every_status_means_what_it_says_and_nothing_is_greener_than_its_evidence() {
    let seen = RawOutput { progress: Progress::Met, log: Some(WHOLE.into()), ..RawOutput::default() };
    let rows = assess(Scope::Node, &about(), &seen).unwrap();
    assert_eq!(rows.len(), 13);
    assert_eq!(rows[0].check.as_str(), "kube-bench/cis-eks-1.8.0/3.1.1");
    assert_eq!(*verdict_of(&rows, "3.1.1"), Verdict::Pass);
    let Verdict::Fail(findings) = verdict_of(&rows, "3.1.3") else { panic!("3.1.3 is a finding") };
    assert_eq!(findings[0].resource, "node 1");
    assert!(findings[0].detail.contains("found: permissions=666"), "{}", findings[0].detail);
    assert_eq!(findings[0].remediation, "chmod 644 config.json");
    assert!(reason_of(&rows, "3.2.1").starts_with("the audit did not run: failed to run"));
    assert_eq!(*verdict_of(&rows, "3.2.5"), Verdict::NotEvaluated("kube-bench was configured to skip it".into()));
    assert_eq!(*verdict_of(&rows, "3.2.7"), Verdict::Manual("test marked as a manual test".into()));
    assert_eq!(reason_of(&rows, "3.2.8"), "kube-bench gave the unknown status 'MAYBE'");
    assert_eq!(reason_of(&rows, "3.2.9"), "kube-bench does not have this control");
}

#[test]
fn with_the_kubelets_port_closed_the_termination_message_tells_the_same() {
    let compact = "\"test_number\":\"3.1.1\"\n\"test_desc\":\"Mode\"\n\"status\":\"PASS\"\n\
                   \"test_number\":\"3.1.3\"\n\"status\":\"FAIL\"\n\"test_number\":\"3.1";
    let seen = RawOutput {
        progress: Progress::Met,
        log_error: Some("no answer within 10s".into()),
        message: Some(compact.into()),
        ..RawOutput::default()
    };
    let rows = assess(Scope::Node, &about(), &seen).unwrap();
    assert_eq!(rows.len(), 13);
    assert_eq!(*verdict_of(&rows, "3.1.1"), Verdict::Pass);
    assert!(matches!(verdict_of(&rows, "3.1.3"), Verdict::Fail(_)));
    let rest = reason_of(&rows, "3.2.9");
    assert!(rest.contains("no answer within 10s") && rest.contains("ends before this control"), "{rest}");
}

#[test]
fn without_any_result_every_control_is_not_evaluated_and_says_why() {
    let waiting = Progress::NotYet("pod kube-bench-x cannot pull the image".into());
    let rows = assess(Scope::Node, &about(), &RawOutput { progress: waiting, ..RawOutput::default() }).unwrap();
    assert_eq!(rows.len(), 13);
    assert!(reason_of(&rows, "3.1.1").contains("cannot pull the image"));
    let torn = RawOutput { progress: Progress::Met, log: Some(WHOLE[..900].into()), ..RawOutput::default() };
    let rows = assess(Scope::Node, &about(), &torn).unwrap();
    assert!(reason_of(&rows, "3.1.1").contains("cut off"), "{}", reason_of(&rows, "3.1.1"));
    let rows = assess(Scope::Cluster, &about(), &RawOutput::default()).unwrap();
    assert_eq!(rows.len(), 37);
}

#[test]
fn a_result_of_another_benchmark_is_not_believed() {
    let other = WHOLE.replace("eks-1.8.0", "eks-1.5.0");
    let seen = RawOutput { progress: Progress::Met, log: Some(other), ..RawOutput::default() };
    let rows = assess(Scope::Node, &about(), &seen).unwrap();
    assert_eq!(reason_of(&rows, "3.1.1"), "kube-bench ran eks-1.5.0 instead of eks-1.8.0");
}

#[test]
fn a_run_of_all_targets_is_split_by_what_is_asked_for() {
    let whole: serde_json::Value = serde_json::from_str(WHOLE).unwrap();
    let mut sections = whole["Controls"].as_array().unwrap().clone();
    let mut policies = sections[0].clone();
    policies["node_type"] = "policies".into();
    policies["tests"][0]["results"].as_array_mut().unwrap().truncate(1);
    policies["tests"].as_array_mut().unwrap().truncate(1);
    policies["tests"][0]["results"][0]["test_number"] = "4.1.1".into();
    policies["tests"][0]["fail"] = 0.into();
    for count in ["total_fail", "total_warn", "total_info"] {
        policies[count] = 0.into();
    }
    sections.push(policies);
    let seen = RawOutput {
        progress: Progress::Met,
        log: Some(serde_json::Value::from(sections).to_string()),
        ..RawOutput::default()
    };
    let rows = assess(Scope::Node, &about(), &seen).unwrap();
    assert_eq!(rows.len(), 13);
    let rows = assess(Scope::Cluster, &about(), &seen).unwrap();
    assert_eq!((rows.len(), verdict_of(&rows, "4.1.1")), (37, &Verdict::Pass));
}

#[test]
fn a_control_that_is_listed_twice_with_two_answers_has_none() {
    let mut whole: serde_json::Value = serde_json::from_str(WHOLE).unwrap();
    let results = whole["Controls"][0]["tests"][0]["results"].as_array_mut().unwrap();
    let mut again = results[0].clone();
    results.push(again.clone());
    let seen = |whole: &serde_json::Value| RawOutput {
        progress: Progress::Met,
        log: Some(whole.to_string()),
        ..RawOutput::default()
    };
    let rows = assess(Scope::Node, &about(), &seen(&whole)).unwrap();
    assert_eq!((rows.len(), verdict_of(&rows, "3.1.1")), (13, &Verdict::Pass), "the same answer twice is one answer");
    again["status"] = "FAIL".into();
    whole["Controls"][0]["tests"][0]["results"].as_array_mut().unwrap().push(again);
    let rows = assess(Scope::Node, &about(), &seen(&whole)).unwrap();
    assert_eq!(rows.len(), 13);
    assert_eq!(reason_of(&rows, "3.1.1"), "kube-bench lists control 3.1.1 twice, with different results");
}

#[test]
fn an_audit_that_broke_is_no_warning_for_a_human() {
    let control = |reason: &str| crate::scan::kube_bench::parse::Control {
        number: "3.1.1".into(),
        status: crate::scan::kube_bench::parse::Status::Warn,
        reason: reason.into(),
        ..Default::default()
    };
    let verdict = |reason: &str| crate::scan::kube_bench::rows::verdict(&control(reason), "node 1");
    // What kube-bench's check/check.go writes about an unscored control whose command did not end well.
    let broken = verdict("failed to run: \"stat\", output: \"\", error: exit status 1\n");
    assert!(matches!(broken, Verdict::NotEvaluated(why) if why.starts_with("the audit did not run: failed to run")));
    assert!(matches!(verdict("Test marked as a manual test"), Verdict::Manual(_)));
    assert!(matches!(verdict(""), Verdict::Manual(_)));
    for why in ["There are no tests", "missing audit command"] {
        assert!(matches!(verdict(why), Verdict::NotEvaluated(actual) if actual.contains(why)), "{why}");
    }
}
