use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::judge::Disposition;
use crate::matrix::Family;
use crate::report::{
    CheckResult, ClusterRecord, Leftover, Phase, PhaseEnd, PhaseRecord, RunRecord, Subject, VariantRecord,
};
use crate::verdict::{Finding, Outcome};

fn l1() -> Subject {
    Subject::Variant("l1".parse().unwrap())
}

/// A row whose outcome fits its disposition.
fn row(check: &str, subject: &Subject, disposition: Disposition) -> CheckResult {
    let outcome = match &disposition {
        Disposition::Passed | Disposition::Flaky => Outcome::Pass,
        Disposition::NotApplicable => Outcome::NotApplicable { reason: "no GPU".into() },
        Disposition::Manual => Outcome::Manual { look_at: "the banner".into() },
        Disposition::Allowed | Disposition::Blocked { .. } | Disposition::NotEvaluated => silent(),
        Disposition::Error => Outcome::Error { message: "throttled".into() },
        _ => Outcome::Fail { findings: vec![Finding::new("node 1", "not ready")] },
    };
    CheckResult { disposition, ..CheckResult::new(check.parse().unwrap(), subject.clone(), outcome) }
}

fn silent() -> Outcome {
    Outcome::NotEvaluated { reason: "the agent went away".into() }
}

fn report(results: Vec<CheckResult>) -> Report {
    let variant = |name: &str| VariantRecord::new(name.parse().unwrap(), Family::Al2023);
    Report {
        variants: vec![variant("stock"), variant("l1")],
        results,
        ..Report::new(
            "0",
            RunRecord {
                seconds: 1.0,
                critical_path_seconds: 1.0,
                ..RunRecord::new("r-1".parse().unwrap(), "nightly", Timestamp::UNIX_EPOCH)
            },
            ClusterRecord { kubernetes_version: "1.36".parse().ok(), lab: true, ..ClusterRecord::new("c") },
        )
    }
}

fn with(dispositions: &[Disposition]) -> Report {
    let rows = dispositions.iter().enumerate().map(|(at, one)| row(&format!("node/c{at}"), &l1(), one.clone()));
    report(rows.collect())
}

fn waived() -> Disposition {
    Disposition::Waived { owner: "o".into(), reason: "r".into(), until: jiff::civil::date(2027, 1, 31) }
}

fn blocked() -> Disposition {
    Disposition::Blocked { check: "node/joined".parse().unwrap(), subject: l1() }
}

fn broken(phase: Phase) -> PhaseRecord {
    let ended = PhaseEnd::Error { message: "throttled".into(), evidence: Vec::new() };
    PhaseRecord { phase, started: Timestamp::UNIX_EPOCH, seconds: 1.0, ended }
}

fn code(report: &Report) -> u8 {
    ExitCode::of(report).code()
}

#[test]
fn the_code_follows_from_the_worst_that_happened() {
    use Disposition as D;
    for (dispositions, expected, reason) in [
        (vec![D::Passed, waived(), D::Flaky, D::NotApplicable, D::Manual], 0, "1 passed, 1 flaky, 1 waived"),
        (vec![D::Passed, D::Informational], 0, "1 passed, 1 informational"),
        (vec![D::Informational], 0, "1 informational"),
        (vec![D::Passed, D::Allowed], 0, "1 not evaluated, as a threshold allows"),
        (vec![D::Passed, D::NotEvaluated], 3, "1 not evaluated (node 1)"),
        (vec![D::Passed, D::Failed], 1, "1 failed (node 1)"),
        (vec![D::Failed, blocked(), blocked()], 1, "1 failed (node 1); 2 blocked by a failure of node/joined"),
        (vec![D::Passed, D::Failed, D::Error], 3, "1 error (node 1); 1 failed (node 1)"),
        (vec![D::Failed, D::NotEvaluated], 3, "1 not evaluated (node 1); 1 failed (node 1)"),
        (vec![], 4, "no check ran"),
        (vec![D::NotApplicable], 4, "no check applies"),
        (vec![D::NotApplicable, D::NotEvaluated], 3, "1 not evaluated (node 1)"),
        (vec![D::NotApplicable, D::Manual], 3, "nothing was evaluated"),
        (vec![D::Manual], 3, "nothing was evaluated"),
        (vec![D::Allowed, D::Manual], 3, "nothing was evaluated"),
    ] {
        let summary = Summary::of(&with(&dispositions), Scope::Run, 0);
        assert_eq!(summary.conclusion.exit_code().code(), expected, "{dispositions:?}");
        assert_eq!(summary.reason, reason, "{dispositions:?}");
    }
}

