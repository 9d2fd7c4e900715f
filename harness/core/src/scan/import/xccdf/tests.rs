use amiproof_model::name::Level;
use amiproof_model::verdict::Verdict;

use super::*;
use crate::scan::import::document::Answer;

const NS: &str = "http://checklists.nist.gov/xccdf/1.2";

fn read_text(text: &str) -> Result<Document, ImportError> {
    read(text.as_bytes())
}

/// A benchmark with its results, as `oscap xccdf eval --results` writes one.
fn file(rules: &str, results: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Benchmark xmlns=\"{NS}\" id=\"xccdf_org.example_benchmark_X\"><title>Guide to X</title>\
         <Group id=\"g\"><title>not the title</title>{rules}</Group>\
         <TestResult id=\"t\" end-time=\"2026-11-21T11:16:10+00:00\" test-system=\"cpe:/a:redhat:openscap:1.3.7\">\
         <benchmark href=\"x.xml\" id=\"xccdf_org.example_benchmark_X\"/><profile idref=\"xccdf_org.example_profile_cis_level1_server\"/>\
         <target>node-1</target><target-facts><fact name=\"urn:xccdf:fact:scanner:name\" type=\"string\">OpenSCAP</fact></target-facts>\
         {results}<score maximum=\"100\">50</score></TestResult></Benchmark>"
    )
}

fn rule_result(id: &str, result: &str, more: &str) -> String {
    format!(
        "<rule-result idref=\"xccdf_org.example_rule_{id}\" severity=\"high\"><result>{result}</result>{more}</rule-result>"
    )
}

fn answer<'a>(document: &'a Document, id: &str) -> &'a Answer {
    document.answers.iter().find(|answer| answer.id == id).unwrap_or_else(|| panic!("{id} in {document:?}"))
}

#[test]
fn every_result_of_the_standard_has_one_verdict() {
    let words = [
        "pass",
        "fail",
        "error",
        "unknown",
        "notapplicable",
        "notchecked",
        "notselected",
        "informational",
        "fixed",
        "maybe",
    ];
    let results: String = words.iter().map(|word| rule_result(word, word, "")).collect();
    let document = read_text(&file("", &results)).unwrap();
    let seen: Vec<String> = document
        .answers
        .iter()
        .map(|answer| {
            format!("{} = {}", answer.id, amiproof_model::verdict::Outcome::from(answer.verdict.clone()).as_str())
        })
        .collect();
    assert_eq!(
        seen,
        [
            "pass = pass",
            "fail = fail",
            "error = not evaluated",
            "unknown = not evaluated",
            "notapplicable = not applicable",
            "notchecked = not evaluated",
            "informational = not applicable",
            "fixed = pass",
            "maybe = not evaluated",
        ]
    );
    assert_eq!(document.left_out, 1, "what is not selected is counted, not forgotten");
}

#[test]
fn a_rule_brings_its_title_severity_numbers_and_remediation() {
    let rule = "<Rule id=\"xccdf_org.example_rule_a\" severity=\"medium\"><title>Do <sub>not</sub> route</title>\
        <reference href=\"https://www.cisecurity.org/controls/\">11.2</reference>\
        <reference href=\"https://www.cisecurity.org/benchmark/amazon_linux/\">3.3.1</reference>\
        <reference href=\"https://nist.gov\">CM-6(a)</reference>\
        <ident system=\"https://ncp.nist.gov/cce\">CCE-80001-1</ident><fixtext>sysctl -w &lt;it&gt;</fixtext></Rule>";
    let result = "<rule-result idref=\"xccdf_org.example_rule_a\" severity=\"unknown\"><result>fail</result>\
        <message severity=\"info\">it was 1</message><check system=\"x\"><check-content-ref href=\"y\"/></check></rule-result>";
    let document = read_text(&file(rule, result)).unwrap();
    let a = answer(&document, "a");
    assert_eq!((a.title.as_str(), a.numbers.as_slice()), ("Do not route", &["3.3.1".to_owned()][..]));
    assert_eq!(a.identifiers, ["CCE-80001-1", "CIS 3.3.1"]);
    assert_eq!(a.severity, Some(amiproof_model::report::Severity::Medium));
    let Verdict::Fail(findings) = &a.verdict else { panic!("{a:?}") };
    assert_eq!(findings[0].summary, "the rule is not met: it was 1");
    assert_eq!(findings[0].remediation, "sysctl -w <it>");
    assert_eq!((document.scanner.as_str(), document.version.as_deref()), ("openscap", Some("1.3.7")));
    assert_eq!((document.content.as_str(), document.target.as_str()), ("Guide to X", "node-1"));
    assert_eq!(
        (document.level, document.when.unwrap().to_string().as_str()),
        (Some(Level::One), "2026-11-21T11:16:10Z")
    );
}

