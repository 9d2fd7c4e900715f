//! Two runs told apart.

use amiproof_model::judge::Disposition;
use amiproof_model::name::Level;
use amiproof_model::report::{PhaseEnd, Report, Subject};
use amiproof_model::verdict::Outcome;
use amiproof_reports::Style;
use amiproof_reports::compare::{About, Change, Comparison, ComparisonFormat, compare};
use quick_junit::{NonSuccessKind, TestCaseStatus};

use crate::fixture::{self, control, fail, of_variant, result};

fn candidate_of(base: &Report) -> Report {
    let mut candidate = base.clone();
    candidate.run.id = "r-20261122-074220-9b1c".parse().unwrap();
    candidate.run.started = "2026-11-22T07:42:20Z".parse().unwrap();
    candidate
}

/// The base against a candidate in which one result was changed by hand.
fn with(edit: impl FnOnce(&mut Report)) -> Comparison {
    let base = fixture::mixed();
    let mut candidate = candidate_of(&base);
    edit(&mut candidate);
    compare(&base, &candidate)
}

fn set(report: &mut Report, check: &str, outcome: Outcome) {
    let at = report.results.iter().position(|one| one.check.as_str() == check).unwrap();
    let old = report.results[at].clone();
    report.results[at] = result(check, &old.title, old.subject, outcome);
    report.results[at].control = old.control;
}

#[test]
fn a_run_against_itself_has_only_old_failures() {
    for (name, report) in fixture::all() {
        let comparison = compare(&report, &report);
        assert!(!comparison.has_regression(), "{name}: {}", comparison.headline());
        assert!(
            comparison.changes.iter().all(|one| matches!(one.change, Change::StillFailing | Change::Flaky)),
            "{name}: {:?}",
            comparison.counts
        );
        assert_eq!(comparison.unchanged + comparison.changes.len(), report.results.len(), "{name}");
    }
}

#[test]
fn a_new_failure_is_a_regression_and_a_fixed_one_is_not() {
    let worse = with(|candidate| set(candidate, "node/ready", fail("node 1", "not ready")));
    assert_eq!(worse.count(Change::NewFailure), 1);
    assert!(worse.has_regression());
    let better = with(|candidate| set(candidate, "workload/pod-to-pod", Outcome::Pass));
    assert_eq!(better.count(Change::Fixed), 1);
    assert!(!better.has_regression(), "{}", better.headline());
}

#[test]
fn lost_coverage_is_a_regression_but_not_applicable_is_an_answer() {
    let lost = Outcome::NotEvaluated { reason: "the scan has no result".into() };
    let gone = with(|candidate| set(candidate, "node/ready", lost));
    assert_eq!((gone.count(Change::NewlySkipped), gone.coverage_losses().count()), (1, 1));
    assert!(gone.has_regression());
    let answered =
        with(|candidate| set(candidate, "node/ready", Outcome::NotApplicable { reason: "no such node".into() }));
    assert_eq!((answered.count(Change::NewlySkipped), answered.coverage_losses().count()), (1, 0));
    assert!(!answered.has_regression());
    let error = with(|candidate| set(candidate, "node/ready", Outcome::Error { message: "throttled".into() }));
    assert_eq!((error.count(Change::NewError), error.coverage_losses().count()), (1, 1));
    let vanished = with(|candidate| candidate.results.retain(|one| one.check.as_str() != "node/ready"));
    assert_eq!((vanished.count(Change::Disappeared), vanished.coverage_losses().count()), (3, 3));
    assert!(vanished.has_regression());
}

#[test]
fn a_failure_without_an_earlier_verdict_is_revealed_and_no_regression() {
    let comparison =
        with(|candidate| set(candidate, "os-cis/cis-al2023-1.0.0/3.3.1", fail("node 1", "forwarding is on")));
    assert_eq!(comparison.count(Change::Revealed), 1);
    assert!(!comparison.has_regression());
}

#[test]
fn a_check_that_appears_and_fails_is_a_regression_and_one_that_appears_and_passes_is_not() {
    let appearing = |outcome: Outcome| {
        with(|candidate| {
            let subject = of_variant("al2023-eks");
            candidate.results.push(result("node/skew", "kubelet and control plane fit", subject, outcome));
        })
    };
    let failing = appearing(fail("node 1", "two minor versions behind"));
    assert_eq!((failing.count(Change::AppearedFailing), failing.count(Change::Appeared)), (1, 0));
    assert!(failing.has_regression());
    assert_eq!(failing.regressions(|subject| *subject == of_variant("al2023-eks")), 1);
    assert_eq!(failing.regressions(|subject| *subject == Subject::Cluster), 0);
    let passing = appearing(Outcome::Pass);
    assert_eq!((passing.count(Change::AppearedFailing), passing.count(Change::Appeared)), (0, 1));
    assert!(!passing.has_regression());
    let undecided = appearing(Outcome::Error { message: "throttled".into() });
    assert_eq!(undecided.count(Change::NewError), 1);
    assert!(!undecided.has_regression(), "the exit code of the run itself says what is inconclusive");
}

