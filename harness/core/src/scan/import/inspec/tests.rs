use super::{read as read_as, *};

fn read(reader: &[u8]) -> Result<Document, ImportError> {
    read_as(reader, INSPEC)
}

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
    let numbers: Vec<&[String]> = document.answers.iter().map(|answer| answer.numbers.as_slice()).collect();
    assert_eq!(numbers, [&["3.3.1".to_owned()][..], &["3.3.2".to_owned()], &[], &[], &[]]);
    assert_eq!(document.answers[0].severity, Some(amiproof_model::report::Severity::High));
}

#[test]
fn a_control_that_a_condition_kept_from_being_run_has_no_answer() {
    for message in ["Skipped control due to only_if condition.", "Skipped control due to only_if condition: node pass"]
    {
        let report = REPORT.replace("ask a person", message);
        let document = read(report.as_bytes()).unwrap();
        let verdict = &document.answers[2].verdict;
        assert!(matches!(verdict, Verdict::NotEvaluated(why) if why.contains("only_if condition")), "{verdict:?}");
    }
}

#[test]
fn a_file_that_counts_more_controls_than_it_holds_is_not_whole() {
    for (total, open) in [(5, 0), (4, 0), (6, 1)] {
        let statistics = format!(r#""statistics":{{"controls":{{"total":{total}}},"duration":1}}"#);
        let report = REPORT.replace(r#""statistics":{"duration":1}"#, &statistics);
        let document = read(report.as_bytes()).unwrap();
        let actual = document.answers.iter().filter(|answer| answer.id == "statistics");
        let actual: Vec<&Verdict> = actual.map(|answer| &answer.verdict).collect();
        assert_eq!(actual.len(), open, "{total}");
        let reason = "its statistics declare 6 controls, but it contains 5".to_owned();
        assert!(actual.iter().all(|verdict| **verdict == Verdict::NotEvaluated(reason.clone())), "{actual:?}");
    }
}

#[test]
fn other_json_is_refused() {
    for (text, part) in
        [("{}", "without profiles"), (r#"{"profiles":[]}"#, "no control"), (&REPORT[..300], "is truncated")]
    {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

/// A wrapper, an overlay of it, and the profile with the tests, in the words of the report.
fn layers(leaf: &str, names: [&str; 2]) -> String {
    let [middle, outer] = names;
    format!(
        r#"{{"version":"5","platform":{{}},"profiles":[
        {{"name":"outer","title":"Outer","depends":[{{"name":"middle"}}],"controls":[
          {{"id":"c-1","title":"of the outer","impact":0.9,"results":[]}},{{"id":"c-2","impact":0.0}},{{"id":"c-3","impact":0.5}},{{"id":"c-4","impact":0.5}}]}},
        {{"name":"middle"{outer},"depends":[{{"name":"leaf"}}],"controls":[
          {{"id":"c-1","title":"of the middle","impact":0.3}},{{"id":"c-2","impact":0.5}},{{"id":"c-3"}},{{"id":"c-4"}}]}},
        {{"name":"leaf"{middle},"controls":[{leaf}]}}]}}"#
    )
}

#[test]
fn wrappers_have_the_results_of_what_they_wrap_and_the_last_word_on_everything_else() {
    let result = |status: &str| format!(r#"{{"status":"{status}","code_desc":"x","skip_message":"s"}}"#);
    let control = |id: &str, results: &str| {
        format!(r#"{{"id":"{id}","title":"of the leaf","impact":0.5,"results":[{results}]}}"#)
    };
    let leaf = [
        control("c-1", &result("passed")),
        control("c-2", &result("failed")),
        control("c-3", &format!("{},{}", result("passed"), result("failed"))),
        control("c-4", &result("skipped")),
    ]
    .join(",");
    let parents = [r#","parent_profile":"middle""#, r#","parent_profile":"outer""#];
    for names in [parents, ["", ""]] {
        let document = read(layers(&leaf, names).as_bytes()).unwrap();
        let actual: Vec<String> = document
            .answers
            .iter()
            .map(|answer| {
                let word = amiproof_model::verdict::Outcome::from(answer.verdict.clone()).as_str();
                format!("{} {}: {word}", answer.id, answer.title)
            })
            .collect();
        assert_eq!(
            actual,
            [
                "c-1 of the outer: pass",
                "c-2 of the leaf: not applicable",
                "c-3 of the leaf: fail",
                "c-4 of the leaf: manual"
            ]
        );
        assert_eq!(document.answers[0].severity, Some(amiproof_model::report::Severity::Critical));
        assert!(document.answers.iter().all(|answer| answer.times == 1));
    }
}

#[test]
fn profiles_that_have_nothing_to_do_with_each_other_answer_for_themselves() {
    let text = r#"{"version":"5","platform":{},"profiles":[
        {"name":"a","controls":[{"id":"c","impact":0.5,"results":[]}]},
        {"name":"b","controls":[{"id":"c","impact":0.5,"results":[{"status":"passed","code_desc":"x"}]}]}]}"#;
    let document = read(text.as_bytes()).unwrap();
    assert!(matches!(document.answers[0].verdict, Verdict::NotEvaluated(_)), "{document:?}");
}

#[test]
fn what_inspec_itself_waived_is_not_looked_at() {
    let text = r#"{"version":"5","platform":{},"profiles":[{"name":"a","controls":[{"id":"c","impact":0.5,
        "waiver_data":{"skipped_due_to_waiver":true,"justification":"agreed"},"results":[{"status":"skipped","code_desc":"x"}]}]}]}"#;
    let document = read(text.as_bytes()).unwrap();
    assert!(
        matches!(&document.answers[0].verdict, Verdict::NotEvaluated(why) if why.ends_with("its own waivers: agreed"))
    );
}

