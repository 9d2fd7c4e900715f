//! Output whole, torn, dressed in log lines and from real runs.

use std::path::{Path, PathBuf};

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
    assert!(form.contains("another form"), "{form}");
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
