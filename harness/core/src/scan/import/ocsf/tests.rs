use amiproof_model::verdict::Outcome;

use super::*;

fn event(compliance: &str, more: &str) -> String {
    format!(
        r#"{{"class_uid":2003,"time":1795860000000,"severity_id":4,"metadata":{{"product":{{"name":"Some Scanner","version":"1"}}}},
        "finding_info":{{"uid":"u","title":"a title"}},"resources":[{{"uid":"i-0aa","type":"EC2 instance"}}],"compliance":{compliance}{more}}}"#
    )
    .replace('\n', " ")
}

fn control(control: &str, status: &str) -> String {
    event(&format!(r#"{{"control":"{control}","standards":[],{status}}}"#), "")
}

fn words(text: &str) -> Vec<String> {
    let document = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    let word = |answer: &Answer| format!("{}: {}", answer.id, Outcome::from(answer.verdict.clone()).as_str());
    document.answers.iter().map(word).collect()
}

#[test]
fn a_pass_is_what_nothing_in_the_finding_disputes() {
    for (status, wanted) in [
        (r#""status_id":1"#, "pass"),
        (r#""status_id":1,"status":"Pass""#, "pass"),
        (r#""status":"PASSED""#, "pass"),
        (r#""status_id":1,"checks":[{"uid":"1.1","status_id":1},{"uid":"1.2"}]"#, "pass"),
        (r#""status_id":3"#, "fail"),
        (r#""status":"Fail""#, "fail"),
        (r#""status_id":1,"status":"Fail""#, "fail"),
        (r#""status_id":3,"status":"Pass""#, "fail"),
        (r#""status_id":99,"status":"Fail""#, "fail"),
        (r#""status_id":1,"checks":[{"uid":"1.1","status_id":3}]"#, "fail"),
        (r#""status_id":0,"checks":[{"uid":"1.1","status":"failed"}]"#, "fail"),
        (r#""status_id":1,"checks":[{"uid":"1.1","status_id":0}]"#, "not evaluated"),
        (r#""status_id":1,"status":"Warning""#, "not evaluated"),
        (r#""status_id":1,"status":"sort of""#, "not evaluated"),
        (r#""status_id":2"#, "not evaluated"),
        (r#""status_id":0"#, "not evaluated"),
        (r#""status_id":0,"status":"Pass""#, "not evaluated"),
        (r#""status_id":99,"status":"Pass""#, "not evaluated"),
        (r#""status_id":99,"status":"Skipped""#, "not evaluated"),
        (r#""status_id":99,"status":"Not Applicable""#, "not applicable"),
        (r#""status_id":99,"status":"Manual""#, "manual"),
        (r#""status_id":7"#, "not evaluated"),
        (r#""status_code":"PASS""#, "not evaluated"),
    ] {
        let actual = words(&control("c", status));
        assert!(actual.len() == 1 && actual[0].ends_with(&format!(": {wanted}")), "{status}: {actual:?}");
    }
    for (more, status, wanted) in [
        (r#","status_id":3"#, 3, "fail"),
        (r#","status_id":4"#, 3, "fail"),
        (r#","status_id":4"#, 1, "pass"),
        (r#","activity_id":3"#, 3, "fail"),
        (r#","status_id":5"#, 1, "not evaluated"),
        (r#","status_id":6"#, 3, "not evaluated"),
    ] {
        let text = event(&format!(r#"{{"control":"c","status_id":{status}}}"#), more);
        assert_eq!(words(&text), [format!("c: {wanted}")], "{more}");
    }
}

#[test]
fn a_list_and_lines_are_the_same_events_and_the_worse_of_two_counts() {
    let (good, bad) = (control("a", r#""status_id":1"#), control("a", r#""status_id":3"#));
    let other = control("b", r#""status_id":1"#);
    for text in [
        format!("[{good},{other},{bad}]"),
        format!("{bad}\n{other}\n{good}"),
        format!("{other}\n{good}\n\n{bad}\n"),
        format!("[{bad},{other}]\n[{good}]\n"),
    ] {
        let mut actual = words(&text);
        actual.sort();
        assert_eq!(actual, ["a: fail", "b: pass"], "{text}");
    }
    assert_eq!(read(good.as_bytes()).unwrap().scanner, "some-scanner");
}

#[test]
fn controls_belong_to_the_benchmark_that_the_file_names() {
    for (standards, benchmark, number) in [
        (r#"["CIS Amazon Linux 2023 Benchmark v1.0.0"]"#, Some("cis-al2023-1.0.0"), Some("3.3.1")),
        (r#"["NIST SP 800-53", "cis-al2023-1.0.0"]"#, Some("cis-al2023-1.0.0"), Some("3.3.1")),
        (r#"["CIS AWS Foundations Benchmark v1.4.0"]"#, Some("cis-aws-foundations-1.4.0"), Some("3.3.1")),
        (r#"["NIST SP 800-53"]"#, None, None),
        (r#"["CIS Benchmark"]"#, None, None),
        ("[]", None, Some("3.3.1")),
    ] {
        let text = event(&format!(r#"{{"control":"3.3.1 Ensure it","standards":{standards},"status_id":1}}"#), "");
        let document = read(text.as_bytes()).unwrap();
        let answer = &document.answers[0];
        assert_eq!(answer.benchmark.as_ref().map(Benchmark::as_str), benchmark, "{standards}");
        assert_eq!(answer.numbers.first().map(String::as_str), number, "{standards}");
    }
}

#[test]
fn events_of_other_classes_are_no_results_and_never_forgotten() {
    let detection = r#"{"class_uid":2004,"metadata":{"product":{"name":"Prowler"}},"status_code":"PASS"}"#;
    let error = read(detection.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("class 2003") && error.contains("class 2004"), "{error}");
    let error = read(r#"[{"class_uid":2003}]"#.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("without `compliance`"), "{error}");
    let both = format!("[{},{detection}]", control("a", r#""status_id":1"#));
    assert_eq!(words(&both), ["a: pass", "events: not evaluated"]);
}

#[test]
fn what_one_instance_answers_and_another_does_not_has_no_answer() {
    let on = |control_id: &str, instance: &str| control(control_id, r#""status_id":1"#).replace("i-0aa", instance);
    let text = format!("[{},{},{}]", on("a", "i-0aa"), on("b", "i-0aa"), on("a", "i-0bb"));
    assert_eq!(words(&text), ["a: pass", "b: not evaluated"]);
}

#[test]
fn what_is_cut_or_empty_is_refused() {
    let whole = format!("[{}]", control("a", r#""status_id":3"#));
    for length in 1..whole.len() {
        assert!(read(&whole.as_bytes()[..length]).is_err(), "{}", &whole[..length]);
    }
    let lines = format!("{0}\n{0}", control("a", r#""status_id":3"#));
    assert!(read(&lines.as_bytes()[..lines.len() - 5]).is_err());
    assert!(read("[]".as_bytes()).unwrap_err().to_string().contains("contains no event"));
    assert!(read(format!("{whole} and more").as_bytes()).is_err());
}
