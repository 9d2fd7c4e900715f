mod controls;
mod limits;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::conclusion::{Conclusion, Scope, Summary};
use crate::name::{ControlId, Level, RunId};
use crate::report::{ClusterRecord, RunRecord, ScanRecord, Severity, VariantRecord};
use crate::verdict::Finding;

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
    CheckResult {
        control: Some(control),
        severity,
        scanner: Some(scanner.to_owned()),
        disposition: Disposition::of(&outcome),
        outcome,
        ..row(format!("os-cis/{BENCHMARK}/{number}"), "t", &subject(), Outcome::Pass, Timestamp::UNIX_EPOCH).unwrap()
    }
}

fn report(results: Vec<CheckResult>) -> Report {
    Report {
        results,
        scans: vec![ScanRecord {
            benchmark: Some(BENCHMARK.parse().unwrap()),
            ..ScanRecord::new(subject(), "os-cis", "inspector")
        }],
        ..Report::new(
            "0",
            RunRecord::new("r-1".parse::<RunId>().unwrap(), "m", Timestamp::UNIX_EPOCH),
            ClusterRecord { kubernetes_version: "1.36".parse().ok(), lab: true, ..ClusterRecord::new("c") },
        )
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
    row.map_or_else(|| "no row".to_owned(), |row| format!("{}: {}", row.disposition.as_str(), row.outcome.reason()))
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

/// A list of the first few controls `1.1`, `1.2` … of the benchmark; without a number the benchmark is unknown.
fn listing(controls: Option<usize>) -> impl Fn(&str, &Subject, Option<Level>) -> Option<BTreeSet<&'static str>> {
    const NUMBERS: [&str; 5] = ["1.1", "1.2", "1.3", "1.4", "1.5"];
    move |benchmark, _, _| (benchmark == BENCHMARK).then_some(NUMBERS.into_iter().take(controls?).collect())
}

fn apply_listing(report: &mut Report, thresholds: &[Threshold], controls: Option<usize>) {
    report.thresholds = thresholds.to_vec();
    apply_by(report, thresholds, Timestamp::UNIX_EPOCH, &listing(controls));
}

/// The words of the disposition of every row that is not a gate.
fn words(report: &Report) -> Vec<&'static str> {
    report.results.iter().filter(|row| !row.is_gate()).map(|row| row.disposition.as_str()).collect()
}

fn code(report: &Report) -> u8 {
    Summary::of(report, Scope::Run, 0).conclusion.exit_code().code()
}

#[test]
fn a_gap_in_coverage_is_never_green_and_fails_only_where_the_matrix_says_so() {
    let all = vec![answer("1.1", "inspector", None, Outcome::Pass), answer("1.3", "inspector", None, fail())];
    let manual = vec![answer("1.1", "inspector", None, Outcome::Manual { look_at: "banner".into() })];
    let one = vec![answer("1.1", "inspector", None, Outcome::Pass)];
    for (listed, results, coverage, sentence) in [
        (Some(1), one.clone(), None, "passed: "),
        (Some(2), all.clone(), None, "not evaluated: 2 of 3 controls have an answer: no scanner says why"),
        (Some(4), mixed(), None, "not evaluated: 3 of 4 controls have an answer: the agent went away"),
        (Some(3), mixed(), None, "not evaluated: 3 of 4 controls have an answer: the agent went away"),
        (Some(4), mixed(), Some("75%"), "passed: "),
        (
            Some(4),
            mixed(),
            Some("75.1%"),
            "failed: 3 of 4 controls have an answer; the threshold requires at least 75.1%: the agent went away",
        ),
        (Some(1), manual, None, "passed: "),
        (Some(5), Vec::new(), None, "not evaluated: 0 of 5 controls have an answer: no scanner says why"),
        (
            Some(5),
            Vec::new(),
            Some("0.1%"),
            "failed: 0 of 5 controls have an answer; the threshold requires at least 0.1%: no scanner says why",
        ),
        (Some(5), Vec::new(), Some("0%"), "not evaluated: 0 of 5 controls have an answer: no scanner says why"),
        (
            None,
            one.clone(),
            None,
            "not evaluated: amiproof has no list of the controls of cis-al2023-1.0.0, so completeness cannot be \
             checked",
        ),
        (
            None,
            one.clone(),
            Some("90%"),
            "not evaluated: amiproof has no list of the controls of cis-al2023-1.0.0, so completeness cannot be \
             checked",
        ),
        (None, one, Some("0%"), "passed: "),
    ] {
        let mut report = report(results);
        let thresholds = [Threshold { coverage: coverage.map(|text: &str| text.parse().unwrap()), ..threshold() }];
        apply_listing(&mut report, &thresholds, listed);
        assert_eq!(gate(&report, "gate/os-cis-coverage"), sentence);
    }
}

