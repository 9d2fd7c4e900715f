//! JUnit is read back by a parser that nobody here wrote.

use std::collections::HashSet;

use amiproof_reports::junit::{JunitCounts, expected_counts, render};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus};

use crate::fixture;

fn parsed(report: &amiproof_model::report::Report) -> (String, Report) {
    let xml = render(report, None).unwrap();
    let parsed = Report::deserialize_from_str(&xml).unwrap();
    (xml, parsed)
}

fn cases(report: &Report) -> impl Iterator<Item = &TestCase> {
    report.test_suites.iter().flat_map(|suite| &suite.test_cases)
}

fn find<'a>(report: &'a Report, part: &str) -> &'a TestCase {
    cases(report).find(|case| case.name.as_str().contains(part)).unwrap()
}

fn counted(report: &Report) -> JunitCounts {
    let mut counts = JunitCounts::default();
    for case in cases(report) {
        counts.tests += 1;
        match &case.status {
            TestCaseStatus::Success { .. } => {}
            TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. } => counts.failures += 1,
            TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. } => counts.errors += 1,
            TestCaseStatus::Skipped { .. } => counts.skipped += 1,
        }
    }
    counts
}

#[test]
fn an_interrupted_run() {
    insta::assert_snapshot!(render(&fixture::interrupted(), None).unwrap());
}

#[test]
fn what_a_parser_counts_is_what_the_report_counts() {
    for (name, report) in fixture::all() {
        let (_, parsed) = parsed(&report);
        assert_eq!(counted(&parsed), expected_counts(&report), "{name}");
        let expected = expected_counts(&report);
        let root = (parsed.tests, parsed.failures, parsed.errors);
        assert_eq!(root, (expected.tests, expected.failures, expected.errors), "{name}: totals of the root");
        let suites = parsed.test_suites.iter().fold(JunitCounts::default(), |sum, suite| JunitCounts {
            tests: sum.tests + suite.tests,
            failures: sum.failures + suite.failures,
            errors: sum.errors + suite.errors,
            skipped: sum.skipped + suite.skipped,
        });
        assert_eq!(suites, expected, "{name}: totals of the suites");
    }
}

#[test]
fn the_counts_of_a_run_that_came_to_its_end_are_those_of_its_results() {
    let report = fixture::mixed();
    let counts = report.counts();
    let junit = expected_counts(&report);
    let undecided = counts.error + counts.not_evaluated;
    assert_eq!((junit.tests, junit.failures, junit.errors), (counts.total(), counts.failed, undecided));
    assert_eq!(junit.skipped, 3);
}

#[test]
fn no_two_cases_share_classname_and_name_and_both_hold_the_variant() {
    for (name, mut report) in fixture::all() {
        // The same cell twice, as two attempts to resume a run could leave it.
        if let Some(first) = report.results.first().cloned() {
            report.results.push(first);
        }
        let (_, parsed) = parsed(&report);
        let mut seen = HashSet::new();
        for suite in &parsed.test_suites {
            let (subject, of) = suite.name.as_str().split_once('/').unwrap();
            for case in &suite.test_cases {
                let classname = case.classname.as_ref().unwrap().as_str();
                assert_eq!(classname, format!("{subject}.{of}"), "{name}");
                assert!(case.name.as_str().starts_with(&format!("[{subject}] ")), "{name}: {:?}", case.name);
                assert!(seen.insert((classname.to_owned(), case.name.as_str().to_owned())), "{name}: {:?}", case.name);
            }
        }
        assert_eq!(seen.len(), expected_counts(&report).tests, "{name}");
    }
}

#[test]
fn names_that_are_cut_to_the_same_text_stay_apart() {
    let mut report = fixture::green();
    for tail in ["a", "b", "c"] {
        let title = format!("{}{tail}", "long title ".repeat(100));
        report.results.push(fixture::result(
            "node/long",
            &title,
            fixture::of_variant("al2023-eks"),
            fixture::fail("x", "y"),
        ));
    }
    let (_, parsed) = parsed(&report);
    let names: HashSet<&str> =
        cases(&parsed).map(|case| case.name.as_str()).filter(|name| name.contains("node/long")).collect();
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| name.chars().count() <= 512));
}

