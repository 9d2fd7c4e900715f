use amiproof_model::verdict::Outcome;

use super::*;

/// A finding with these members beside those that every finding has.
fn finding(generator: &str, more: &str) -> String {
    format!(
        r#"{{"SchemaVersion":"2018-10-08","Id":"f","ProductArn":"arn:aws:securityhub:us-west-2::product/aws/securityhub","ProductName":"Security Hub",
        "GeneratorId":"{generator}","AwsAccountId":"111122223333","UpdatedAt":"2026-11-28T10:00:00.000Z","Title":"a title","Description":"a description",
        "Severity":{{"Label":"HIGH"}},"Resources":[{{"Type":"AwsEc2Instance","Id":"arn:aws:ec2:us-west-2:111122223333:instance/i-0aa"}}]{more}}}"#
    )
}

fn status(status: &str) -> String {
    format!(r#","Compliance":{{"Status":"{status}"}}"#)
}

fn words(text: &str) -> Vec<String> {
    let document = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    let word = |answer: &Answer| format!("{}: {}", answer.id, Outcome::from(answer.verdict.clone()).as_str());
    document.answers.iter().map(word).collect()
}

#[test]
fn only_a_pass_is_a_pass() {
    for (more, wanted) in [
        (status("PASSED"), "pass"),
        (status("FAILED"), "fail"),
        (status("WARNING"), "not evaluated"),
        (status("NOT_AVAILABLE"), "not evaluated"),
        (status("passed"), "not evaluated"),
        (status("SKIPPED"), "not evaluated"),
        (r#","Compliance":{}"#.to_owned(), "not evaluated"),
        (r#","Compliance":{"Status":null}"#.to_owned(), "not evaluated"),
        // Tools that only send what is wrong give no status.
        (String::new(), "fail"),
        (format!("{},\"RecordState\":\"ARCHIVED\"", status("PASSED")), "not evaluated"),
        (format!("{},\"RecordState\":\"ARCHIVED\"", status("FAILED")), "not evaluated"),
        (format!("{},\"Sample\":true", status("PASSED")), "not evaluated"),
        (format!("{},\"Workflow\":{{\"Status\":\"RESOLVED\"}}", status("PASSED")), "pass"),
        (format!("{},\"Workflow\":{{\"Status\":\"RESOLVED\"}}", status("FAILED")), "fail"),
        (format!("{},\"Workflow\":{{\"Status\":\"SUPPRESSED\"}}", status("FAILED")), "fail"),
    ] {
        assert_eq!(words(&format!("[{}]", finding("g", &more))), [format!("g: {wanted}")], "{more}");
    }
}

#[test]
fn a_list_an_object_and_lines_are_the_same_findings() {
    let (good, bad) = (finding("a", &status("PASSED")), finding("b", &status("FAILED")));
    let wanted = ["a: pass", "b: fail"];
    let one_line = |text: &str| text.replace('\n', " ");
    for text in [
        format!("[{good},{bad}]"),
        format!(r#"{{"Findings":[{good},{bad}]}}"#),
        format!("{}\n{}\n", one_line(&good), one_line(&bad)),
        format!(r#"{{"Findings":[{good}]}}{{"Findings":[{bad}]}}"#),
    ] {
        assert_eq!(words(&text), wanted, "{text}");
    }
    let page = format!(r#"{{"Findings":[{good}],"NextToken":"more"}}"#);
    assert_eq!(words(&page), ["a: pass", "pages: not evaluated"]);
}

#[test]
fn of_two_findings_of_one_control_the_worse_one_counts_in_any_order() {
    for (one, other, wanted) in [
        (status("PASSED"), status("FAILED"), "fail"),
        (status("PASSED"), status("NOT_AVAILABLE"), "not evaluated"),
        (status("PASSED"), format!("{},\"RecordState\":\"ARCHIVED\"", status("FAILED")), "not evaluated"),
    ] {
        let (one, other) = (finding("g", &one), finding("g", &other));
        for text in [format!("[{one},{other}]"), format!("[{other},{one}]")] {
            assert_eq!(words(&text), [format!("g: {wanted}")], "{text}");
        }
    }
}

#[test]
fn what_one_instance_answers_and_another_does_not_has_no_answer() {
    let other = |generator: &str| finding(generator, &status("PASSED")).replace("i-0aa", "i-0bb");
    let (a, b) = (finding("a", &status("PASSED")), finding("b", &status("PASSED")));
    assert_eq!(words(&format!("[{a},{b},{}]", other("a"))), ["a: pass", "b: not evaluated"]);
    // A bucket is no instance.
    let bucket = finding("c", &status("PASSED")).replace(":instance/i-0aa", ":bucket/x");
    assert_eq!(words(&format!("[{a},{},{bucket}]", other("a"))), ["a: pass", "c: pass"]);
}

#[test]
fn a_check_of_kube_bench_is_the_control_that_its_generator_names() {
    let text = finding(
        "arn:aws:securityhub:us-west-2::product/aqua-security/kube-bench/cis-kubernetes-benchmark/eks-1.8.0/3.2.1",
        r#","ProductFields":{"Reason":"anonymous access is on","Actual result":"","Section":"3 Worker Node Security Configuration"}"#,
    )
    .replace(r#""ProductName":"Security Hub","#, "")
    .replace("product/aws/securityhub", "product/aqua-security/kube-bench");
    let document = read(text.as_bytes()).unwrap();
    let answer = &document.answers[0];
    assert_eq!((document.scanner.as_str(), answer.numbers.as_slice()), ("kube-bench", &["3.2.1".to_owned()][..]));
    assert_eq!(answer.benchmark.as_ref().unwrap().as_str(), "cis-eks-1.8.0");
    let Verdict::Fail(findings) = &answer.verdict else { panic!("{answer:?}") };
    assert_eq!(findings[0].summary, "anonymous access is on");
}

#[test]
fn numbers_of_other_standards_are_no_controls() {
    let text = finding("cis-aws-foundations-benchmark/v/1.4.0/1.14", &status("PASSED"))
        .replace("a title", "1.14 keys are not too old");
    assert!(read(text.as_bytes()).unwrap().answers[0].numbers.is_empty());
}

#[test]
fn what_is_cut_empty_or_foreign_is_refused() {
    let whole = format!("[{}]", finding("a", &status("FAILED")).replace('\n', " "));
    for length in 1..whole.len() {
        assert!(read(&whole.as_bytes()[..length]).is_err(), "{}", &whole[..length]);
    }
    for (text, part) in [
        ("[]", "contains no finding"),
        (r#"{"Findings":[]}"#, "contains no finding"),
        (r#"[{"Title":"x"}]"#, "is not a list of ASFF findings"),
        ("[1]", "is not ASFF JSON"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let behind = format!("{whole} x");
    assert!(read(behind.as_bytes()).is_err());
}