#[test]
fn a_gate_that_passed_is_no_evidence() {
    let mut report = with(&[Disposition::Manual]);
    report.results.push(row("gate/os-cis-coverage", &l1(), Disposition::Passed));
    assert_eq!(code(&report), 3);
    report.results.push(row("node/ready", &l1(), Disposition::Passed));
    assert_eq!(code(&report), 0);
    report.results.push(row("gate/kube-bench-coverage", &l1(), Disposition::NotEvaluated));
    assert_eq!(code(&report), 3, "a gap in a gate");
}

#[test]
fn a_gap_in_a_gate_decides_nothing_where_the_same_scan_failed() {
    let stock = Subject::Variant("stock".parse().unwrap());
    let gap = || row("gate/kube-bench-coverage", &l1(), Disposition::NotEvaluated);
    let control = |subject: &Subject, disposition| row("kube-bench/cis-eks-1.8.0/3.2.1", subject, disposition);
    let of = |rows| Summary::of(&report(rows), Scope::Run, 0);

    let settled = of(vec![control(&l1(), Disposition::Failed), gap()]);
    assert_eq!(settled.conclusion, Conclusion::Failed);
    assert_eq!(settled.reason, "1 failed (kube-bench 1); 1 not evaluated (gate 1)");
    for (why, rows) in [
        ("a failure that is excused settles nothing", vec![control(&l1(), waived()), gap()]),
        ("nor does one of another variant", vec![control(&stock, Disposition::Failed), gap()]),
        ("nor one of another suite", vec![row("os-cis/a", &l1(), Disposition::Failed), gap()]),
        (
            "a row of the scan itself stays open",
            vec![control(&l1(), Disposition::Failed), row("kube-bench/b", &l1(), Disposition::NotEvaluated), gap()],
        ),
    ] {
        assert_eq!(of(rows).conclusion, Conclusion::Inconclusive, "{why}");
    }
}

#[test]
fn leftovers_come_before_the_interruption_and_that_before_every_verdict() {
    let mut report = with(&[Disposition::Failed]);
    report.run.phases = vec![broken(Phase::Teardown)];
    assert_eq!(code(&report), 1, "leftovers say what a broken teardown means");
    assert_eq!(Summary::of(&report, Scope::Run, 2).conclusion, Conclusion::Regression);
    report.run.phases.push(broken(Phase::Cluster));
    assert_eq!(Summary::of(&report, Scope::Run, 2).conclusion, Conclusion::Inconclusive);
    report.run.interrupted = true;
    assert_eq!(code(&report), 130);
    report.cleanup.leftovers.push(Leftover {
        kind: "node group".into(),
        id: "ng".into(),
        variant: Some("l1".parse().unwrap()),
        reason: "r".into(),
        help: "m".into(),
    });
    assert_eq!(code(&report), 6);
    let summary = Summary::of(&report, Scope::Run, 0);
    assert_eq!(
        summary.reason,
        "1 resource left behind; interrupted before all checks had run; error in cluster; 1 failed (node 1)"
    );
    let stock = Subject::Variant("stock".parse().unwrap());
    assert_eq!(Summary::of(&report, Scope::Of(&stock), 0).conclusion, Conclusion::Interrupted, "it never began");
    assert_eq!(Summary::of(&report, Scope::Of(&l1()), 0).conclusion, Conclusion::LeftBehind);
}

#[test]
fn nodes_that_never_join_are_a_failure_of_the_image_and_not_an_error() {
    let mut report = report(vec![row("node/ready", &l1(), blocked()), row("node/joined", &l1(), Disposition::Failed)]);
    let failed = PhaseEnd::Failed { check: "node/joined".parse().unwrap(), message: "0 of 2 joined".into() };
    report.variants[1].phases = vec![PhaseRecord { ended: failed, ..broken(Phase::NodeGroup) }];
    assert_eq!(code(&report), 1);
    report.variants[1].phases.push(broken(Phase::Addons));
    assert_eq!(code(&report), 3, "a phase that broke is not a verdict");
}