#[test]
fn a_profile_with_results_of_its_own_hides_no_failure_of_another() {
    let result = |status: &str| format!(r#"[{{"status":"{status}","code_desc":"x"}}]"#);
    let text = format!(
        r#"{{"version":"5","platform":{{}},"profiles":[
        {{"name":"a","depends":[{{"name":"elsewhere"}}],"controls":[{{"id":"c","impact":0.0,"results":{}}}]}},
        {{"name":"b","controls":[{{"id":"c","impact":0.5,"results":{}}}]}}]}}"#,
        result("passed"),
        result("failed")
    );
    let document = read(text.as_bytes()).unwrap();
    assert!(matches!(document.answers[0].verdict, Verdict::Fail(_)), "{document:?}");
}

#[test]
fn a_waiver_in_words_and_a_test_that_broke_are_no_answer() {
    for inner in [
        r#""waiver_data":{"skipped_due_to_waiver":"true"},"results":[{"status":"skipped","code_desc":"x"}]"#,
        r#""results":[{"status":"passed","code_desc":"x","exception":"NoMethodError"}]"#,
    ] {
        let text = format!(
            r#"{{"version":"5","platform":{{}},"profiles":[{{"name":"a","controls":[{{"id":"c","impact":0.5,{inner}}}]}}]}}"#
        );
        let document = read(text.as_bytes()).unwrap();
        assert!(matches!(document.answers[0].verdict, Verdict::NotEvaluated(_)), "{document:?}");
    }
}

#[test]
fn the_states_of_heimdall_are_what_heimdall_makes_of_them_and_nothing_undecided_is_green() {
    let result =
        |status: &str| format!(r#"{{"status":"{status}","code_desc":"x","start_time":"2026-11-28T10:00:00Z"}}"#);
    let waived = r#""waiver_data":{"skipped_due_to_waiver":true,"justification":"agreed"},"#;
    for (more, impact, results, wanted) in [
        ("", 0.5, result("passed"), "pass"),
        ("", 0.5, result("failed"), "fail"),
        ("", 0.5, result("error"), "not evaluated"),
        ("", 0.5, result("pending"), "not evaluated"),
        ("", 0.5, result("green"), "not evaluated"),
        ("", 0.5, String::new(), "not evaluated"),
        ("", 0.5, result("not_applicable"), "not applicable"),
        ("", 0.5, format!("{},{}", result("passed"), result("not_applicable")), "pass"),
        ("", 0.5, format!("{},{}", result("passed"), result("error")), "not evaluated"),
        ("", 0.5, format!("{},{}", result("failed"), result("error")), "fail"),
        ("", 0.5, format!("{},{}", result("passed"), result("skipped")), "manual"),
        ("", 0.5, r#"{"status":"passed","code_desc":"x","backtrace":["a.rb:1"]}"#.to_owned(), "not evaluated"),
        ("", 0.5, r#"{"status":null,"code_desc":"x"}"#.to_owned(), "not evaluated"),
        ("", 0.0, result("failed"), "not applicable"),
        ("", 0.0, result("error"), "not evaluated"),
        (waived, 0.5, result("failed"), "fail"),
        (waived, 0.5, result("skipped"), "not evaluated"),
        (waived, 0.5, String::new(), "not evaluated"),
    ] {
        let text = format!(
            r#"{{"platform":{{"name":"Heimdall Tools","release":"2"}},"version":"2","statistics":{{}},"profiles":[{{"name":"a","controls":[
            {{"id":"c","impact":{impact},{more}"refs":[],"tags":{{"check":"a text","nist":["CM-6"]}},"results":[{results}]}}]}}]}}"#
        );
        let document = read_as(text.as_bytes(), HDF).unwrap();
        let actual = amiproof_model::verdict::Outcome::from(document.answers[0].verdict.clone());
        assert_eq!((document.scanner.as_str(), actual.as_str()), (HDF, wanted), "{text}");
    }
}
