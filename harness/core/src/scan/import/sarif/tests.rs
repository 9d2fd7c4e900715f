use super::*;

fn log(results: &str) -> String {
    format!(
        r#"{{"version":"2.1.0","$schema":"s","runs":[{{"tool":{{"driver":{{"name":"Trivy","version":"0.60.0","rules":[
        {{"id":"CVE-2026-1","name":"OsPackageVulnerability","shortDescription":{{"text":"openssl: overflow"}},"help":{{"text":"update it"}},
          "defaultConfiguration":{{"level":"error"}},"properties":{{"security-severity":"9.8","tags":["x"]}}}},
        {{"id":"KSV001","shortDescription":{{"text":"may escalate"}},"defaultConfiguration":{{"level":"note"}}}}]}}}},
        "invocations":[{{"executionSuccessful":true,"endTimeUtc":"2026-11-21T10:00:00Z"}}],"results":{results}}}]}}"#
    )
}

#[test]
fn results_are_folded_by_rule_with_title_and_severity() {
    let result = |rule: &str, uri: &str| {
        format!(
            r#"{{"ruleId":"{rule}","message":{{"text":"found in {uri}\nmore"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"{uri}"}}}}}}]}}"#
        )
    };
    let text = log(&format!(
        "[{},{},{},{}]",
        result("CVE-2026-1", "usr/lib/a"),
        result("CVE-2026-1", "usr/lib/b"),
        r#"{"ruleIndex":1,"kind":"pass","message":{"text":"ok"}}"#,
        r#"{"ruleId":"X/sub","kind":"review","message":{"text":"look here"}}"#
    ));
    let document = read(text.as_bytes()).unwrap();
    assert_eq!(
        (document.scanner.as_str(), document.version.as_deref(), document.answers.len()),
        ("trivy", Some("0.60.0"), 3)
    );
    let first = &document.answers[0];
    assert_eq!((first.title.as_str(), first.times), ("openssl: overflow", 2));
    assert_eq!(
        first.severity,
        Some(amiproof_model::report::Severity::Critical),
        "the score counts more than the level"
    );
    assert_eq!(first.identifiers, ["CVE-2026-1"]);
    let Verdict::Fail(findings) = &first.verdict else { panic!("{first:?}") };
    assert_eq!(
        (findings.len(), findings[1].resource.as_str(), findings[0].summary.as_str()),
        (2, "usr/lib/b", "found in usr/lib/a")
    );
    assert_eq!((document.answers[1].id.as_str(), &document.answers[1].verdict), ("KSV001", &Verdict::Pass));
    assert_eq!(document.answers[2].verdict, Verdict::Manual("look here".into()));
}

#[test]
fn a_suppression_in_the_file_is_said_but_waives_nothing() {
    let text = log(
        r#"[{"ruleId":"KSV001","message":{"text":"m"},"suppressions":[{"kind":"external","status":"accepted","justification":"known"}]}]"#,
    );
    let Verdict::Fail(findings) = read(text.as_bytes()).unwrap().answers.remove(0).verdict else { panic!() };
    assert_eq!(findings[0].summary, "m (suppressed in the file: known)");
}

#[test]
fn a_log_of_another_form_is_refused_and_a_run_that_broke_is_no_answer() {
    for (text, part) in [
        (r#"{"version":"2.1.0","runs":[]}"#.to_owned(), "no run"),
        (log("[]").replace("2.1.0", "2.0.0"), "this build reads 2.1.0"),
        ("{}".to_owned(), "is not SARIF"),
        (log("[")[..200].to_owned(), "is truncated"),
        (log("[3]"), "is not SARIF JSON"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    let broken = log("[]").replace(r#""executionSuccessful":true"#, r#""executionSuccessful":false"#);
    let document = read(broken.as_bytes()).unwrap();
    assert!(matches!(document.answers[0].verdict, Verdict::NotEvaluated(_)));
}

#[test]
fn deep_and_endless_json_is_refused() {
    assert!(read("[".repeat(100_000).as_bytes()).is_err());
    let long = format!("{{\"version\":\"{}", "x".repeat(super::super::guard::MAX_PIECE + 5));
    assert!(read(long.as_bytes()).unwrap_err().to_string().contains("16 MiB"));
}

#[test]
fn the_rule_of_a_result_is_the_one_of_its_component() {
    let rule = |id: &str, text: &str, level: &str| {
        format!(
            r#"{{"id":"{id}","shortDescription":{{"text":"{text}"}},"defaultConfiguration":{{"level":"{level}"}}}}"#
        )
    };
    let text = |result: &str| {
        format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T","rules":[{}]}},"extensions":[{{"name":"one","rules":[]}},
            {{"name":"queries","guid":"g","rules":[{},{}]}}]}},"results":[{result}]}}]}}"#,
            rule("own", "of the tool", "note"),
            rule("a/b", "wrapped\\n  over lines", "error"),
            rule("other", "another", "warning"),
        )
    };
    for (result, title) in [
        (r#"{"ruleId":"a/b","ruleIndex":0,"rule":{"index":0,"toolComponent":{"index":1}}}"#, "wrapped over lines"),
        (
            r#"{"ruleId":"a/b","ruleIndex":0,"rule":{"index":0,"toolComponent":{"name":"queries"}}}"#,
            "wrapped over lines",
        ),
        (r#"{"ruleId":"other","rule":{"toolComponent":{"guid":"g"}}}"#, "another"),
        (r#"{"ruleId":"a/b"}"#, "wrapped over lines"),
        (r#"{"ruleId":"a/b/extra"}"#, "wrapped over lines"),
        (r#"{"ruleId":"a/b","ruleIndex":0}"#, "wrapped over lines"),
        (r#"{"ruleIndex":0}"#, "of the tool"),
        (r#"{"ruleId":"unknown","rule":{"index":7,"toolComponent":{"index":9}}}"#, "unknown"),
    ] {
        let document = read(text(result).as_bytes()).unwrap();
        assert_eq!(document.answers[0].title, title, "{result}");
    }
}

#[test]
fn errors_of_the_run_itself_and_results_beside_it_are_no_clean_scan() {
    let clean = log("[]");
    let with = |invocation: &str| clean.replace("\"executionSuccessful\":true", invocation);
    let beside =
        |text: &str| clean.replacen("{\"version\"", &format!("{{\"inlineExternalProperties\":{text},\"version\""), 1);
    for (text, is_clean) in [
        (clean.clone(), true),
        (with(r#""toolExecutionNotifications":[{"level":"error","message":{"text":"x"}}]"#), false),
        (with(r#""toolConfigurationNotifications":[{"level":"error"}]"#), false),
        (with(r#""toolExecutionNotifications":[{"level":"warning"},{}]"#), true),
        (beside("[]"), true),
        (beside(r#"[{"results":[]}]"#), true),
        (beside(r#"[{"runGuid":"x","results":[{"ruleId":"a","message":{"text":"bad"}}]}]"#), false),
    ] {
        let document = read(text.as_bytes()).unwrap();
        let is_passed = document.answers.iter().all(|answer| answer.verdict == Verdict::Pass);
        assert_eq!(is_passed, is_clean, "{text}");
    }
}