#[test]
fn a_row_that_a_peer_blocks_is_open_in_its_own_column_and_told_in_the_run() {
    let stock = Subject::Variant("stock".parse().unwrap());
    let report = report(vec![
        row("workload/web", &l1(), Disposition::Failed),
        row("workload/web", &stock, Disposition::Blocked { check: "workload/web".parse().unwrap(), subject: l1() }),
    ]);
    assert_eq!(code(&report), 1);
    assert_eq!(Summary::of(&report, Scope::Of(&stock), 0).conclusion, Conclusion::Inconclusive);
    assert_eq!(Summary::of(&report, Scope::Of(&l1()), 0).conclusion, Conclusion::Failed);
}

#[test]
fn what_a_benchmark_finds_on_a_stock_image_is_a_note() {
    let stock = Subject::Variant("stock".parse().unwrap());
    let report = report(vec![
        row("os-cis/cis-al2023-1.0.0/1.1", &stock, Disposition::Informational),
        row("os-cis/cis-al2023-1.0.0/1.2", &stock, Disposition::Passed),
        row("os-cis/cis-al2023-1.0.0/1.3", &stock, Disposition::Manual),
        row("node/ready", &stock, Disposition::Passed),
    ]);
    let text = "1 of 2 controls not met, as expected of a stock image";
    assert_eq!(Summary::of(&report, Scope::Of(&stock), 0).notes, [text]);
    assert_eq!(Summary::of(&report, Scope::Run, 0).notes, [format!("stock: {text}")]);
    assert_eq!(code(&report), 0);
}

#[test]
fn every_conclusion_has_a_word_and_only_passed_ones_are_green() {
    let words: std::collections::BTreeSet<&str> = Conclusion::ALL.iter().map(|one| one.as_str()).collect();
    assert_eq!(words.len(), Conclusion::ALL.len());
    assert!(Conclusion::ALL.is_sorted());
    for &one in Conclusion::ALL {
        assert_eq!(one.is_green(), one <= Conclusion::Incomplete, "{one:?}");
    }
}

fn any_disposition() -> impl Strategy<Value = Disposition> {
    use Disposition as D;
    prop_oneof![
        4 => Just(D::Passed),
        1 => Just(D::Flaky),
        1 => Just(waived()),
        1 => Just(D::Tolerated),
        1 => Just(D::Informational),
        1 => Just(D::NotApplicable),
        1 => Just(D::Manual),
        1 => Just(D::Allowed),
        1 => Just(D::Failed),
        1 => Just(blocked()),
        1 => Just(D::NotEvaluated),
        1 => Just(D::Error),
    ]
}

proptest! {
    #[test]
    fn a_passed_row_that_becomes_not_evaluated_never_leaves_exit_0(
        dispositions in proptest::collection::vec(any_disposition(), 1..12),
        at in any::<prop::sample::Index>(),
    ) {
        let mut report = with(&dispositions);
        let at = at.index(dispositions.len());
        report.results[at] = row("node/c", &l1(), Disposition::NotEvaluated);
        prop_assert_ne!(code(&report), 0);
        prop_assert_eq!(code(&report), 3);
    }

    #[test]
    fn raising_a_disposition_never_makes_the_conclusion_better(
        dispositions in proptest::collection::vec(any_disposition(), 1..12),
        at in any::<prop::sample::Index>(),
        other in any_disposition(),
    ) {
        let before = Summary::of(&with(&dispositions), Scope::Run, 0).conclusion;
        let at = at.index(dispositions.len());
        prop_assume!(other > dispositions[at]);
        let mut raised = dispositions.clone();
        raised[at] = other;
        let after = Summary::of(&with(&raised), Scope::Run, 0).conclusion;
        prop_assert!(after >= before, "{:?} gives {:?}, {:?} gives {:?}", dispositions, before, raised, after);
    }

    #[test]
    fn a_run_is_never_better_than_any_of_its_columns_but_for_what_a_column_alone_cannot_know(
        dispositions in proptest::collection::vec(any_disposition(), 1..12),
    ) {
        let mut report = with(&dispositions);
        let stock = Subject::Variant("stock".parse().unwrap());
        report.results.push(row("node/other", &stock, Disposition::Passed));
        let whole = Summary::of(&report, Scope::Run, 0).conclusion;
        let own = Summary::of(&report, Scope::Of(&l1()), 0).conclusion;
        // A column in which nothing applies, or nothing was evaluated, is one thing; a run with another column is not empty.
        let is_empty = matches!(own, Conclusion::NothingSelected | Conclusion::NothingEvaluated);
        prop_assert!(whole >= own || is_empty);
    }
}