#[test]
fn every_character_is_legal_in_xml_and_no_escape_sequence_is_left() {
    let (xml, parsed) = parsed(&fixture::mixed());
    let illegal = xml
        .chars()
        .find(|c| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..));
    assert_eq!(illegal, None);
    // The reference to a character is as illegal as the character.
    for reference in ["&#27;", "&#x1b;", "&#0;", "[31m"] {
        assert!(!xml.contains(reference), "{reference}");
    }
    let case = find(&parsed, "os-cis/nasty");
    let TestCaseStatus::NonSuccess { message, description, .. } = &case.status else { panic!("{case:?}") };
    let (message, body) = (message.as_ref().unwrap().as_str(), description.as_ref().unwrap().as_str());
    for text in [message, body] {
        assert!(text.contains("red nul: cdata:]]> </script><img src=x onerror=alert(1)>"), "{text}");
        assert!(text.contains('🦀'));
    }
}

#[test]
fn texts_are_cut_at_both_ends_below_what_jenkins_takes_and_say_where_the_rest_is() {
    let report = fixture::mixed();
    let (xml, parsed) = parsed(&report);
    let case = find(&parsed, "os-cis/nasty");
    let TestCaseStatus::NonSuccess { message, description, .. } = &case.status else { panic!("{case:?}") };
    let message = message.as_ref().unwrap().as_str();
    let body = description.as_ref().unwrap().as_str();
    assert!(message.chars().count() <= 512 && !message.contains('\n'));
    assert!((40_000..100_000).contains(&body.len()), "{}", body.len());
    assert!(body.contains("bytes cut; the full text is in report.json"));
    assert!(body.trim_end().ends_with("us-west-2.compute.internal (i-00000000000000001)"), "the tail stays");
    assert!(xml.len() < 30_000_000);
}

#[test]
fn skips_say_why_in_message_and_text() {
    let (xml, parsed) = parsed(&fixture::mixed());
    for (check, kind, message) in [
        ("node/age", "waived", "waived by platform until 2027-01-31: rebuild is scheduled"),
        ("cis-al2023-1.0.0/1.1.2", "tolerated", "not mounted"),
        ("windows/rdp-closed", "not-applicable", "not a Windows image"),
    ] {
        let TestCaseStatus::Skipped { message: actual, ty, description, .. } = &find(&parsed, check).status else {
            panic!("{check} is not skipped")
        };
        assert_eq!(actual.as_ref().unwrap().as_str(), message);
        assert_eq!(ty.as_ref().unwrap().as_str(), kind);
        assert!(description.as_ref().unwrap().as_str().contains(message), "{check}");
    }
    assert!(xml.contains("<property name=\"benchmark\" value=\"cis-al2023-1.0.0\"/>"));
    assert!(xml.contains("<property name=\"lab\" value=\"true\"/>"));
}

#[test]
fn a_flaky_check_passes_and_says_so() {
    let (_, parsed) = parsed(&fixture::mixed());
    let case = find(&parsed, "kubelet-path/logs");
    assert!(matches!(case.status, TestCaseStatus::Success { .. }));
    let note = case.system_out.as_ref().unwrap().as_str();
    assert!(note.starts_with("flaky: passed after 1 earlier attempt: connection reset by peer"), "{note}");
}

#[test]
fn a_node_that_never_joined_and_the_interruption_are_errors_of_their_own() {
    let (_, parsed) = parsed(&fixture::interrupted());
    let suites: Vec<&str> = parsed.test_suites.iter().map(|suite| suite.name.as_str()).collect();
    assert!(suites.contains(&"bottlerocket-l2/run") && suites.contains(&"run/interrupted"), "{suites:?}");
    let case = find(&parsed, "run/nodes");
    let TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, message, .. } = &case.status else {
        panic!("{case:?}")
    };
    assert!(message.as_ref().unwrap().as_str().starts_with("0 of 2 nodes joined within 8 min"));
    assert!(case.system_out.as_ref().unwrap().as_str().contains("failed to fetch user data"));
}

