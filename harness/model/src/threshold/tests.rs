use super::*;
use crate::name::{ControlId, RunId};
use crate::report::{Cleanup, ClusterRecord, RunRecord, SCHEMA_VERSION, ScanRecord, Tool, VariantRecord};

const BENCHMARK: &str = "cis-al2023-1.0.0";

fn subject() -> Subject {
    Subject::Variant("l1".parse().unwrap())
}

fn fail() -> Outcome {
    Outcome::Fail { findings: vec![Finding::new("node 1", "the control is not met")] }
}

fn silent() -> Outcome {
    Outcome::NotEvaluated { reason: "the agent went away".into() }
}

fn answer(number: &str, scanner: &str, severity: Option<Severity>, outcome: Outcome) -> CheckResult {
    let control = ControlId::new(&BENCHMARK.parse().unwrap(), number).unwrap();
    let disposition = match &outcome {
        Outcome::Pass => Disposition::Passed,
        Outcome::Fail { .. } => Disposition::Failed,
        Outcome::Manual { .. } => Disposition::Manual,
        _ => Disposition::NotEvaluated,
    };
    CheckResult {
        control: Some(control),
        severity,
        scanner: Some(scanner.to_owned()),
        outcome,
        disposition,
        ..row(format!("os-cis/{BENCHMARK}/{number}"), "t", &subject(), Outcome::Pass, Timestamp::UNIX_EPOCH).unwrap()
    }
}

fn report(expected: Option<usize>, results: Vec<CheckResult>) -> Report {
    Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool { name: "amiproof".into(), version: "0".into() },
        run: RunRecord {
            id: "r-1".parse::<RunId>().unwrap(),
            matrix: "m".into(),
            started: Timestamp::UNIX_EPOCH,
            seconds: 0.0,
            critical_path_seconds: 0.0,
            interrupted: false,
            phases: Vec::new(),
        },
        cluster: ClusterRecord {
            name: "c".into(),
            region: String::new(),
            account: String::new(),
            kubernetes_version: "1.36".parse().ok(),
            lab: true,
            made: false,
        },
        variants: Vec::new(),
        results,
        scans: vec![ScanRecord {
            subject: subject(),
            suite: "os-cis".into(),
            scanner: "inspector".into(),
            scanner_version: None,
            benchmark: Some(BENCHMARK.parse().unwrap()),
            level: None,
            expected,
            source: None,
            note: String::new(),
        }],
        thresholds: Vec::new(),
        waivers: Vec::new(),
        cleanup: Cleanup::default(),
    }
}

fn threshold() -> Threshold {
    Threshold {
        suite: "os-cis".into(),
        variants: Vec::new(),
        level: None,
        pass: None,
        failures: None,
        severities: BTreeMap::new(),
        coverage: None,
    }
}

fn gate(report: &Report, check: &str) -> String {
    let row = report.results.iter().find(|result| result.check.as_str() == check);
    row.map_or_else(|| "no row".to_owned(), |row| format!("{}: {}", row.disposition.word(), row.outcome.reason()))
}

/// Four controls: two pass, one fails (high), one is silent.
fn mixed() -> Vec<CheckResult> {
    vec![
        answer("1.1", "inspector", None, Outcome::Pass),
        answer("1.2", "inspector", None, Outcome::Pass),
        answer("1.3", "inspector", Some(Severity::High), fail()),
        answer("1.4", "inspector", None, silent()),
    ]
}

#[test]
fn a_gap_in_coverage_is_never_green_and_fails_only_where_the_matrix_says_so() {
    let all = vec![answer("1.1", "inspector", None, Outcome::Pass), answer("1.3", "inspector", None, fail())];
    let manual = vec![answer("1.1", "inspector", None, Outcome::Manual { look_at: "banner".into() })];
    for (expected, results, coverage, told) in [
        (Some(2), all.clone(), None, "passed: "),
        (Some(3), all.clone(), None, "not evaluated: 2 of 3 controls have an answer: no scanner says why"),
        (Some(4), mixed(), None, "not evaluated: 3 of 4 controls have an answer: the agent went away"),
        (None, mixed(), None, "not evaluated: 3 of 4 controls have an answer: the agent went away"),
        (Some(4), mixed(), Some("75%"), "passed: "),
        (
            Some(4),
            mixed(),
            Some("75.1%"),
            "failed: 3 of 4 controls have an answer, at least 75.1% must: the agent went away",
        ),
        (Some(1), manual, None, "passed: "),
        (Some(0), Vec::new(), None, "not evaluated: 0 of 0 controls have an answer: no scanner says why"),
        (
            None,
            Vec::new(),
            Some("0.1%"),
            "failed: 0 of 0 controls have an answer, at least 0.1% must: no scanner says why",
        ),
        (None, Vec::new(), Some("0%"), "not evaluated: 0 of 0 controls have an answer: no scanner says why"),
    ] {
        let mut report = report(expected, results);
        let thresholds = [Threshold { coverage: coverage.map(|text: &str| text.parse().unwrap()), ..threshold() }];
        apply(&mut report, &thresholds, Timestamp::UNIX_EPOCH);
        assert_eq!(gate(&report, "gate/os-cis-coverage"), told);
    }
}