#[test]
fn a_reason_counts_cells_and_names_what_users_notice_first() {
    let control = |check: &str, subject: &Subject| {
        let mut row = row(check, subject, Disposition::Failed);
        row.control = "cis-eks-1.8.0/4.1.9".parse().ok();
        row
    };
    let failed = |check: &str| row(check, &l1(), Disposition::Failed);
    let rows = vec![
        control("kube-bench/cis-eks-1.8.0/4.1.9", &Subject::Cluster),
        control("eks-cis/cis-eks-1.8.0/4.1.9", &Subject::Cluster),
        control("kube-bench/cis-eks-1.8.0/4.1.9", &l1()),
        failed("os-cis/a"),
        failed("os-cis/a"),
        failed("os-cis/b"),
        failed("os-cis/c"),
        failed("gate/os-cis-threshold"),
        failed("node/age"),
        failed("addon/coredns"),
        failed("workload/dns"),
    ];
    let summary = Summary::of(&report(rows), Scope::Run, 0);
    assert_eq!(summary.reason, "9 failed (workload 1, addon 1, node 1, os-cis 3, kube-bench 2, gate 1)");
}

#[test]
fn what_passed_is_counted_by_cells_as_what_failed() {
    let control = |check: &str, disposition: Disposition| {
        let mut row = row(check, &l1(), disposition);
        row.control = "cis-al2023-1.0.0/1.1".parse().ok();
        row
    };
    let twice = |disposition: &Disposition| ["os-cis/a", "os-cis/a"].map(|check| control(check, disposition.clone()));
    for (disposition, reason) in [
        (Disposition::Passed, "2 passed"),
        (Disposition::Tolerated, "1 passed, 1 tolerated"),
        (blocked(), "1 blocked by a failure of node/joined"),
        (Disposition::Allowed, "1 not evaluated, as a threshold allows"),
    ] {
        let mut rows = twice(&disposition).to_vec();
        rows.push(row("node/age", &l1(), Disposition::Passed));
        let text = Summary::of(&report(rows), Scope::Of(&l1()), 0).reason;
        assert!(text.ends_with(reason), "{disposition:?}: {text}");
    }
}

/// A hardened image on a newer base than its reference differs from it by more than hardening.
#[test]
fn a_reference_that_is_not_the_base_and_a_deprecated_image_are_noted() {
    let image = |digit: char, ancestors: &[char], deprecated: Option<&str>| -> crate::report::AmiRecord {
        let id = |digit: &char| format!("ami-{}", digit.to_string().repeat(17));
        serde_json::from_value(serde_json::json!({
            "id": id(&digit),
            "source": "id",
            "ancestors": ancestors.iter().map(id).collect::<Vec<_>>(),
            "deprecated": deprecated,
        }))
        .unwrap()
    };
    let notes = |own: crate::report::AmiRecord, scope: Scope<'_>| {
        let mut report = with(&[Disposition::Passed]);
        report.variants[0].ami = Some(image('a', &[], None));
        report.variants[1].ami = Some(own);
        report.variants[1].reference = Some("stock".parse().unwrap());
        Summary::of(&report, scope, 0).notes
    };
    assert_eq!(notes(image('b', &['c', 'a'], None), Scope::Run), [""; 0], "the reference is an ancestor");
    assert_eq!(notes(image('b', &[], None), Scope::Run), [""; 0], "nothing is known");
    let other = "the image was built on ami-ccccccccccccccccc, and its reference stock is ami-aaaaaaaaaaaaaaaaa, so differences may \
                 come from the base image";
    assert_eq!(notes(image('b', &['c'], None), Scope::Run), [format!("l1: {other}")]);
    assert_eq!(notes(image('b', &['c'], None), Scope::Of(&l1())), [other]);
    assert_eq!(
        notes(image('b', &['a'], Some("1969-12-31T00:00:00Z")), Scope::Of(&l1())),
        ["the image has been deprecated since 1969-12-31"]
    );
    assert_eq!(notes(image('b', &['a'], Some("2030-01-01T00:00:00Z")), Scope::Of(&l1())), [""; 0]);
}
