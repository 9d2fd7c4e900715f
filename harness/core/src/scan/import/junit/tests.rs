use super::*;

fn verdicts(document: &Document) -> Vec<String> {
    document
        .answers
        .iter()
        .map(|answer| {
            let outcome = amiproof_model::verdict::Outcome::from(answer.verdict.clone());
            format!("{}: {} {}", answer.id, outcome.word(), outcome.reason())
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
        </testsuite></testsuites>"#;
    let document = read(text.as_bytes()).unwrap();
    assert_eq!(
        verdicts(&document),
        [
            "tests.web.test_ok: pass ",
            "tests.web.test_bad: fail assert 1 == 2",
            "tests.web.test_broken: not evaluated the test broke: fixture 'db' not found",
            "tests.web.test_elsewhere: not applicable needs Windows",
            "both: fail the file does not say why",
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
        ("<testsuite><testcase name='a'><skipped/></testcase></testsuite>", "not skipped"),
        ("<Benchmark/>", "is not JUnit XML"),
        ("<testsuite><testcase name='a'>", "cut off"),
        ("<!DOCTYPE t><testsuite/>", "document type"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}