#[test]
fn what_changed_about_a_variant_stands_behind_its_news_and_is_not_told_twice() {
    let mut comparison = rich();
    comparison.variants[0].variant = "al2023-eks".parse().unwrap();
    for format in [ComparisonFormat::Terminal, ComparisonFormat::Markdown] {
        let text = comparison.render(format, &Style::default()).unwrap();
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
        assert!(
            at("node/joined") < at("iptables FORWARD") && at("iptables FORWARD") < at("kubelet-path/logs"),
            "{text}"
        );
        assert_eq!(text.matches("iptables FORWARD").count(), 1, "{text}");
    }
}

#[test]
fn a_waiver_that_ends_is_told_apart_from_a_new_failure() {
    let comparison = with(|candidate| {
        let waived = candidate.results.iter_mut().find(|one| one.check.as_str() == "node/age").unwrap();
        waived.disposition = Disposition::Failed;
    });
    assert_eq!((comparison.count(Change::WaiverEnded), comparison.count(Change::NewFailure)), (1, 0));
}

#[test]
fn a_variant_that_is_gone_or_new_is_said_once_and_its_checks_are_not_compared() {
    let gone = with(|candidate| {
        candidate.variants.retain(|variant| variant.name.as_str() != "bottlerocket-l2");
        candidate.results.retain(|one| one.subject != of_variant("bottlerocket-l2"));
    });
    assert_eq!(gone.count(Change::Disappeared), 0);
    assert_eq!(gone.variants.len(), 1);
    assert!(!gone.has_regression());
    let base = fixture::green();
    let mut candidate = candidate_of(&base);
    candidate.variants.push(fixture::variant("al2", amiproof_model::matrix::Family::Al2, None));
    candidate.results.push(result("node/ready", "every node is Ready", of_variant("al2"), fail("node 1", "not ready")));
    let new = compare(&base, &candidate);
    assert_eq!((new.count(Change::Appeared), new.variants.len()), (0, 1));
    assert!(!new.has_regression());
}

#[test]
fn controls_of_another_benchmark_version_are_not_compared_by_number() {
    let numbers = ["3.2.1", "4.5.2"];
    let mut base = fixture::green();
    base.results.retain(|one| one.check.suite() != "kube-bench");
    let mut candidate = candidate_of(&base);
    for number in numbers {
        let subject = of_variant("al2023-eks");
        base.results.push(control(
            "kube-bench",
            "cis-eks-1.7.0",
            number,
            "old meaning",
            subject.clone(),
            Outcome::Pass,
        ));
        candidate.results.push(control(
            "kube-bench",
            "cis-eks-1.8.0",
            number,
            "new",
            subject,
            fail("node 1", "is not set"),
        ));
    }
    let comparison = compare(&base, &candidate);
    assert!(comparison.changes.is_empty(), "{:?}", comparison.changes);
    let [change] = comparison.replacements.as_slice() else { panic!("{:?}", comparison.replacements) };
    assert_eq!(change.about, About::Benchmark);
    assert_eq!((change.from.as_str(), change.to.as_str()), ("cis-eks-1.7.0", "cis-eks-1.8.0"));
    assert_eq!(
        (change.disappeared, change.disappeared_failing, change.appeared, change.appeared_failing),
        (2, 0, 2, 2)
    );
    assert!(!comparison.has_regression());
}

/// Two runs in which these scanners judged controls of one benchmark.
fn judged(before: &[(&str, &str, Outcome)], after: &[(&str, &str, Outcome)]) -> Comparison {
    let row = |(scanner, number, outcome): &(&str, &str, Outcome)| {
        let subject = of_variant("al2023-eks");
        let mut row = control("os-cis", "cis-al2023-1.0.0", number, "is set", subject, outcome.clone());
        row.scanner = Some((*scanner).to_owned());
        row
    };
    let mut base = fixture::green();
    let mut candidate = candidate_of(&base);
    base.results.extend(before.iter().map(row));
    candidate.results.extend(after.iter().map(row));
    compare(&base, &candidate)
}