#[test]
fn a_leftover_is_an_error_with_the_command_that_removes_it() {
    let (_, parsed) = parsed(&fixture::leftovers());
    let case = find(&parsed, "launch template lt-0123456789abcdef0 is deleted");
    let TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, description, .. } = &case.status else {
        panic!("{case:?}")
    };
    assert!(description.as_ref().unwrap().as_str().contains("aws ec2 delete-launch-template"));
}

#[test]
fn when_space_runs_out_failures_keep_their_text_and_the_file_stays_below_its_limit() {
    let mut report = fixture::big();
    for result in &mut report.results {
        if let amiproof_model::verdict::Outcome::Fail { findings } = &mut result.outcome {
            findings[0].detail = "µ".repeat(25_000);
        }
    }
    let first = report.results.iter().position(|result| !result.outcome.findings().is_empty()).unwrap();
    let check = report.results[first].check.clone();
    let (xml, parsed) = parsed(&report);
    assert!(xml.len() < 30_000_000, "{} bytes", xml.len());
    assert_eq!(counted(&parsed), expected_counts(&report));
    let case = find(&parsed, check.as_str());
    let TestCaseStatus::NonSuccess { description, .. } = &case.status else { panic!("{case:?}") };
    assert!(description.as_ref().unwrap().as_str().len() > 40_000, "the first failure keeps its text");
}

#[test]
fn numbers_and_times_that_make_no_sense_are_written_all_the_same() {
    let mut report = fixture::green();
    report.results[0].seconds = f64::NAN;
    report.results[1].seconds = f64::INFINITY;
    report.results[2].seconds = -4.0;
    report.results[3].seconds = f64::MAX;
    report.results[0].started = jiff::Timestamp::MIN;
    let (xml, parsed) = parsed(&report);
    assert_eq!(counted(&parsed), expected_counts(&report));
    assert!(!xml.contains("NaN") && !xml.contains("inf"));
}

#[test]
fn the_answers_of_two_scanners_have_names_of_their_own() {
    let xml = render(&fixture::disagreeing(), None).unwrap();
    for scanner in ["inspector", "openscap"] {
        let name = format!("os-cis/cis-al2023-1.0.0/3.3.1: ip forwarding is off ({scanner})");
        assert_eq!(xml.matches(&name).count(), 1, "{name}");
    }
}

/// What Jenkins' `junit-10.xsd` allows: an attribute that it does not know makes the xunit plugin refuse the whole file.
const ALLOWED: [(&str, &[&str]); 9] = [
    ("testsuites", &["name", "time", "tests", "failures", "errors"]),
    (
        "testsuite",
        &[
            "name",
            "tests",
            "failures",
            "errors",
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
            "version",
        ],
    ),
    ("properties", &[]),
    ("property", &["name", "value"]),
    ("testcase", &["name", "time", "classname", "group"]),
    ("failure", &["type", "message"]),
    ("error", &["type", "message"]),
    ("skipped", &["type", "message"]),
    ("system-out", &[]),
];