#[test]
fn what_the_scanner_itself_counted_can_only_make_a_gap_larger() {
    let mut report = report(vec![answer("1.1", "inspector", None, Outcome::Pass)]);
    report.scans[0].expected = Some(230);
    apply_listing(&mut report, &[], Some(1));
    assert!(gate(&report, "gate/os-cis-coverage").starts_with("not evaluated: 1 of 230 controls"));
    report.scans[0].expected = Some(1);
    apply_listing(&mut report, &[], Some(3));
    assert!(gate(&report, "gate/os-cis-coverage").starts_with("not evaluated: 1 of 3 controls"));
}

#[test]
fn a_gap_counts_until_a_threshold_says_how_much_may_be_missing() {
    let with = |coverage: &str| Threshold { coverage: Some(coverage.parse().unwrap()), ..threshold() };
    let all = || vec![answer("1.1", "openscap", None, Outcome::Pass)];
    let code_of = |results: Vec<CheckResult>, listed, thresholds: &[Threshold]| {
        let mut report = report(results);
        apply_listing(&mut report, thresholds, Some(listed));
        code(&report)
    };
    assert_eq!(code_of(all(), 1, &[]), 0);
    assert_eq!(code_of(all(), 2, &[]), 3);
    assert_eq!(code_of(Vec::new(), 2, &[]), 3, "a scan that completed with zero checks");
    assert_eq!(code_of(all(), 2, &[with("50%")]), 0);
    assert_eq!(code_of(Vec::new(), 2, &[with("0%")]), 3, "nothing of nothing is met by nothing");
    let other = Threshold { suite: "kube-bench".into(), ..with("50%") };
    assert_eq!(code_of(all(), 2, &[other]), 3);
    let elsewhere = Threshold { variants: vec!["other".parse().unwrap()], ..with("50%") };
    assert_eq!(code_of(all(), 2, &[elsewhere]), 3);
}

#[test]
fn what_is_not_evaluated_is_allowed_by_a_coverage_that_holds_and_by_nothing_else() {
    let quiet = || vec![answer("1.1", "openscap", None, Outcome::Pass), answer("1.2", "openscap", None, silent())];
    for (coverage, word, expected) in
        [(None, "not evaluated", 3), (Some("50%"), "allowed", 0), (Some("51%"), "blocked", 1)]
    {
        let mut report = report(quiet());
        let coverage: Option<&str> = coverage;
        let declared = Threshold { coverage: coverage.map(|text| text.parse().unwrap()), ..threshold() };
        apply_listing(&mut report, &[declared], Some(2));
        assert_eq!((words(&report), code(&report)), (vec!["passed", word], expected), "{coverage:?}");
    }
    let mut broken = report(vec![answer("1.1", "openscap", None, Outcome::Pass)]);
    broken.results.push(answer("1.2", "openscap", None, Outcome::Error { message: "throttled".into() }));
    let declared = Threshold { coverage: Some("50%".parse().unwrap()), ..threshold() };
    apply_listing(&mut broken, &[declared], Some(2));
    assert_eq!(code(&broken), 3, "an error is not a gap in a scan");
}

#[test]
fn a_suite_that_is_no_scan_has_a_gate_where_its_coverage_is_declared() {
    let check = |id: &str, outcome: Outcome| CheckResult::new(id.parse().unwrap(), subject(), outcome);
    let rows = || vec![check("workload/web", Outcome::Pass), check("workload/gpu", silent())];
    let mut report = report(rows());
    report.scans.clear();
    apply_listing(&mut report, &[], None);
    assert_eq!((gate(&report, "gate/workload-coverage").as_str(), code(&report)), ("no row", 3));
    let declared = Threshold { suite: "workload".into(), coverage: Some("50%".parse().unwrap()), ..threshold() };
    apply_listing(&mut report, &[declared], None);
    assert_eq!((gate(&report, "gate/workload-coverage").as_str(), code(&report)), ("passed: ", 0));
}

#[test]
fn results_that_belong_to_no_benchmark_claim_no_coverage() {
    let of = |outcome: Outcome| CheckResult {
        scanner: Some("e2e".to_owned()),
        ..CheckResult::new("junit/e2e/a".parse().unwrap(), subject(), outcome)
    };
    let gated = |results: Vec<CheckResult>| {
        let mut report = report(results);
        report.scans[0] =
            ScanRecord { suite: "junit".into(), scanner: "e2e".into(), benchmark: None, ..report.scans[0].clone() };
        apply_listing(&mut report, &[], None);
        (gate(&report, "gate/junit-coverage"), code(&report))
    };
    let (sentence, passed) = gated(vec![of(Outcome::Pass)]);
    assert!(sentence.starts_with("not applicable: its results belong to no benchmark"), "{sentence}");
    assert_eq!(passed, 0);
    let other = CheckResult { check: "junit/e2e/b".parse().unwrap(), ..of(silent()) };
    let sentence = "not evaluated: 1 of 2 controls have an answer: the agent went away";
    assert_eq!(gated(vec![of(Outcome::Pass), other]), (sentence.to_owned(), 3));
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
    let mut report = report(results);
    report.scans[0].benchmark = None;
    report.variants.push(VariantRecord {
        benchmark: benchmark.map(|text| text.parse().unwrap()),
        level: benchmark.map(|_| Level::One),
        ..VariantRecord::new("l1".parse().unwrap(), crate::matrix::Family::Al2)
    });
    report
}