#[test]
fn controls_that_another_scanner_judges_are_not_compared_and_lost_ones_are_a_regression() {
    let passed = Outcome::Pass;
    let failed = fail("node 1", "is not set");
    let unknown = Outcome::NotEvaluated { reason: "it did not say".into() };
    let comparison = judged(
        &[("inspector", "1.1.1", passed.clone()), ("inspector", "1.1.2", failed.clone())],
        &[("openscap", "1.1.1", failed.clone()), ("openscap", "1.1.2", passed.clone())],
    );
    let [change] = comparison.replacements.as_slice() else { panic!("{:?}", comparison.replacements) };
    assert_eq!((change.about, change.from.as_str(), change.to.as_str()), (About::Scanner, "inspector", "openscap"));
    assert_eq!(
        (change.disappeared, change.disappeared_failing, change.appeared, change.appeared_failing),
        (2, 1, 2, 1)
    );
    assert!(comparison.changes.is_empty() && !comparison.has_regression(), "{:?}", comparison.changes);
    // What nobody judges any more, or not with a verdict, is lost; what nobody judged before is compared as ever.
    let comparison = judged(
        &[("inspector", "1.1.1", passed.clone()), ("inspector", "1.1.2", passed.clone())],
        &[("openscap", "1.1.2", unknown), ("openscap", "1.1.3", failed)],
    );
    assert_eq!(comparison.coverage_losses().count(), 2);
    assert_eq!(comparison.count(Change::AppearedFailing), 1);
    // One of two scanners is gone: what it judged is lost, although the other still judges it.
    let comparison = judged(
        &[("inspector", "1.1.1", passed.clone()), ("openscap", "1.1.1", passed.clone())],
        &[("openscap", "1.1.1", passed)],
    );
    assert_eq!(comparison.coverage_losses().count(), 1);
    assert!(comparison.replacements.is_empty());
}

#[test]
fn what_the_runs_did_not_test_in_the_same_way_is_said_and_compared_all_the_same() {
    let mut base = fixture::mixed();
    base.run.definitions.insert("workload/pod-to-pod".into(), "0123456789ab".into());
    base.run.definitions.insert("workload/gone".into(), "0123456789ab".into());
    assert!(compare(&base, &candidate_of(&base)).caveats.is_empty());
    let mut candidate = candidate_of(&base);
    candidate.run.matrix = "other".into();
    candidate.tool.version = "9.9.9".into();
    candidate.run.definitions["workload/pod-to-pod"] = "ba9876543210".into();
    candidate.run.definitions.insert("workload/new".into(), "0123456789ab".into());
    candidate.variants[1].level = Some(Level::Two);
    set(&mut base, "workload/pod-to-pod", Outcome::Pass);
    set(&mut candidate, "workload/pod-to-pod", fail("node 1", "no answer"));
    let comparison = compare(&base, &candidate);
    let lines = comparison.caveats.iter().map(|caveat| {
        assert!(caveat.compared, "{caveat:?}");
        (caveat.about, caveat.message.as_str())
    });
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            (About::Matrix, "matrix other, was nightly: variants with the same name are compared"),
            (About::Matrix, "al2023-eks-l1: level 2, was 1"),
            (About::Harness, "amiproof 9.9.9, was 0.1.0: a check may require more or less than before"),
            (About::Catalogue, "defined differently: workload/pod-to-pod"),
        ]
    );
    assert!(comparison.has_regression(), "a failure stays a failure");
    let failure = comparison.changes.iter().find(|change| change.change == Change::NewFailure).unwrap();
    assert!(
        failure.reason.ends_with("(the check itself is defined differently from the baseline)"),
        "{}",
        failure.reason
    );
}

#[test]
fn a_suite_that_was_left_out_is_not_compared_unless_the_run_fell_short() {
    let left_out = with(|candidate| candidate.results.retain(|one| one.check.suite() != "kube-bench"));
    assert_eq!(left_out.suites_not_run, ["kube-bench"]);
    assert!(!left_out.has_regression());
    let fell_short = with(|candidate| {
        candidate.results.retain(|one| one.check.suite() != "kube-bench");
        candidate.run.interrupted = true;
    });
    assert!(fell_short.suites_not_run.is_empty());
    assert_eq!(fell_short.coverage_losses().count(), 3);
}

#[test]
fn a_variant_that_breaks_now_is_a_regression_even_without_results() {
    let comparison = with(|candidate| {
        candidate.results.retain(|one| one.subject != of_variant("bottlerocket-l2"));
        let phase = &mut candidate.variants[2].phases[2];
        phase.ended = PhaseEnd::Error { message: "no capacity".into(), evidence: Vec::new() };
    });
    assert_eq!(comparison.newly_broken().count(), 1);
    assert!(comparison.has_regression());
}