#[test]
fn no_element_and_no_attribute_is_unknown_to_jenkins() {
    let comparison = amiproof_reports::compare::compare(&fixture::green(), &fixture::mixed());
    let form = amiproof_reports::compare::ComparisonFormat::Junit;
    let mut documents = vec![("compare", comparison.render(form, &amiproof_reports::Style::default()).unwrap())];
    documents.extend(fixture::all().map(|(name, report)| (name, render(&report, None).unwrap())));
    for (name, xml) in documents {
        let mut reader = quick_xml::Reader::from_str(&xml);
        loop {
            let tag = match reader.read_event().unwrap() {
                quick_xml::events::Event::Eof => break,
                quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => tag,
                _ => continue,
            };
            let element = String::from_utf8(tag.name().as_ref().to_vec()).unwrap();
            let (_, allowed) =
                ALLOWED.iter().find(|(known, _)| *known == element).unwrap_or_else(|| panic!("{name}: {element}"));
            for attribute in tag.attributes() {
                let attribute = attribute.unwrap();
                let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                assert!(allowed.contains(&key.as_str()), "{name}: {element} has {key}");
                if key == "time" {
                    let value = String::from_utf8(attribute.value.to_vec()).unwrap();
                    let (_, fraction) = value.split_once('.').unwrap_or((&value, ""));
                    assert!(
                        fraction.len() <= 3 && !value.starts_with('-') && !value.contains('e'),
                        "{name}: time {value}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_scan_takes_its_time_once_and_suites_and_document_take_the_wall_clock() {
    let mut report = fixture::green();
    for number in 0..200 {
        let mut control = fixture::control(
            "os-cis",
            "cis-al2023-1.0.0",
            &format!("1.{number}"),
            "a control",
            fixture::of_variant("al2023-eks-l1"),
            amiproof_model::verdict::Outcome::Pass,
        );
        control.seconds = 6.607;
        report.results.push(control);
    }
    let (_, parsed) = parsed(&report);
    let suite = parsed.test_suites.iter().find(|suite| suite.name.as_str() == "al2023-eks-l1/os-cis").unwrap();
    assert_eq!(suite.time.unwrap().as_secs_f64(), 6.607, "the scan's time is the suite's");
    let mut controls = suite.test_cases.iter().map(|case| case.time.unwrap().as_secs_f64());
    assert_eq!(controls.next(), Some(6.607), "its first control has it, so that the times of all cases add up");
    assert!(controls.all(|seconds| seconds == 0.0), "and no other one");
    assert_eq!(parsed.time.unwrap().as_secs_f64(), report.run.seconds);
    let nodes = parsed.test_suites.iter().find(|suite| suite.name.as_str() == "al2023-eks-l1/node").unwrap();
    assert_eq!(nodes.time.unwrap().as_secs_f64(), 2.5, "two checks that ran beside each other");
    assert!(nodes.test_cases.iter().all(|case| case.time.unwrap().as_secs_f64() == 2.5));
}

#[test]
fn what_is_not_decided_is_an_error_and_never_a_skip() {
    let (_, parsed) = parsed(&fixture::mixed());
    let case = find(&parsed, "cis-al2023-1.0.0/3.3.1");
    let TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, message, ty, .. } = &case.status else {
        panic!("{case:?}")
    };
    assert_eq!(message.as_ref().unwrap().as_str(), "the scan of node 2 never answered");
    assert_eq!(ty.as_ref().unwrap().as_str(), "not-evaluated");
}

#[test]
fn a_run_that_decided_nothing_is_red() {
    let mut manual = fixture::empty();
    let look = amiproof_model::verdict::Outcome::Manual { look_at: "the policy".into() };
    manual.results.push(fixture::result(
        "eks-cis/policy",
        "the policy is good",
        amiproof_model::report::Subject::Cluster,
        look,
    ));
    for report in [manual, fixture::empty()] {
        let (_, parsed) = parsed(&report);
        let case = find(&parsed, "run/verdict");
        assert!(matches!(case.status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. }), "{case:?}");
        assert_eq!(counted(&parsed), expected_counts(&report));
    }
}

#[test]
fn a_failure_with_a_cause_begins_with_it() {
    let (_, read) = parsed(&fixture::mixed());
    let TestCaseStatus::NonSuccess { message, description, .. } = &find(&read, "workload/pod-to-pod").status else {
        panic!("it fails")
    };
    let message = message.as_ref().unwrap().as_str();
    let cause = "forwarded packets are dropped (nftables forward policy, 3.4.2.7; possible): no answer from";
    assert!(message.starts_with(cause), "{message}");
    let body = description.as_ref().unwrap().as_str();
    let values = "firewall.nft.forward is drop (inet filter forward) on node 2, on the reference accept";
    assert!(body.contains(values), "{body}");
}
