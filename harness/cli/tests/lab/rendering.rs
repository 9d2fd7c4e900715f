//! `report` and `compare`: what they write, what they leave alone, and what they answer.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::process::{run, stderr};

const FORMS: [&str; 4] = ["junit.xml", "matrix.html", "matrix.md", "matrix.csv"];

fn result(check: &str, outcome: Value, disposition: &str) -> Value {
    json!({
        "check": check, "title": "a question", "subject": {"variant": "al2023-l1"}, "outcome": outcome, "disposition": disposition,
        "started": "2026-11-21T07:42:20Z", "seconds": 2.5,
    })
}

/// A run of one variant with these results, in a folder of runs. Its text is not what this build would write.
fn stored(dir: &Path, id: &str, results: &[Value]) -> PathBuf {
    let report = json!({
        "schemaVersion": 1, "tool": {"name": "amiproof", "version": "0.1.0"},
        "run": {
            "id": id, "matrix": "nightly", "started": "2026-11-21T07:42:20Z", "seconds": 1.0,
            "criticalPathSeconds": 1.0, "interrupted": false,
        },
        "cluster": {"name": "c"}, "variants": [{"name": "al2023-l1", "family": "al2023"}], "results": results,
        "cleanup": {"ran": true, "created": 0, "gone": 0, "leftovers": []},
    });
    let folder = dir.join("runs").join(id);
    fs::create_dir_all(&folder).unwrap();
    let text = report.to_string().replacen("\"seconds\":1.0", "\"seconds\" :  1.2788751170000001", 1);
    fs::write(folder.join("report.json"), text).unwrap();
    folder
}

fn passed(check: &str) -> Value {
    result(check, json!("pass"), "passed")
}

fn failed(check: &str) -> Value {
    result(check, json!({"fail": {"findings": [{"resource": "node 1", "summary": "not so"}]}}), "failed")
}

#[test]
fn rendering_changes_no_byte_of_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let folder = stored(dir.path(), "a", &[passed("node/ready"), failed("node/joined")]);
    stored(dir.path(), "base", &[passed("node/ready"), passed("node/joined")]);
    let before = fs::read(folder.join("report.json")).unwrap();
    for arguments in
        [&["report", "a"][..], &["report", "a", "--baseline", "base"], &["report", "a", "--output", "html"]]
    {
        let output = run(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        assert_eq!(fs::read(folder.join("report.json")).unwrap(), before, "{arguments:?}");
    }
    assert!(FORMS.iter().all(|name| folder.join(name).is_file()));
    let output = run(dir.path(), &["report", "a", "--output", "json", "--baseline", "base"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim_end().as_bytes(),
        before,
        "the report itself is printed as it is"
    );
}

#[test]
fn statements_name_the_digest_of_the_file_as_it_lies_there() {
    use sha2::{Digest as _, Sha256};
    let dir = tempfile::tempdir().unwrap();
    crate::findings::stored(dir.path(), "r-account", "123456789012", false);
    let bytes = fs::read(dir.path().join("runs/r-account/report.json")).unwrap();
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let output = run(dir.path(), &["report", "r-account", "--output", "in-toto"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let statement: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(statement["subject"][0]["digest"]["sha256"], digest.as_str());
    assert_eq!(statement["subject"][0]["name"], "arn:aws:ec2:us-west-2::image/ami-0123456789abcdef0");
    assert_eq!(statement["predicate"]["result"], "FAILED");

    stored(dir.path(), "a", &[passed("node/ready")]);
    let output = run(dir.path(), &["report", "a", "--output", "in-toto"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("has not recorded which image its nodes booted"), "{}", stderr(&output));
}

#[test]
fn a_form_that_cannot_be_written_is_3_and_the_others_are_there() {
    for blocked in FORMS {
        let dir = tempfile::tempdir().unwrap();
        let folder = stored(dir.path(), "a", &[passed("node/ready")]);
        fs::create_dir_all(folder.join(blocked).join("occupied")).unwrap();
        let output = run(dir.path(), &["report", "a"]);
        assert_eq!(output.status.code(), Some(3), "{blocked}: {}", stderr(&output));
        assert!(stderr(&output).contains(blocked), "{}", stderr(&output));
        assert!(FORMS.iter().filter(|name| **name != blocked).all(|name| folder.join(name).is_file()), "{blocked}");
    }
}

#[test]
fn a_check_that_appears_failing_is_a_regression_and_one_that_appears_passing_is_not() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path(), "base", &[passed("node/ready")]);
    stored(dir.path(), "worse", &[passed("node/ready"), failed("node/joined")]);
    stored(dir.path(), "wider", &[passed("node/ready"), passed("node/joined")]);
    let code = |candidate: &str| run(dir.path(), &["compare", "base", candidate]).status.code();
    assert_eq!((code("worse"), code("wider")), (Some(5), Some(0)));
}

#[test]
fn help_lists_the_forms_and_another_word_is_refused_with_them() {
    let dir = tempfile::tempdir().unwrap();
    for (command, forms) in [
        (&["report", "a"][..], &["json", "junit", "html", "markdown", "csv", "terminal"][..]),
        (&["compare", "a", "b"], &["text", "markdown", "json", "junit"]),
    ] {
        let help = run(dir.path(), &[command[0], "--help"]);
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        let refused = run(dir.path(), &[command, &["--output", "jnuit"]].concat());
        assert_eq!(refused.status.code(), Some(2));
        for form in forms {
            assert!(help.contains(form) && stderr(&refused).contains(form), "{command:?} {form}: {help}");
        }
    }
}