/// A comparison with one of everything.
fn rich() -> Comparison {
    let base = fixture::mixed();
    let mut candidate = candidate_of(&base);
    candidate.cluster.kubernetes_version = "1.37".parse().ok();
    set(&mut candidate, "node/joined", fail("node 1", "did not join | within 8 min"));
    set(&mut candidate, "workload/pod-to-pod", Outcome::Pass);
    set(&mut candidate, "kubelet-path/logs", Outcome::NotEvaluated { reason: "no pod to read from".into() });
    candidate.results.push(result(
        "node/skew",
        "kubelet and control plane fit",
        of_variant("al2023-eks"),
        Outcome::Pass,
    ));
    candidate.results.retain(|one| !(one.check.as_str() == "node/ready" && one.subject == of_variant("al2023-eks-l1")));
    candidate.results.retain(|one| one.subject != Subject::Cluster);
    for node in &mut candidate.variants[1].nodes {
        node.kernel = "6.12.58-82.121.amzn2023.x86_64".into();
        node.facts.insert("iptables FORWARD".into(), "DROP".into());
    }
    compare(&base, &candidate)
}

#[test]
fn what_changed_about_the_nodes_stands_beside_the_results() {
    let comparison = rich();
    let [variant] = comparison.variants.as_slice() else { panic!("{:?}", comparison.variants) };
    let facts: Vec<(&str, &str, &str)> =
        variant.facts.iter().map(|one| (one.fact.as_str(), one.base.as_str(), one.candidate.as_str())).collect();
    assert_eq!(
        facts,
        [
            ("kernel", "6.12.55-74.119.amzn2023.x86_64", "6.12.58-82.121.amzn2023.x86_64"),
            ("iptables FORWARD", "", "DROP"),
        ]
    );
}

#[test]
fn every_form_of_a_comparison() {
    let style = Style { width: 80, ..Style::default() };
    let comparison = rich();
    insta::assert_snapshot!("comparison_terminal", comparison.render(ComparisonFormat::Terminal, &style).unwrap());
    insta::assert_snapshot!("comparison_markdown", comparison.render(ComparisonFormat::Markdown, &style).unwrap());
    insta::assert_json_snapshot!("comparison_json", comparison);
}

#[test]
fn the_junit_of_a_comparison_is_red_for_news_only() {
    let comparison = rich();
    let xml = comparison.render(ComparisonFormat::Junit, &Style::default()).unwrap();
    let parsed = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    let red = |wanted: NonSuccessKind| -> Vec<&str> {
        let cases = parsed.test_suites.iter().flat_map(|suite| &suite.test_cases);
        cases
            .filter(|case| matches!(case.status, TestCaseStatus::NonSuccess { kind, .. } if kind == wanted))
            .map(|case| case.name.as_str())
            .collect()
    };
    assert_eq!(red(NonSuccessKind::Failure), ["[al2023-eks] node/joined: every node joins the cluster"]);
    assert_eq!(
        red(NonSuccessKind::Error),
        [
            "[al2023-eks-l1] kubelet-path/logs: logs come through the kubelet",
            "[al2023-eks-l1] node/ready: every node is Ready",
        ]
    );
    let nothing =
        compare(&fixture::green(), &fixture::green()).render(ComparisonFormat::Junit, &Style::default()).unwrap();
    assert_eq!(quick_junit::Report::deserialize_from_str(&nothing).unwrap().tests, 1);
}

#[test]
fn the_page_has_every_change_once_loads_nothing_and_escapes_what_it_shows() {
    let comparison = with(|candidate| {
        set(candidate, "node/ready", fail("node 1", fixture::NASTY));
        set(candidate, "workload/pod-to-pod", Outcome::Pass);
    });
    let page = comparison.render(ComparisonFormat::Html, &Style::default()).unwrap();
    assert_eq!(
        page.matches("<tr><th scope=\"row\">").count(),
        comparison.changes.len() + 4,
        "and four lines about the runs"
    );
    assert!(page.find("id=\"new-failure\"").unwrap() < page.find("id=\"fixed\"").unwrap(), "new failures first");
    for part in ["<script", "<img", "<link", "http://", "https://"] {
        assert!(!page.to_lowercase().contains(part), "{part}");
    }
    assert!(page.contains("default-src &#39;none&#39;; style-src &#39;sha256-"));
    assert!(!page.contains('\u{1b}'));
    insta::assert_snapshot!(page);
}

#[test]
fn every_form_with_a_file_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let comparison = with(|candidate| set(candidate, "node/ready", fail("node 1", "not ready")));
    let written: Vec<String> = comparison
        .write_all(folder.path())
        .into_iter()
        .map(|path| path.unwrap().file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(written, ["compare.md", "compare.json", "compare.xml", "compare.html"]);
    for (name, format) in [("compare.md", ComparisonFormat::Markdown), ("compare.xml", ComparisonFormat::Junit)] {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(text, comparison.render(format, &Style::default()).unwrap());
    }
    let missing = folder.path().join("missing");
    assert!(comparison.write_all(&missing).iter().all(Result::is_err));
}
