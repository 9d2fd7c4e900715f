//! Output whole, torn, dressed in log lines and from real runs.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;

/// Of our own making, in the tool's form.
fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/kube-bench").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn count(output: &Output, status: &Status) -> usize {
    output.controls.iter().filter(|control| control.status == *status).count()
}

#[test]
fn an_object_with_totals_is_read() {
    let output = parse(&fixture("node.json")).unwrap();
    assert_eq!(output.benchmark, "eks-1.8.0");
    let statuses: Vec<_> = output.controls.iter().map(|control| (control.number.as_str(), &control.status)).collect();
    assert_eq!(
        statuses,
        [
            ("3.1.1", &Status::Pass),
            ("3.1.3", &Status::Fail),
            ("3.2.1", &Status::Fail),
            ("3.2.5", &Status::Info),
            ("3.2.7", &Status::Warn),
            ("3.2.8", &Status::Unknown("MAYBE".to_owned())),
        ]
    );
    assert!(output.controls.iter().all(|control| control.target == "node"));
    assert!(output.controls[2].reason.starts_with("failed to run"));
}

#[test]
fn a_bare_array_and_log_lines_around_the_json_are_read() {
    let whole = fixture("node.json");
    let document: Value = serde_json::from_str(&whole).unwrap();
    let array = document["Controls"].to_string();
    assert_eq!(parse(&array).unwrap(), parse(&whole).unwrap());
    let dressed = format!("[INFO] 3 Worker Node\nI1121 08:00:00.000000 1 root.go:88] start {{}}\n{whole}\ndone\n");
    assert_eq!(parse(&dressed).unwrap(), parse(&whole).unwrap());
}

#[test]
fn torn_output_is_an_error_wherever_it_is_torn() {
    let compact = serde_json::from_str::<Value>(&fixture("node.json")).unwrap().to_string();
    for length in 1..compact.len() {
        let Some(torn) = compact.get(..length) else { continue };
        let error = parse(torn).expect_err(torn);
        assert!(matches!(error, ParseError::Truncated { .. }), "{length}: {error}");
    }
}

#[test]
fn output_that_is_no_result_says_what_it_is() {
    assert_eq!(parse(" \n"), Err(ParseError::Empty));
    let fatal = parse("unable to determine benchmark version: no kubectl\nmore").unwrap_err().to_string();
    assert_eq!(
        fatal,
        "kube-bench wrote no JSON; its output begins with 'unable to determine benchmark version: no kubectl'"
    );
    assert_eq!(parse("{\"Controls\":[]}"), Err(ParseError::NoControls));
    assert_eq!(parse("{\"Controls\":null}"), Err(ParseError::NoControls));
    let form = parse("{\"Controls\":[{\"tests\":7}]}").unwrap_err().to_string();
    assert!(form.contains("a format that this build cannot read"), "{form}");
}

#[test]
fn the_compact_form_is_read_and_knows_when_it_was_cut() {
    let compact = "\"test_number\":\"3.1.1\"\n\"test_desc\":\"kubeconfig mode\"\n\"status\":\"PASS\"\n\
                   \"test_number\":\"3.2.1\"\n\"status\":\"FAIL\"\n\"reason\":\"failed to run: \\\"ps\\\", output: \\\"\\\"\"\n\
                   \"test_number\":\"3.2.2\"\n\"status\":\"WA";
    let output = parse_compact(compact).unwrap();
    let read: Vec<_> = output.controls.iter().map(|control| (control.number.as_str(), &control.status)).collect();
    assert_eq!(read, [("3.1.1", &Status::Pass), ("3.2.1", &Status::Fail)]);
    assert_eq!(output.controls[0].title, "kubeconfig mode");
    assert_eq!(output.controls[1].reason, r#"failed to run: "ps", output: """#);
    assert!(output.cut);
    assert_eq!(parse_compact(""), Err(ParseError::Empty));
    assert_eq!(parse_compact("Killed"), Err(ParseError::NoControls));
}

/// Real output of kube-bench v0.15.6, where the folder is there: see the README beside it.
#[test]
fn genuine_output_is_read_whole() {
    let Some(folder) = shared_data() else { return };
    let expected = [
        ("eks-1.5.0-baseline", 11, 2, 33),
        ("eks-1.5.0-cis-l1", 13, 0, 33),
        ("eks-1.8.0-baseline", 25, 2, 23),
        ("eks-1.8.0-cis-l1", 26, 1, 23),
    ];
    for (name, pass, fail, warn) in expected {
        let text = std::fs::read_to_string(folder.join(format!("kube-bench-{name}.json"))).unwrap();
        let output = parse(&text).unwrap();
        let counts = (count(&output, &Status::Pass), count(&output, &Status::Fail), count(&output, &Status::Warn));
        assert_eq!(counts, (pass, fail, warn), "{name}");
        assert!(name.starts_with(&output.benchmark), "{name}: {}", output.benchmark);
    }
    for name in ["eks-1.5.0-cis-l2-broken", "eks-1.8.0-cis-l2-broken"] {
        let text = std::fs::read_to_string(folder.join(format!("kube-bench-{name}.json"))).unwrap();
        assert_eq!(parse(&text), Err(ParseError::Empty), "{name}");
    }
}

/// `shared/data/kube-bench` beside the workspace, or beside a folder above it.
fn shared_data() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().map(|folder| folder.join("shared/data/kube-bench")).find(|folder| folder.is_dir())
}