#[test]
fn cis_cat_says_benchmark_and_number_in_its_ids() {
    let text = format!(
        "<cdf:TestResult xmlns:cdf=\"{NS}\" end-time=\"2026-11-21T11:16:10\" test-system=\"cpe:/a:cisecurity:cis-cat:4.50\">\
         <cdf:benchmark id=\"xccdf_org.cisecurity.benchmarks_benchmark_1.0.0_CIS_Amazon_Linux_2023_Benchmark\"/>\
         <cdf:profile idref=\"xccdf_org.cisecurity.benchmarks_profile_Level_2_-_Server\"/><cdf:target>n</cdf:target>\
         <cdf:rule-result idref=\"xccdf_org.cisecurity.benchmarks_rule_3.3.1_Ensure_source_routed_packets_are_not_accepted\" role=\"full\">\
         <cdf:result>pass</cdf:result></cdf:rule-result></cdf:TestResult>"
    );
    let document = read_text(&text).unwrap();
    assert_eq!(document.benchmark.as_ref().unwrap().as_str(), "cis-al2023-1.0.0");
    assert_eq!((document.level, document.scanner.as_str()), (Some(Level::Two), "cis-cat"));
    let answer = &document.answers[0];
    assert_eq!(
        (answer.numbers.as_slice(), answer.title.as_str()),
        (&["3.3.1".to_owned()][..], "3.3.1 Ensure source routed packets are not accepted")
    );
}

#[test]
fn a_rule_that_is_answered_twice_counts_as_its_worst_answer() {
    let results: String = ["pass", "fail", "pass", "fail"]
        .iter()
        .enumerate()
        .map(|(at, word)| rule_result("a", word, &format!("<instance>/mnt/{at}</instance>")))
        .collect();
    let document = read_text(&file("", &results)).unwrap();
    let a = answer(&document, "a");
    let Verdict::Fail(findings) = &a.verdict else { panic!("{a:?}") };
    let resources: Vec<&str> = findings.iter().map(|finding| finding.resource.as_str()).collect();
    assert_eq!((a.times, resources), (4, vec!["/mnt/1", "/mnt/3"]));
}

#[test]
fn content_for_another_platform_is_no_clean_scan() {
    let results = rule_result("a", "notapplicable", "")
        + &rule_result("b", "notapplicable", "")
        + &rule_result("c", "notselected", "");
    let document = read_text(&file("", &results)).unwrap();
    assert!(document.answers.iter().all(|answer| matches!(answer.verdict, Verdict::NotEvaluated(_))), "{document:?}");
    assert!(document.notes[0].contains("another platform"), "{:?}", document.notes);
}

