use amiproof_model::verdict::Outcome;

use super::*;

fn output(results: &str, summary: &str) -> String {
    format!(r#"{{"results":[{results}],"summary":{{{summary}}}}}"#)
}

/// A test of a kernel setting that ended in some way.
fn ended_as(end: &str) -> String {
    format!(
        r#"{{"resource-id":"net.ipv4.ip_forward","resource-type":"KernelParam","property":"value","title":"3.1.1 | IP forwarding is off",
        "meta":{{"server":1,"workstation":"NA","CIS_ID":["3.1.1"],"CISv8":[4.8]}},"matcher-result":{{"actual":"1","expected":["0"],"message":"to equal"}},
        "summary-line":"KernelParam: net.ipv4.ip_forward: value:\nExpected 1 to equal 0","start-time":"2026-11-28T10:00:00Z","end-time":"2026-11-28T10:00:01Z",{end}}}"#
    )
    .replace('\n', " ")
}

fn words(text: &str) -> Vec<String> {
    let document = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    let word = |answer: &Answer| Outcome::from(answer.verdict.clone()).as_str().to_owned();
    document.answers.iter().map(word).collect()
}

#[test]
fn only_what_ended_well_and_was_successful_is_a_pass() {
    for (end, wanted) in [
        (r#""result":0,"successful":true,"skipped":false,"err":null"#, "pass"),
        (r#""result":0,"successful":true"#, "pass"),
        (r#""result":"SUCCESS","successful":true"#, "pass"),
        (r#""result":1,"successful":false,"skipped":false,"err":null"#, "fail"),
        (r#""result":1,"successful":true"#, "fail"),
        (r#""successful":false"#, "fail"),
        (r#""result":2,"successful":true,"skipped":true"#, "not evaluated"),
        (r#""result":0,"successful":true,"skipped":true"#, "not evaluated"),
        (r#""result":3,"successful":true"#, "not evaluated"),
        (r#""result":7,"successful":true"#, "not evaluated"),
        (r#""result":0,"successful":false"#, "not evaluated"),
        (r#""result":0"#, "not evaluated"),
        (r#""successful":true"#, "not evaluated"),
        (r#""result":null"#, "not evaluated"),
        (r#""result":1,"successful":false,"err":"exec: not found""#, "not evaluated"),
        (r#""result":0,"successful":true,"err":{}"#, "not evaluated"),
    ] {
        assert_eq!(words(&output(&ended_as(end), "")), [wanted], "{end}");
    }
}

#[test]
fn a_control_is_the_one_of_the_metadata_and_its_title_has_the_number_that_yaml_shortened() {
    let pass = ended_as(r#""result":0,"successful":true"#);
    let answer = |text: &str| read(output(text, "").as_bytes()).unwrap().answers.remove(0);
    assert_eq!(answer(&pass).numbers, ["3.1.1"]);
    assert_eq!(answer(&pass).id, "KernelParam: net.ipv4.ip_forward: value");
    let shortened = pass.replace(r#"["3.1.1"]"#, "[1.1]").replace("3.1.1 |", "1.10 |");
    assert_eq!(answer(&shortened).numbers, ["1.10"]);
    let without = pass.replace(r#""CIS_ID":["3.1.1"],"#, "");
    assert!(answer(&without).numbers.is_empty(), "a title alone is no claim");
}

/// The test by which the audits of ansible-lockdown identify themselves.
fn about(os: &str, host: &str) -> String {
    format!(
        r#"{{"resource-id":"benchmark_meta","resource-type":"Command","property":"exit-status","title":"Benchmark MetaData","successful":true,"result":0,
        "meta":{{"benchmark_type":"CIS","benchmark_os":"{os}","benchmark_version":"1.0.0","host_hostname":"{host}"}}}}"#
    )
}

#[test]
fn an_audit_names_its_benchmark_and_its_host_and_two_of_them_are_refused() {
    let text = output(&about("AMAZON2023", "ip-10-0-0-1"), "");
    let document = read(text.as_bytes()).unwrap();
    assert_eq!(document.benchmark.unwrap().as_str(), "cis-al2023-1.0.0");
    assert_eq!(document.target, "ip-10-0-0-1");
    let two = |one: &str, other: &str| read(output(&format!("{one},{other}"), "").as_bytes()).unwrap_err().to_string();
    let error = two(&about("AMAZON2023", "a"), &about("AMAZON2", "a"));
    assert!(error.contains("several benchmarks (cis-al2023-1.0.0, cis-al2-1.0.0)"), "{error}");
    let error = two(&about("AMAZON2023", "a"), &about("AMAZON2023", "b"));
    assert!(error.contains("several machines (a, b)"), "{error}");
}

#[test]
fn of_two_answers_the_worse_one_counts_and_a_summary_that_counts_more_is_not_whole() {
    let (pass, fail) = (ended_as(r#""result":0,"successful":true"#), ended_as(r#""result":1,"successful":false"#));
    assert_eq!(words(&output(&format!("{pass},{fail}"), "")), ["fail"]);
    assert_eq!(words(&output(&format!("{fail},{pass}"), "")), ["fail"]);
    let fine = r#""test-count":1,"failed-count":0,"skipped-count":0,"total-duration":5"#;
    assert_eq!(words(&output(&pass, fine)), ["pass"]);
    for more in [r#""test-count":2"#, r#""failed-count":1"#, r#""skipped-count":1"#] {
        assert_eq!(words(&output(&pass, more)), ["pass", "not evaluated"], "{more}");
    }
}

#[test]
fn what_is_cut_empty_or_foreign_is_refused() {
    let whole = output(&ended_as(r#""result":1,"successful":false"#), r#""test-count":1"#);
    for length in 1..whole.len() {
        assert!(read(&whole.as_bytes()[..length]).is_err(), "{}", &whole[..length]);
    }
    for (text, part) in [
        (r#"{"results":null,"summary":{"test-count":0}}"#, "contains no test"),
        ("{}", "contains no test"),
        (r#"{"results":[{"id":1}]}"#, "without resource-type"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