/// A section of one control, as kube-bench writes it.
fn section(number: &str, status: &str) -> String {
    format!(
        r#"{{"id":"3","version":"eks-1.8.0","node_type":"node","tests":[{{"results":[{{"test_number":"{number}","test_desc":"d","status":"{status}"}}]}}]}}"#
    )
}

fn summary_of(text: &str) -> Vec<Vec<String>> {
    let run = |output: Output| {
        output.controls.iter().map(|control| format!("{} {:?}", control.number, control.status)).collect()
    };
    runs(text).unwrap().into_iter().map(run).collect()
}

#[test]
fn every_run_in_a_text_counts_whatever_holds_them_together() {
    let (bad, good, other) = (
        section("3.1.1", "FAIL"),
        section("3.1.1", "PASS"),
        section("3.1.2", "PASS").replace(r#""id":"3""#, r#""id":"4""#),
    );
    let whole = |section: &str| {
        let pass = section.matches("PASS").count();
        format!("{{\"Controls\":[{section}],\"Totals\":{{\"total_pass\":{pass},\"total_fail\":{}}}}}", 1 - pass)
    };
    let two = [vec!["3.1.1 Pass".to_owned()], vec!["3.1.1 Fail".to_owned()]];
    let prefixed = |pod: &str, text: &str| format!("[pod/{pod}/kube-bench] {text}\n");
    for text in [
        format!("{}\n{}\n", whole(&good), whole(&bad)),
        format!("[INFO] start\n{}\nI1128 a line\n{}\n", whole(&good), whole(&bad)),
        format!("[{},{}]", whole(&good), whole(&bad)),
        format!("{good}\n{bad}\n"),
        prefixed("a", &whole(&good)) + &prefixed("b", &whole(&bad)),
        format!("{}\n2026-11-28T10:00:00.123456789Z stdout F {}\n", whole(&good), whole(&bad)),
        format!("2026-11-28T10:00:00.123456789Z {}\n2026-11-28T10:00:01.5Z {}\n", whole(&good), whole(&bad)),
    ] {
        assert_eq!(summary_of(&text), two, "{text}");
        assert_eq!(parse(&text).unwrap().controls[0].status, Status::Fail, "the worst answer counts");
    }
    // Lines of two pods that were followed at once.
    let pretty =
        |section: &str| serde_json::to_string_pretty(&serde_json::from_str::<Value>(&whole(section)).unwrap()).unwrap();
    let (one, two_of) = (pretty(&good), pretty(&bad));
    let mixed: String = one.lines().zip(two_of.lines()).map(|(a, b)| prefixed("a", a) + &prefixed("b", b)).collect();
    assert_eq!(summary_of(&mixed), two);
    for text in [format!("{bad}\n{other}"), format!("[{bad},{other}]"), bad.clone() + &other] {
        assert_eq!(summary_of(&text), [["3.1.1 Fail", "3.1.2 Pass"]], "sections of one run: {text}");
    }
    let mixed = format!("[{bad},{}]", other.replace("eks-1.8.0", "eks-1.7.0"));
    let benchmarks: Vec<String> = runs(&mixed).unwrap().into_iter().map(|output| output.benchmark).collect();
    assert_eq!(benchmarks, ["eks-1.8.0", "eks-1.7.0"]);
}

#[test]
fn no_run_that_is_cut_off_hides_behind_a_whole_one() {
    let (good, bad) = (section("3.1.1", "PASS"), section("3.1.1", "FAIL"));
    for cut in (1..bad.len()).filter(|cut| bad.is_char_boundary(*cut)) {
        for text in [format!("{good}\n{}", &bad[..cut]), format!("{}\n{good}\n", &bad[..cut.max(20)])] {
            let error = runs(&text).expect_err(&text);
            assert!(matches!(error, ParseError::Truncated { .. } | ParseError::Form { .. }), "{text}: {error}");
        }
    }
    let behind = format!("{good}\n{}\n", &bad[..bad.len() - 9]);
    assert!(matches!(runs(&behind), Err(ParseError::Truncated { .. })), "cut within a text, before a line end");
    let short = format!("{{\"Controls\":[{good}],\"Totals\":{{\"total_pass\":3,\"total_fail\":1}}}}");
    assert_eq!(runs(&short), Err(ParseError::Incomplete { total: 4, found: 1 }));
}

#[test]
fn what_is_refused_is_called_what_it_is() {
    for (text, part) in [
        ("[INFO] 3 Worker Node\n[FAIL] 3.1.1 Ensure\n", "with --json"),
        ("{\"items\": [{\"test_number\": \"K.1\"}]}", "is JSON, but not kube-bench's"),
        ("nothing at all", "wrote no JSON"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    let kept = r#"{"test_number":"4.2.9","test_desc":"d","status":"WARN","reason":"failed to run: x"}"#;
    assert_eq!(check(kept).map(|control| control.status), Some(Status::Warn));
    assert_eq!(check("a log line"), None);
}

#[test]
fn totals_that_promise_more_of_a_status_than_there_is_are_refused_at_every_level() {
    let good = section("3.1.1", "PASS");
    let of_section = |counts: &str| good.replace("\"tests\"", &format!("{counts},\"tests\""));
    for (text, refused) in [
        (format!("{{\"Controls\":[{good}],\"Totals\":{{\"total_pass\":1}}}}"), false),
        (format!("{{\"Controls\":[{good}],\"Totals\":{{\"total_fail\":1}}}}"), true),
        (of_section("\"total_pass\":1,\"total_fail\":0"), false),
        (of_section("\"total_fail\":1"), true),
        (good.replace("{\"results\"", "{\"pass\":1,\"fail\":0,\"results\""), false),
        (good.replace("{\"results\"", "{\"fail\":1,\"results\""), true),
        (good.replace("{\"results\"", "{\"fail\":2,\"results\""), true),
    ] {
        assert_eq!(runs(&text).is_err(), refused, "{text}");
    }
}

#[test]
fn what_a_second_run_does_not_say_is_no_answer() {
    let (one, two) = (section("3.1.1", "PASS"), section("3.1.2", "PASS"));
    let full = format!("[{one},{two}]");
    assert_eq!(
        summary_of(&format!("{full}\n{one}\n")),
        [["3.1.1 Pass", "3.1.2 Pass"], ["3.1.1 Pass", "3.1.2 Missing"]]
    );
    assert_eq!(summary_of(&format!("{one}\n{two}\n")).len(), 2, "the same section twice is of two runs");
    let empty = r#"{"id":"3","version":"eks-1.8.0","node_type":"node","tests":null}"#;
    for text in ["{\"Controls\":[],\"Totals\":{\"total_pass\":0}}".to_owned(), "[]".to_owned(), empty.to_owned()] {
        assert_eq!(runs(&format!("{full}\n{text}\n")), Err(ParseError::EmptyRun), "{text}");
    }
    let promised = empty.replace("null", "null,\"total_fail\":3");
    assert_eq!(runs(&format!("{full}\n{promised}")), Err(ParseError::Incomplete { total: 3, found: 0 }));
}

#[test]
fn results_outside_of_what_can_be_read_refuse_the_file() {
    let (good, bad) = (section("3.1.1", "PASS"), section("3.1.1", "FAIL"));
    for other in [
        format!("pod-b kube-bench {{\"Controls\":[{bad}]}}"),
        format!("a line {bad}"),
        "[FAIL] 3.1.1 Ensure".to_owned(),
        format!("{{\"items\":[{{\"Controls\":[{bad}]}}]}}"),
    ] {
        for text in [format!("{good}\n{other}\n"), format!("{other}\n{good}\n")] {
            assert!(matches!(runs(&text), Err(ParseError::Unread { .. })), "{text}: {:?}", runs(&text));
        }
    }
}
