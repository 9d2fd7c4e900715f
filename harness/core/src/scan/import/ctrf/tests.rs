use amiproof_model::verdict::Outcome;

use super::*;

fn report(tests: &str, summary: &str) -> String {
    format!(
        r#"{{"reportFormat":"CTRF","results":{{"tool":{{"name":"Jest","version":"30.1"}},"summary":{{{summary}}},"tests":[{tests}]}}}}"#
    )
}

fn test(name: &str, status: &str, more: &str) -> String {
    format!(r#"{{"name":"{name}","status":"{status}","duration":1{more}}}"#)
}

fn words(text: &str) -> Vec<String> {
    let document = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    let word = |answer: &Answer| format!("{}: {}", answer.id, Outcome::from(answer.verdict.clone()).as_str());
    document.answers.iter().map(word).collect()
}

#[test]
fn only_passed_and_failed_are_answers() {
    for (status, more, wanted) in [
        ("passed", "", "pass"),
        ("passed", r#","flaky":true,"retries":2"#, "pass"),
        ("passed", r#","rawStatus":"passed""#, "pass"),
        ("passed", r#","rawStatus":"failed""#, "not evaluated"),
        ("passed", r#","rawStatus":"timedOut""#, "not evaluated"),
        ("failed", r#","message":"expected 1","trace":"at line 3""#, "fail"),
        ("failed", "", "fail"),
        ("skipped", "", "not evaluated"),
        ("pending", "", "not evaluated"),
        ("other", "", "not evaluated"),
        ("PASSED", "", "not evaluated"),
        ("green", "", "not evaluated"),
        ("", "", "not evaluated"),
    ] {
        assert_eq!(words(&report(&test("t", status, more), "")), [format!("t: {wanted}")], "{status} {more}");
    }
}

#[test]
fn tests_are_told_apart_by_their_suites_and_the_worse_of_two_counts() {
    let in_suite = |suite: &str, status: &str| test("t", status, &format!(r#","suite":{suite}"#));
    let tests = [
        in_suite(r#"["api","login"]"#, "passed"),
        in_suite(r#""api > logout""#, "passed"),
        in_suite("null", "passed"),
        in_suite("7", "passed"),
        in_suite(r#"["api","login"]"#, "failed"),
    ];
    assert_eq!(words(&report(&tests.join(","), "")), ["api.login.t: fail", "api > logout.t: pass", "t: pass"]);
}

#[test]
fn a_file_that_counts_more_than_it_holds_is_not_whole() {
    let tests = format!("{},{}", test("a", "passed", ""), test("b", "skipped", ""));
    let fine = r#""tests":2,"passed":1,"failed":0,"skipped":1,"pending":0,"other":0,"stop":1795860000000"#;
    assert_eq!(words(&report(&tests, fine)), ["a: pass", "b: not evaluated"]);
    assert!(read(report(&tests, fine).as_bytes()).unwrap().when.is_some());
    for (one, other) in
        [(r#""tests":2"#, r#""tests":3"#), (r#""failed":0"#, r#""failed":1"#), (r#""other":0"#, r#""other":9"#)]
    {
        let actual = words(&report(&tests, &fine.replace(one, other)));
        assert_eq!(actual, ["a: pass", "b: not evaluated", "summary: not evaluated"], "{other}");
    }
}

#[test]
fn what_is_cut_empty_or_foreign_is_refused() {
    let whole = report(&test("t", "failed", ""), "");
    for length in 1..whole.len() {
        assert!(read(&whole.as_bytes()[..length]).is_err(), "{}", &whole[..length]);
    }
    for (text, part) in [
        ("{}", "JSON without results"),
        (r#"{"results":{}}"#, "JSON without results.tests"),
        (r#"{"results":{"tests":[]}}"#, "contains no test"),
        (r#"{"results":[]}"#, "is not CTRF JSON"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
