use super::*;

const REPORT: &str = r#"{"platform":{"name":"amazon"},"version":"5.22.3","profiles":[{"name":"cis-al2023","title":"CIS AL2023","controls":[
    {"id":"cis-al2023-3.3.1","title":"no source routing","impact":0.7,"results":[{"status":"passed","code_desc":"a"},{"status":"failed","code_desc":"sysctl x","message":"expected 0\ngot 1"}]},
    {"id":"V-1","title":null,"impact":0.5,"tags":{"cis_number":"3.3.2"},"results":[{"status":"passed","code_desc":"a"}]},
    {"id":"V-2","impact":0.5,"results":[{"status":"skipped","code_desc":"a","skip_message":"ask a person"}]},
    {"id":"V-3","impact":0.0,"results":[{"status":"skipped","code_desc":"a","skip_message":"no GUI here"}]},
    {"id":"V-4","impact":1.0,"results":[]}]}],"statistics":{"duration":1}}"#;

#[test]
fn a_control_is_what_its_tests_come_to() {
    let document = read(REPORT.as_bytes()).unwrap();
    let verdicts: Vec<&Verdict> = document.answers.iter().map(|answer| &answer.verdict).collect();
    assert!(
        matches!(verdicts[0], Verdict::Fail(findings) if findings.len() == 1 && findings[0].summary == "expected 0")
    );
    assert_eq!(verdicts[1], &Verdict::Pass);
    assert!(matches!(verdicts[2], Verdict::Manual(why) if why.contains("ask a person")));
    assert!(matches!(verdicts[3], Verdict::NotApplicable(why) if why == "no GUI here"));
    assert!(matches!(verdicts[4], Verdict::NotEvaluated(_)));
    let numbers: Vec<Option<&str>> = document.answers.iter().map(|answer| answer.number.as_deref()).collect();
    assert_eq!(numbers, [Some("3.3.1"), Some("3.3.2"), None, None, None]);
    assert_eq!(document.answers[0].severity, Some(amiproof_model::report::Severity::High));
}

#[test]
fn other_json_is_refused() {
    for (text, part) in [("{}", "without profiles"), (r#"{"profiles":[]}"#, "no control"), (&REPORT[..300], "cut off")]
    {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
