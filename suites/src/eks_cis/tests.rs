//! Tests of the suite with the catalogue: every control has a row, and every row a result.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_core::check::ScanAnswer;
use amiproof_model::verdict::Verdict;

use super::facts::testing::clean;
use super::facts::{Facts, Unreadable};
use super::{QUESTIONS, rows};
use crate::benchmark::{self, Judged};

fn answer(benchmark: &str, facts: &Facts) -> ScanAnswer {
    let catalogue = benchmark::find(benchmark).unwrap().unwrap();
    let nodes_by = benchmark::find("cis-eks-1.8.0").unwrap();
    rows::answer(catalogue, nodes_by, facts).unwrap()
}

fn words(answer: &ScanAnswer) -> BTreeMap<String, &'static str> {
    let word = |verdict: &Verdict| match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail(_) => "fail",
        Verdict::Manual(_) => "manual",
        Verdict::NotApplicable(_) => "not applicable",
        Verdict::NotEvaluated(_) => "not evaluated",
    };
    let number = |row: &amiproof_core::check::ScanRow| row.control.as_ref().unwrap().number().to_owned();
    answer.rows.iter().map(|row| (number(row), word(&row.decision.verdict))).collect()
}

#[test]
fn every_question_that_kube_bench_does_not_ask_has_an_answer_and_no_answer_is_without_a_question() {
    let mut asked = BTreeSet::new();
    for control in benchmark::all().unwrap().iter().flat_map(|catalogue| &catalogue.controls) {
        if control.judged != Judged::KubeBench {
            asked.insert(control.question.as_str());
        }
    }
    let answered: BTreeSet<&str> = QUESTIONS.iter().map(|question| question.id).collect();
    assert_eq!(answered, asked);
    assert_eq!(answered.len(), QUESTIONS.len(), "each once");
}

#[test]
fn every_control_of_version_1_0_1_has_a_row_and_at_least_35_need_no_human() {
    let answer = answer("cis-eks-1.0.1", &clean());
    let words = words(&answer);
    assert_eq!(words.len(), 52);
    let count = |wanted: &str| words.values().filter(|word| **word == wanted).count();
    // kube-bench evaluates its 13 on the nodes; the row refers to it.
    let of_nodes: Vec<&str> = answer
        .rows
        .iter()
        .filter_map(|row| match &row.decision.verdict {
            Verdict::NotApplicable(reason) if reason.contains("kube-bench/cis-eks-1.8.0/3.") => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(of_nodes.len(), 13);
    assert_eq!((count("manual"), count("not evaluated"), count("fail")), (5, 0, 0), "{words:#?}");
    assert!(count("pass") + of_nodes.len() >= 35, "{words:#?}");
    let chains = answer.rows.iter().find(|row| row.check.as_str() == "eks-cis/cis-eks-1.0.1/3.2.7").unwrap();
    let expected_text = "a control of nodes: kube-bench evaluates it per variant, as kube-bench/cis-eks-1.8.0/3.2.6";
    assert_eq!(chains.decision.verdict, Verdict::NotApplicable(expected_text.to_owned()));
}

#[test]
fn every_version_has_a_row_for_each_of_its_controls_and_says_how_many_there_are() {
    for catalogue in benchmark::all().unwrap() {
        let answer = answer(catalogue.benchmark.as_str(), &clean());
        assert_eq!(answer.rows.len(), catalogue.controls.len());
        assert_eq!(answer.scans[0].expected, Some(catalogue.controls.len()));
        for row in &answer.rows {
            assert!(
                !matches!(row.decision.verdict, Verdict::NotEvaluated(_)),
                "{}: {:?}",
                row.check,
                row.decision.verdict
            );
        }
    }
}

#[test]
fn without_an_account_its_questions_are_not_applicable_and_the_others_are_answered() {
    let facts = Facts { account: Err(Unreadable::NoAccount), ..clean() };
    let words = words(&answer("cis-eks-1.8.0", &facts));
    for number in ["2.1.1", "5.1.1", "5.3.1", "5.4.1", "5.5.1"] {
        assert_eq!(words[number], "not applicable", "{number}");
    }
    for number in ["4.1.1", "4.2.1", "4.3.2", "4.4.1"] {
        assert_eq!(words[number], "pass", "{number}");
    }
}

#[test]
fn a_missing_permission_is_never_a_pass_and_is_named() {
    let denied = || Unreadable::Denied("the Kubernetes permission to list pods in all namespaces".to_owned());
    let facts = Facts { workloads: Err(denied()), rbac: Err(denied()), ..clean() };
    let answer = answer("cis-eks-1.8.0", &facts);
    let verdict = |number: &str| {
        let row = answer.rows.iter().find(|row| row.control.as_ref().unwrap().number() == number).unwrap();
        row.decision.verdict.clone()
    };
    let expected_text =
        "the caller lacks the Kubernetes permission to list pods in all namespaces; allow it and run again";
    assert_eq!(verdict("4.2.1"), Verdict::NotEvaluated(expected_text.to_owned()));
    assert_eq!(verdict("4.1.1"), Verdict::NotEvaluated(expected_text.to_owned()));
}

#[test]
fn when_nothing_can_be_read_nothing_passes() {
    let broken = || Unreadable::Unavailable("the API server is unreachable".to_owned());
    let facts = Facts {
        namespaces: Err(broken()),
        workloads: Err(broken()),
        service_accounts: Err(broken()),
        rbac: Err(broken()),
        network_policies: Err(broken()),
        exposed: Err(broken()),
        default_services: Err(broken()),
        nodes: Err(broken()),
        admission: Err(broken()),
        csi_drivers: Err(broken()),
        opaque_secrets: Err(broken()),
        aws_auth: Err(broken()),
        protects_kernel: Err(broken()),
        account: Err(broken()),
        ..clean()
    };
    for catalogue in benchmark::all().unwrap() {
        let words = words(&answer(catalogue.benchmark.as_str(), &facts));
        let decided: Vec<_> = words.iter().filter(|(_, word)| matches!(**word, "pass" | "fail" | "manual")).collect();
        assert!(decided.is_empty(), "{decided:?}");
    }
}
