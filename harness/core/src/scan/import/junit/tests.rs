use super::*;

fn verdicts(document: &Document) -> Vec<String> {
    document
        .answers
        .iter()
        .map(|answer| {
            let outcome = amiproof_model::verdict::Outcome::from(answer.verdict.clone());
            format!("{}: {} {}", answer.id, outcome.as_str(), outcome.reason())
        })
        .collect()
}

#[test]
fn failures_errors_and_skips_are_told_apart() {
    let text = r#"<testsuites><testsuite name="pytest" timestamp="2026-11-21T10:00:00Z"><properties><property name="a" value="b"/></properties>
        <testcase classname="tests.web" name="test_ok" time="0.1"><system-out>log</system-out></testcase>
        <testcase classname="tests.web" name="test_bad"><failure message="assert 1 == 2&#10;more">trace &lt;here&gt;</failure></testcase>
        <testcase classname="tests.web" name="test_broken"><error message="fixture 'db' not found"/></testcase>
        <testcase classname="tests.web" name="test_elsewhere"><skipped type="pytest.skip" message="needs Windows"/></testcase>
        <testcase name="both"><skipped message="x"/><failure/></testcase>
        <testcase name="bare"><skipped/></testcase>
        </testsuite></testsuites>"#;
    let document = read(text.as_bytes()).unwrap();
    assert_eq!(
        verdicts(&document),
        [
            "tests.web.test_ok: pass ",
            "tests.web.test_bad: fail assert 1 == 2",
            "tests.web.test_broken: not evaluated the test errored: fixture 'db' not found",
            "tests.web.test_elsewhere: not applicable needs Windows",
            "both: fail the file gives no reason",
            "bare: not evaluated the test was skipped, and the file gives no reason",
        ]
    );
    assert_eq!(document.scanner, "pytest");
    assert!(document.when.is_some());
}

#[test]
fn the_thousands_of_tests_that_a_filter_of_ginkgo_leaves_out_are_counted_and_not_rows() {
    let skipped = "<testcase name=\"[It] [sig-apps] later\" classname=\"Kubernetes e2e suite\" status=\"skipped\"><skipped message=\"skipped\"></skipped></testcase>".repeat(5);
    let text = format!(
        "<testsuites><testsuite name=\"Kubernetes e2e suite\" tests=\"7\">{skipped}\
         <testcase name=\"[It] [sig-network] Services reach each other [Conformance]\" classname=\"Kubernetes e2e suite\" status=\"passed\"/>\
         <testcase name=\"[It] [sig-storage] needs a cloud\" classname=\"Kubernetes e2e suite\"><skipped message=\"skipped - Only supported for providers [gce]\"/></testcase>\
         </testsuite></testsuites>"
    );
    let document = read(text.as_bytes()).unwrap();
    assert_eq!((document.answers.len(), document.left_out, document.scanner.as_str()), (2, 5, "kubernetes-e2e"));
    assert!(verdicts(&document)[1].ends_with("not applicable Only supported for providers [gce]"));
}

#[test]
fn a_test_that_is_there_twice_counts_as_its_worse_end() {
    let text = "<testsuite name='s'><testcase classname='c' name='t'><failure message='first'/></testcase><testcase classname='c' name='t'/>\
                <testcase classname='c' name='u'><flakyFailure message='once'/></testcase></testsuite>";
    let document = read(text.as_bytes()).unwrap();
    assert_eq!(verdicts(&document), ["c.t: fail first", "c.u: pass "]);
    assert_eq!((document.answers[0].times, document.notes.len()), (2, 1));
}