/// How many gaps decide the exit code after the gates have been made.
fn gaps_with(mut report: Report, thresholds: &[Threshold]) -> usize {
    report.thresholds = thresholds.to_vec();
    apply(&mut report, thresholds, Timestamp::UNIX_EPOCH);
    gaps(&report).count()
}

#[test]
fn a_gap_counts_until_a_threshold_says_how_much_may_be_missing() {
    let with = |coverage: &str| Threshold { coverage: Some(coverage.parse().unwrap()), ..threshold() };
    let all = || vec![answer("1.1", "inspector", None, Outcome::Pass)];
    assert_eq!(gaps_with(report(Some(1), all()), &[]), 0);
    assert_eq!(gaps_with(report(Some(2), all()), &[]), 1);
    assert_eq!(gaps_with(report(Some(2), Vec::new()), &[]), 1, "a scan that completed with zero checks");
    assert_eq!(gaps_with(report(Some(2), all()), &[with("50%")]), 0);
    assert_eq!(gaps_with(report(Some(2), Vec::new()), &[with("0%")]), 0, "it is still no green row");
    let other = Threshold { suite: "kube-bench".into(), ..with("50%") };
    assert_eq!(gaps_with(report(Some(2), all()), &[other]), 1);
    let elsewhere = Threshold { variants: vec!["other".parse().unwrap()], ..with("50%") };
    assert_eq!(gaps_with(report(Some(2), all()), &[elsewhere]), 1);
}

/// A variant on which Inspector has no benchmark and OpenSCAP is not installed; hardened to a benchmark, or to none.
fn unjudged(benchmark: Option<&str>) -> Report {
    let scanner = |id: &str, outcome: Outcome| CheckResult {
        check: format!("os-cis/{id}").parse().unwrap(),
        control: None,
        ..answer("1.1", id, None, outcome)
    };
    let results = vec![
        scanner("inspector", Outcome::NotApplicable { reason: "it has no benchmark for it".into() }),
        scanner("openscap", Outcome::NotEvaluated { reason: "oscap is not there".into() }),
    ];
    let mut report = report(None, results);
    report.scans[0].benchmark = None;
    report.variants.push(VariantRecord {
        name: "l1".parse().unwrap(),
        family: crate::matrix::Family::Al2,
        reference: None,
        benchmark: benchmark.map(|text| text.parse().unwrap()),
        level: benchmark.map(|_| Level::One),
        ami: None,
        node_group: None,
        nodes: Vec::new(),
        never_joined: Vec::new(),
        phases: Vec::new(),
    });
    report
}

#[test]
fn an_image_that_is_hardened_must_be_judged_and_one_that_is_not_is_no_gap() {
    for (benchmark, told, count) in [
        (None, "not evaluated: oscap is not there", 0),
        (Some("cis-al2-3.0.0"), "not evaluated: no scanner judged the variant by cis-al2-3.0.0: oscap is not there", 1),
    ] {
        let mut report = unjudged(benchmark);
        apply(&mut report, &[], Timestamp::UNIX_EPOCH);
        assert_eq!(gate(&report, "gate/os-cis-coverage"), told);
        assert_eq!(gaps_with(report.clone(), &[]), count);
        let demanding = Threshold { coverage: Some("1%".parse().unwrap()), ..threshold() };
        apply(&mut report, &[demanding], Timestamp::UNIX_EPOCH);
        assert!(gate(&report, "gate/os-cis-coverage").starts_with("failed: "), "{benchmark:?}");
    }
    let mut nobody = unjudged(Some("cis-al2-3.0.0"));
    nobody.scans.clear();
    for result in &mut nobody.results {
        result.outcome = Outcome::NotApplicable { reason: "this run has no AWS account".into() };
    }
    apply(&mut nobody, &[], Timestamp::UNIX_EPOCH);
    let told = "not evaluated: no scanner judged the variant by cis-al2-3.0.0: this run has no AWS account";
    assert_eq!(gate(&nobody, "gate/os-cis-coverage"), told);
    let mut imported = unjudged(Some("cis-al2-3.0.0"));
    imported.results.push(answer("1.1", "inspec", None, Outcome::Pass));
    apply(&mut imported, &[], Timestamp::UNIX_EPOCH);
    assert_eq!(gate(&imported, "gate/os-cis-coverage"), "passed: ", "another tool judged it");
}