#[test]
fn an_image_that_is_hardened_must_be_judged_by_its_benchmark() {
    for (benchmark, sentence) in [
        (None, "not evaluated: oscap is not there"),
        (
            Some("cis-al2-3.0.0"),
            "not evaluated: no scanner evaluated the variant against cis-al2-3.0.0: oscap is not there",
        ),
    ] {
        let mut report = unjudged(benchmark);
        apply(&mut report, &[], Timestamp::UNIX_EPOCH);
        assert_eq!(gate(&report, "gate/os-cis-coverage"), sentence);
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
    let sentence = "not evaluated: no scanner evaluated the variant against cis-al2-3.0.0: this run has no AWS account";
    assert_eq!(gate(&nobody, "gate/os-cis-coverage"), sentence);
    let mut imported = unjudged(Some(BENCHMARK));
    imported.results.push(answer("1.1", "inspec", None, Outcome::Pass));
    apply_listing(&mut imported, &[], Some(1));
    assert_eq!(gate(&imported, "gate/os-cis-coverage"), "passed: ", "another tool judged it");
    let mut foreign = unjudged(Some("cis-al2-3.0.0"));
    foreign.results.push(answer("1.1", "inspec", None, Outcome::Pass));
    apply_listing(&mut foreign, &[], Some(1));
    let sentence =
        "not evaluated: no scanner evaluated the variant against cis-al2-3.0.0: the answers are about cis-al2023-1.0.0";
    assert_eq!(gate(&foreign, "gate/os-cis-coverage"), sentence, "controls of another benchmark fill nothing");
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
    let mut report = report(results);
    let second = ScanRecord {
        scanner: "bottlerocket-k8s".into(),
        benchmark: Some("cis-kubernetes-1.8.0".parse().unwrap()),
        ..report.scans[0].clone()
    };
    report.scans.push(second);
    let lists = |benchmark: &str, _: &Subject, _: Option<Level>| match benchmark {
        BENCHMARK => Some(BTreeSet::from(["1.1", "1.2"])),
        _ => Some(BTreeSet::from(["4.1.1", "4.1.2", "4.1.3"])),
    };
    apply_by(&mut report, &[], Timestamp::UNIX_EPOCH, &lists);
    let sentence = "not evaluated: 4 of 5 controls have an answer: no scanner says why";
    assert_eq!(gate(&report, "gate/os-cis-coverage"), sentence);
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
        let mut report = report(results);
        report.scans[0].benchmark = None;
        report.scans.push(ScanRecord { scanner: "openscap".into(), benchmark: None, ..report.scans[0].clone() });
        apply_listing(&mut report, &[], Some(1));
        gate(&report, "gate/os-cis-coverage")
    };
    assert_eq!(gate_of(vec![scanner()]), "not applicable: this run has no AWS account");
    let one = || answer("1.1", "openscap", None, Outcome::Pass);
    assert_eq!(gate_of(vec![scanner(), one()]), "passed: ");
    let rule = || CheckResult { check: "os-cis/openscap/a".parse().unwrap(), control: None, ..scanner() };
    let sentence = gate_of(vec![scanner(), rule()]);
    assert!(
        sentence.starts_with("not applicable: its results belong to no benchmark"),
        "a rule is an answer: {sentence}"
    );
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
fn gates_are_made_anew_and_not_added_up() {
    let mut report = report(mixed());
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
    let answers: Vec<Option<&str>> = results.iter().map(|result| result.disagreement.as_deref()).collect();
    assert_eq!(answers, [Some("openscap says fail"), Some("inspector says pass"), None, None, None, None]);
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
    let mut base = report(vec![pass("1.1"), pass("1.2")]);
    base.run.id = "r-0".parse().unwrap();
    let against = |results: Vec<CheckResult>, thresholds: &[Threshold]| {
        let mut report = report(results);
        let listed = report.results.len();
        let benchmark = report.results[0].control.as_ref().unwrap().benchmark();
        report.scans[0].benchmark = Some(benchmark.parse().unwrap());
        report.thresholds = thresholds.to_vec();
        const NUMBERS: [&str; 2] = ["1.1", "1.2"];
        let lists =
            |_: &str, _: &Subject, _: Option<Level>| Some(NUMBERS.into_iter().take(listed).collect::<BTreeSet<_>>());
        apply_by(&mut report, thresholds, Timestamp::UNIX_EPOCH, &lists);
        require_coverage_of(&mut report, &base);
        gate(&report, "gate/os-cis-coverage")
    };
    let fewer = "not evaluated: 1 control of cis-al2023-1.0.0 was evaluated; run r-0 evaluated 2";
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
    let sentence: Vec<_> = results.iter().map(|result| result.disagreement.as_deref()).collect();
    assert_eq!(sentence, [Some("amiproof says pass"), Some("kube-bench says fail")]);
}