#[test]
fn files_without_evidence_are_refused() {
    for (text, part) in [
        ("<testsuites/>", "no testcase"),
        ("<testsuite name='Kubernetes e2e suite'><testcase name='a'><skipped/></testcase></testsuite>", "not skipped"),
        ("<Benchmark/>", "is not JUnit XML"),
        ("<testsuite><testcase name='a'>", "is truncated"),
        ("<!DOCTYPE t><testsuite/>", "document type"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_suite_that_holds_less_than_its_header_says_did_not_run_to_its_end() {
    let case = |name: &str| format!("<testcase name='{name}'/>");
    for (header, inner, expected) in [
        ("tests='2'", case("a") + &case("b"), None),
        ("tests='1'", case("a") + &case("b"), None),
        ("tests='5'", case("a"), Some("declares 5 tests, but the file contains 1")),
        (
            "tests='1' failures='2' errors='1'",
            case("a"),
            Some("declares 3 failures and errors, but the file contains 0"),
        ),
        ("tests='1' errors='1'", "<testcase name='a'><failure/></testcase>".to_owned(), None),
        (
            "tests='1' errors='1'",
            case("a") + "<error message='did not start'/>",
            Some("the suite errored: did not start"),
        ),
        ("tests='1'", case("a") + "<skipped message='no cluster'/>", Some("the suite was skipped: no cluster")),
    ] {
        let text = format!("<testsuite name='s' {header}>{inner}</testsuite>");
        let document = read(text.as_bytes()).unwrap();
        let own = verdicts(&document).into_iter().find(|actual| actual.starts_with("suite.s: not evaluated"));
        assert_eq!(own.is_some(), expected.is_some(), "{text}: {document:?}");
        if let (Some(own), Some(expected)) = (own, expected) {
            assert!(own.contains(expected), "{own}");
        }
    }
    let nested = "<testsuites tests='5'><testsuite name='a' tests='4'><testcase name='x'/></testsuite><testsuite name='b' tests='1'><testcase name='y'/></testsuite></testsuites>";
    let actual = verdicts(&read(nested.as_bytes()).unwrap());
    assert_eq!(actual.iter().filter(|actual| actual.starts_with("suite.")).count(), 1, "said once: {actual:?}");
    let failed = "<testsuite name='s'><failure message='no teardown'/><testcase name='a'/></testsuite>";
    assert!(verdicts(&read(failed.as_bytes()).unwrap()).contains(&"suite-itself.s: fail no teardown".to_owned()));
}

#[test]
fn what_ginkgo_says_of_its_suite_changes_what_the_tests_mean() {
    let suite = |properties: &[(&str, &str)], cases: &str| {
        let property = |(name, value): &(&str, &str)| format!("<property name='{name}' value='{value}'/>");
        let properties: String = properties.iter().map(property).collect();
        let text = format!(
            "<testsuites><testsuite name='Kubernetes e2e suite' timestamp='2026-11-28T10:00:00'><properties>{properties}</properties>{cases}</testsuite></testsuites>"
        );
        let document = read(text.as_bytes()).unwrap();
        assert_eq!(document.when.unwrap().to_string(), "2026-11-28T10:00:00Z", "a time without a zone is UTC");
        verdicts(&document)
    };
    let cases = "<testcase name='[It] a' status='passed'/><testcase name='[It] b' status='skipped'><skipped message='skipped'/></testcase>";
    assert_eq!(suite(&[("SuiteSucceeded", "true")], cases), ["[It] a: pass "]);
    assert_eq!(
        suite(&[("SuiteSucceeded", "false"), ("SpecialSuiteFailureReason", "Suite Timeout Elapsed")], cases),
        [
            "[It] a: pass ",
            "suite.Kubernetes e2e suite: not evaluated it reports that it did not succeed: Suite Timeout Elapsed; 1 of its tests were not run"
        ]
    );
    assert_eq!(suite(&[("SuiteSucceeded", "false")], cases).len(), 2);
    let failed = format!("{cases}<testcase name='[It] c'><failure/></testcase>");
    assert_eq!(suite(&[("SuiteSucceeded", "false")], &failed).len(), 2, "a failure says why");
    let dry = suite(&[("SuiteSucceeded", "true"), ("DryRun", "true")], cases);
    assert!(dry.iter().all(|actual| actual.contains("not evaluated")), "{dry:?}");
}

#[test]
fn a_test_without_a_child_ends_as_its_status_says() {
    for (attributes, word) in [
        ("", "pass"),
        ("status='PASSED'", "pass"),
        ("status='run' result='completed'", "pass"),
        ("status='failed'", "fail"),
        ("status='timedout'", "not evaluated"),
        ("status='disabled'", "not evaluated"),
        ("status='run' result='suppressed'", "not evaluated"),
        ("result='whatever'", "not evaluated"),
    ] {
        let text = format!("<testsuite name='s'><testcase name='t' {attributes}/></testsuite>");
        let actual = verdicts(&read(text.as_bytes()).unwrap());
        assert!(actual[0].starts_with(&format!("t: {word} ")), "{attributes}: {actual:?}");
    }
}

#[test]
fn what_only_says_that_a_test_was_not_run_is_no_reason_why_it_does_not_apply() {
    let own = |kind: &str| format!("<skipped type='{kind}' message='a sentence'/>");
    for (suite, attributes, child, word) in [
        ("my-e2e-tests", "", "<skipped/>".to_owned(), "not evaluated"),
        ("s", "", "<skipped message='pending'/>".to_owned(), "not evaluated"),
        ("s", "", "<skipped message='Skipped'/>".to_owned(), "not evaluated"),
        ("s", "", "<skipped message='disabled'/>".to_owned(), "not evaluated"),
        ("s", "", "<skipped message='ignored'/>".to_owned(), "not evaluated"),
        ("s", "", "<skipped message='not run'/>".to_owned(), "not evaluated"),
        ("s", "", "<skipped message='unconditional skip'/>".to_owned(), "not evaluated"),
        ("s", "", "<skipped message='needs Windows'/>".to_owned(), "not applicable"),
        ("s", "status='failed'", "<skipped message='needs Windows'/>".to_owned(), "fail"),
        ("s", "success='False'", String::new(), "fail"),
        ("s", "success='True'", String::new(), "pass"),
        ("s", "", "<rerunFailure message='m'/>".to_owned(), "fail"),
        ("s", "", "<rerunError message='m'/>".to_owned(), "not evaluated"),
        ("s", "", own("allowed"), "not evaluated"),
        ("s", "", own("blocked"), "not evaluated"),
        ("s", "", own("informational"), "not evaluated"),
        ("s", "", own("waived"), "not evaluated"),
        ("s", "", own("tolerated"), "not evaluated"),
        ("s", "", own("manual"), "manual"),
    ] {
        let text = format!("<testsuite name='{suite}'><testcase name='t' {attributes}>{child}</testcase></testsuite>");
        let actual = verdicts(&read(text.as_bytes()).unwrap());
        assert!(actual[0].starts_with(&format!("t: {word} ")), "{text}: {actual:?}");
    }
    for header in ["skipped='3'", "disabled='1'", "skips='2'"] {
        let text = format!("<testsuite name='s' tests='1' {header}><testcase name='t'/></testsuite>");
        let actual = verdicts(&read(text.as_bytes()).unwrap());
        assert!(actual.iter().any(|actual| actual.starts_with("suite.s: not evaluated")), "{text}: {actual:?}");
    }
}

#[test]
fn a_pass_of_kube_bench_beside_a_failure_is_no_pass() {
    let check = r#"{"test_number":"3.1.1","test_desc":"permissions","status":"PASS","scored":true}"#;
    for (child, word) in [("", "pass"), ("<failure message='m'/>", "fail"), ("<error message='m'/>", "not evaluated")] {
        let out = check.replace('"', "&quot;");
        let case = format!("<testcase name='3.1.1'>{child}<system-out>{out}</system-out></testcase>");
        let actual = verdicts(&read(format!("<testsuite name='s'>{case}</testsuite>").as_bytes()).unwrap());
        assert!(actual[0].starts_with(&format!("3.1.1: {word} ")), "{child}: {actual:?}");
    }
}