#[test]
fn a_gap_in_one_benchmark_is_not_hidden_by_the_answers_of_another() {
    let other = |number: &str| {
        let control = ControlId::new(&"cis-kubernetes-1.8.0".parse().unwrap(), number).unwrap();
        CheckResult {
            check: format!("os-cis/{control}").parse().unwrap(),
            control: Some(control),
            ..answer(number, "bottlerocket-k8s", None, Outcome::Pass)
        }
    };
    let mut results = vec![answer("1.1", "inspector", None, Outcome::Pass)];
    results.extend(["4.1.1", "4.1.2", "4.1.3"].map(other));
    let mut report = report(Some(2), results);
    let second = ScanRecord {
        scanner: "bottlerocket-k8s".into(),
        benchmark: Some("cis-kubernetes-1.8.0".parse().unwrap()),
        expected: Some(3),
        source: None,
        ..report.scans[0].clone()
    };
    report.scans.push(second);
    apply(&mut report, &[], Timestamp::UNIX_EPOCH);
    let told = "not evaluated: 4 of 5 controls have an answer: no scanner says why";
    assert_eq!(gate(&report, "gate/os-cis-coverage"), told);
}

#[test]
fn a_suite_whose_scanners_do_not_apply_is_not_green_either() {
    let inapplicable = Outcome::NotApplicable { reason: "this run has no AWS account".into() };
    let scanner = || CheckResult {
        check: "os-cis/inspector".parse().unwrap(),
        control: None,
        ..answer("1.1", "inspector", None, inapplicable.clone())
    };
    let gate_of = |results| {
        let mut report = report(None, results);
        report.scans.push(ScanRecord { scanner: "openscap".into(), benchmark: None, ..report.scans[0].clone() });
        apply(&mut report, &[], Timestamp::UNIX_EPOCH);
        gate(&report, "gate/os-cis-coverage")
    };
    assert_eq!(gate_of(vec![scanner()]), "not applicable: this run has no AWS account");
    let one = || answer("1.1", "openscap", None, Outcome::Pass);
    assert_eq!(gate_of(vec![scanner(), one()]), "passed: ");
    let rule = || CheckResult { check: "os-cis/openscap/a".parse().unwrap(), control: None, ..scanner() };
    assert_eq!(gate_of(vec![scanner(), rule()]), "passed: ", "a rule that does not apply is an answer");
    let broken = || CheckResult {
        check: "os-cis/openscap".parse().unwrap(),
        control: None,
        ..answer("1.2", "openscap", None, silent())
    };
    assert_eq!(
        gate_of(vec![scanner(), broken()]),
        "not evaluated: 0 of 1 controls have an answer: the agent went away"
    );
    assert_eq!(gate_of(vec![one(), broken()]), "not evaluated: 1 of 2 controls have an answer: the agent went away");
}

#[test]
fn failures_within_a_threshold_are_tolerated_and_beyond_it_the_row_fails() {
    let pass = |text: &str| Threshold { pass: Some(text.parse().unwrap()), ..threshold() };
    let severity = |most| Threshold { severities: [(Severity::High, most)].into(), ..threshold() };
    for (threshold, told, control) in [
        (pass("66%"), "passed: ", "tolerated"),
        (pass("67%"), "failed: 2 of 3 decided controls passed, at least 67% must", "failed"),
        (Threshold { failures: Some(1), ..threshold() }, "passed: ", "tolerated"),
        (Threshold { failures: Some(0), ..threshold() }, "failed: 1 controls failed, at most 0 may", "failed"),
        (severity(0), "failed: 1 controls of severity high failed, at most 0 may", "failed"),
        (severity(1), "passed: ", "tolerated"),
        (Threshold { variants: vec!["other".parse().unwrap()], ..pass("66%") }, "no row", "failed"),
        (Threshold { level: Some(Level::Two), ..pass("66%") }, "no row", "failed"),
        (Threshold { suite: "kube-bench".into(), ..pass("66%") }, "no row", "failed"),
        (Threshold { coverage: Some("10%".parse().unwrap()), ..threshold() }, "no row", "failed"),
    ] {
        let mut report = report(Some(4), mixed());
        apply(&mut report, &[threshold], Timestamp::UNIX_EPOCH);
        assert_eq!(gate(&report, "gate/os-cis-threshold"), told);
        assert_eq!(report.results[2].disposition.word(), control, "{told}");
    }
}