#[test]
fn files_without_evidence_are_refused() {
    for (text, part) in [
        (file("<Rule id=\"r\"/>", "").replace("TestResult", "Profile"), "no XCCDF TestResult"),
        (file("", ""), "no selected rule"),
        (file("", &rule_result("a", "notselected", "")), "no selected rule"),
        ("<html/>".to_owned(), "is not XCCDF results: found <html>"),
    ] {
        let error = read_text(&text).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    let whole = file("", &rule_result("a", "pass", ""));
    for cut in (10..whole.len() - 1).step_by(37) {
        assert!(read_text(&whole[..cut]).is_err(), "cut at {cut}");
    }
}

/// Several results in one ARF file, each of a machine, a profile and a rule.
fn several(tests: &[(&str, &str, &str, &str)]) -> String {
    let test = |(end, target, profile, word): &(&str, &str, &str, &str)| {
        format!(
            "<TestResult end-time='2026-11-{end}T00:00:00Z'><profile idref='{profile}'/><target>{target}</target>{}</TestResult>",
            rule_result("a", word, "")
        )
    };
    let tests: String = tests.iter().map(test).collect();
    format!(
        "<arf:asset-report-collection xmlns:arf='x'><arf:reports>{tests}</arf:reports></arf:asset-report-collection>"
    )
}

#[test]
fn every_result_of_a_machine_counts_and_several_machines_are_refused() {
    for (tests, word) in [
        ([("21", "n", "p", "pass"), ("22", "n", "p", "fail")], "fail"),
        ([("22", "n", "p", "fail"), ("21", "n", "p", "pass")], "fail"),
        ([("21", "n", "p", "fail"), ("22", "n", "p", "notchecked")], "fail"),
        ([("21", "n", "p", "pass"), ("22", "n", "p", "notchecked")], "not evaluated"),
        ([("21", "n", "p", "fail"), ("22", "n", "p", "fixed")], "pass"),
        ([("22", "n", "p", "fail"), ("21", "n", "p", "fixed")], "fail"),
        ([("21", "n", "one", "fail"), ("22", "n", "two", "fixed")], "fail"),
        ([("21", "n", "one", "fail"), ("22", "n", "two", "pass")], "fail"),
        ([("21", "n", "p", "fail"), ("22", "", "p", "pass")], "fail"),
        ([("21", "n", "one", "fail"), ("22", "n", "two", "notselected")], "fail"),
        ([("21", "n", "one", "pass"), ("22", "n", "two", "notapplicable")], "not evaluated"),
    ] {
        let document = read_text(&several(&tests)).unwrap();
        let outcome = amiproof_model::verdict::Outcome::from(answer(&document, "a").verdict.clone());
        assert_eq!(outcome.as_str(), word, "{tests:?}");
        assert!(document.notes[0].contains("2 results for one machine"), "{:?}", document.notes);
    }
    let two = several(&[("22", "n", "p", "fail"), ("21", "m", "p", "pass")]);
    assert!(read_text(&two).unwrap_err().to_string().contains("several machines (m, n)"));
}

#[test]
fn two_benchmarks_of_one_machine_keep_their_names() {
    let test = |name: &str, word: &str| {
        format!(
            "<TestResult><benchmark id='xccdf_org.cisecurity.benchmarks_benchmark_1.0.0_CIS_{name}_Benchmark'/><target>n</target>\
             <rule-result idref='xccdf_org.cisecurity.benchmarks_rule_1.1_Ensure'><result>{word}</result></rule-result></TestResult>"
        )
    };
    let text = format!("<c>{}{}</c>", test("Amazon_Linux_2023", "fail"), test("Bottlerocket", "pass"));
    let document = read_text(&text.replace("<c>", "<Benchmark>").replace("</c>", "</Benchmark>")).unwrap();
    let notes: Vec<String> = document
        .answers
        .iter()
        .map(|answer| format!("{} {}", answer.benchmark.as_ref().unwrap(), matches!(answer.verdict, Verdict::Pass)))
        .collect();
    assert_eq!(notes, ["cis-al2023-1.0.0 false", "cis-bottlerocket-1.0.0 true"]);
    assert_eq!(document.benchmark, None);
}

#[test]
fn a_title_is_whole_whatever_lines_it_stands_on() {
    let rule = "<Rule id=\"xccdf_org.example_rule_a\"><title>It must be so\n      that values match.</title></Rule>";
    let document =
        read_text(&file(rule, &rule_result("a", "pass", "")).replace("Guide to X", "Guide\n   to X")).unwrap();
    assert_eq!(
        (answer(&document, "a").title.as_str(), document.content.as_str()),
        ("It must be so that values match.", "Guide to X")
    );
}

#[test]
fn more_results_than_any_scanner_gives_are_refused() {
    let many: String = (0..=MAX_ANSWERS).map(|at| rule_result(&format!("r{at}"), "pass", "")).collect();
    assert!(read_text(&file("", &many)).unwrap_err().to_string().contains("over the limit of 50000"));
}

#[test]
fn only_a_result_that_is_known_to_be_later_fixes_a_failure() {
    let failed_then_fixed = [
        ("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z", "pass"),
        // Half past nine by the clock, but an hour later.
        ("2026-11-21T10:00:00+02:00", "2026-11-21T09:30:00+00:00", "pass"),
        ("2026-11-21T10:00:00-05:00", "2026-11-21T12:00:00+00:00", "fail"),
        ("2026-11-21T10:00:00", "2026-11-21T11:00:00", "pass"),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z", "fail"),
        ("2026-11-21T10:00:00", "2026-11-21T11:00:00Z", "fail"),
        ("", "2026-11-21T11:00:00Z", "fail"),
        ("2026-11-21T10:00:00Z", "", "fail"),
        ("yesterday", "2026-11-21T11:00:00Z", "fail"),
    ];
    let test = |end: &str, word: &str| {
        format!("<TestResult end-time='{end}'><target>n</target>{}</TestResult>", rule_result("a", word, ""))
    };
    for (failed, fixed, wanted) in failed_then_fixed {
        let (failed, fixed) = (test(failed, "fail"), test(fixed, "fixed"));
        for text in [format!("{failed}{fixed}"), format!("{fixed}{failed}")] {
            let document = read_text(&format!("<Benchmark>{text}</Benchmark>")).unwrap();
            let outcome = amiproof_model::verdict::Outcome::from(answer(&document, "a").verdict.clone());
            assert_eq!(outcome.as_str(), wanted, "{text}");
        }
    }
}

#[test]
fn a_result_without_rules_beside_others_is_a_row_without_an_answer() {
    let full = format!("<TestResult><target>n</target>{}</TestResult>", rule_result("a", "pass", ""));
    for empty in [
        "<TestResult><target>n</target></TestResult>".to_owned(),
        format!("<TestResult><target>n</target>{}</TestResult>", rule_result("b", "notselected", "")),
    ] {
        let document = read_text(&format!("<Benchmark>{full}{empty}</Benchmark>")).unwrap();
        assert_eq!((document.answers.len(), &document.answers[0].verdict), (2, &Verdict::Pass), "{empty}");
        assert!(matches!(document.answers[1].verdict, Verdict::NotEvaluated(_)), "{document:?}");
    }
}

#[test]
fn what_is_for_information_or_unchecked_is_no_answer_to_a_control() {
    let number = "<ident system='https://www.cisecurity.org/benchmark/x'>1.1</ident>";
    for (role, word, more, wanted) in [
        ("full", "informational", number, "not evaluated"),
        ("full", "informational", "", "not applicable"),
        ("unchecked", "informational", "", "not evaluated"),
        ("unchecked", "pass", number, "not evaluated"),
        ("unchecked", "fixed", "", "not evaluated"),
        ("unscored", "pass", number, "pass"),
        ("unscored", "fail", number, "manual"),
        ("full", "pass", number, "pass"),
    ] {
        let result = rule_result("a", word, more).replace("severity=", &format!("role=\"{role}\" severity="));
        let document = read_text(&file("", &result)).unwrap();
        let outcome = amiproof_model::verdict::Outcome::from(answer(&document, "a").verdict.clone());
        assert_eq!(outcome.as_str(), wanted, "{role} {word} {more}");
    }
}
