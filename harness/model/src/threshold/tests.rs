use super::*;
use crate::name::{ControlId, RunId};
use crate::report::{Cleanup, ClusterRecord, RunRecord, SCHEMA_VERSION, Tool};

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
        (None, Vec::new(), Some("0%"), "failed: 0 of 0 controls have an answer, at least 0% must: no scanner says why"),
    ] {
        let mut report = report(expected, results);
        let thresholds = [Threshold { coverage: coverage.map(|text: &str| text.parse().unwrap()), ..threshold() }];
        apply(&mut report, &thresholds, Timestamp::UNIX_EPOCH);
        assert_eq!(gate(&report, "gate/os-cis-coverage"), told);
    }
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