#[test]
fn gates_are_made_anew_and_not_added_up() {
    let mut report = report(Some(4), mixed());
    for _ in 0..3 {
        apply(&mut report, &[Threshold { failures: Some(0), ..threshold() }], Timestamp::UNIX_EPOCH);
    }
    assert_eq!(report.results.iter().filter(|result| result.check.suite() == SUITE).count(), 2);
}

#[test]
fn two_scanners_that_disagree_are_marked_and_silence_is_no_disagreement() {
    let mut results = vec![
        answer("1.1", "inspector", None, Outcome::Pass),
        answer("1.1", "openscap", None, fail()),
        answer("1.2", "inspector", None, Outcome::Pass),
        answer("1.2", "openscap", None, Outcome::Pass),
        answer("1.3", "inspector", None, fail()),
        answer("1.3", "openscap", None, silent()),
    ];
    mark_disagreements(&mut results);
    let said: Vec<Option<&str>> = results.iter().map(|result| result.disagreement.as_deref()).collect();
    assert_eq!(said, [Some("openscap says fail"), Some("inspector says pass"), None, None, None, None]);
}

#[test]
fn shares_are_read_and_written_as_people_write_them() {
    for text in ["0%", "95%", "99.5%", "100%"] {
        assert_eq!(text.parse::<Share>().unwrap().to_string(), text);
    }
    for text in ["", "%", "95", "101%", "100.1%", "-1%", "9.55%", "1e2%", "95 %", ".5%"] {
        assert!(text.parse::<Share>().is_err(), "{text}");
    }
    assert!("100%".parse::<Share>().unwrap().is_met(usize::MAX, usize::MAX));
}

#[test]
fn fewer_evaluated_controls_than_in_the_baseline_take_the_green_from_the_gate() {
    let pass = |number: &str| answer(number, "inspector", None, Outcome::Pass);
    let manual = |number: &str| answer(number, "inspector", None, Outcome::Manual { look_at: "banner".into() });
    let mut base = report(Some(2), vec![pass("1.1"), pass("1.2")]);
    base.run.id = "r-0".parse().unwrap();
    let against = |results: Vec<CheckResult>, thresholds: &[Threshold]| {
        let mut report = report(Some(results.len()), results);
        let benchmark = report.results[0].control.as_ref().unwrap().benchmark();
        report.scans[0].benchmark = Some(benchmark.parse().unwrap());
        report.thresholds = thresholds.to_vec();
        apply(&mut report, thresholds, Timestamp::UNIX_EPOCH);
        hold_against(&mut report, &base);
        gate(&report, "gate/os-cis-coverage")
    };
    let fewer = "not evaluated: 1 controls of cis-al2023-1.0.0 were evaluated, in run r-0 2";
    assert_eq!(against(vec![pass("1.1"), pass("1.2")], &[]), "passed: ");
    assert_eq!(against(vec![pass("1.1")], &[]), fewer, "a control that is gone");
    assert_eq!(against(vec![pass("1.1"), manual("1.2")], &[]), fewer, "a control that the scanner skips now");
    let allowed = Threshold { coverage: Some("50%".parse().unwrap()), ..threshold() };
    assert_eq!(against(vec![pass("1.1")], &[allowed]), "passed: ", "the matrix file says how much may be missing");
    let mut newer = pass("1.1");
    newer.control = Some(ControlId::new(&"cis-al2023-2.0.0".parse().unwrap(), "1.1").unwrap());
    assert_eq!(against(vec![newer], &[]), "passed: ", "another version is another benchmark");
}

#[test]
fn scanners_of_two_suites_that_answer_one_control_disagree_too() {
    let by = |suite: &str, scanner: &str, outcome: Outcome| CheckResult {
        check: format!("{suite}/{BENCHMARK}/1.1").parse().unwrap(),
        ..answer("1.1", scanner, None, outcome)
    };
    let mut results = vec![by("kube-bench", "kube-bench", fail()), by("eks-cis", "amiproof", Outcome::Pass)];
    mark_disagreements(&mut results);
    let told: Vec<_> = results.iter().map(|result| result.disagreement.as_deref()).collect();
    assert_eq!(told, [Some("amiproof says pass"), Some("kube-bench says fail")]);
}
