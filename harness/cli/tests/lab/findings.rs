//! `report --output asff --send`: findings in Security Hub, which moto plays.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::moto::Moto;
use crate::process::{amiproof, finish, stderr};

/// A report of an account with a pass and a failure.
pub(crate) fn stored(dir: &Path, id: &str, account: &str, lab: bool) {
    let result = |check: &str, outcome: Value, disposition: &str| {
        json!({
            "check": check, "title": "a question", "subject": {"variant": "l1"}, "outcome": outcome, "disposition": disposition,
            "started": "2026-11-21T07:42:20Z", "seconds": 2.5,
        })
    };
    let failed = json!({"fail": {"findings": [{"resource": "node 1", "summary": "not so"}]}});
    let report = json!({
        "schemaVersion": 1, "tool": {"name": "amiproof", "version": "0.1.0"},
        "run": {"id": id, "matrix": "nightly", "started": "2026-11-21T07:42:20Z", "seconds": 1.0, "criticalPathSeconds": 1.0, "interrupted": false},
        "cluster": {"name": "c", "region": "us-west-2", "account": account, "lab": lab},
        "variants": [{"name": "l1", "family": "al2023", "ami": {"id": "ami-0123456789abcdef0", "source": "id"}}],
        "results": [result("node/ready", json!("pass"), "passed"), result("node/joined", failed, "failed")],
        "cleanup": {"ran": true, "created": 0, "gone": 0, "leftovers": []},
    });
    let folder = dir.join("runs").join(id);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("report.json"), report.to_string()).unwrap();
}

/// What the command prints, with its exit code.
fn says(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = amiproof(dir);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").args(arguments);
    let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output)))
}

#[test]
fn the_findings_of_a_run_are_in_security_hub_once_however_often_they_are_sent() {
    let Some(moto) = Moto::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path(), "r-account", "123456789012", false);
    stored(dir.path(), "r-other", "111122223333", false);
    let endpoint = format!("http://127.0.0.1:{}", moto.port);
    let send =
        |run: &str| says(dir.path(), &["report", run, "--output", "asff", "--send", "--endpoint-url", &endpoint]);
    for _ in 0..2 {
        let (code, said) = send("r-account");
        assert_eq!(code, Some(0), "{said}");
        let wanted = "2 of 2 findings of run r-account are in Security Hub (us-west-2, account 123456789012)";
        assert!(said.contains(wanted), "{said}");
    }
    let (code, said) = send("r-other");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("run r-other tested in account 111122223333, and the caller is in 123456789012"), "{said}");
    let python = std::env::var("AMIPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    const COUNT: &str = "
import boto3, sys
hub = boto3.client('securityhub', endpoint_url=sys.argv[1], region_name='us-west-2', aws_access_key_id='test', aws_secret_access_key='test')
print(*sorted(finding['Compliance']['Status'] for finding in hub.get_findings()['Findings']))
";
    let read = std::process::Command::new(python).args(["-c", COUNT, &endpoint]).output().unwrap();
    if read.status.success() || std::env::var_os("AMIPROOF_REQUIRE_PYTHON").is_some() {
        assert_eq!(String::from_utf8_lossy(&read.stdout), "FAILED PASSED\n", "{}", stderr(&read));
    } else {
        eprintln!("skipped: no boto3 that could read what moto keeps");
    }
}

#[test]
fn what_cannot_be_sent_is_refused_before_anybody_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path(), "r-lab", "111122223333", true);
    stored(dir.path(), "r-nowhere", "", false);
    let send = ["--output", "asff", "--send", "--endpoint-url", "http://127.0.0.1:9"];
    for (run, more, wanted) in [
        ("r-lab", &send[..], "run r-lab ran in the lab, which has no Security Hub"),
        ("r-nowhere", &send[..], "run r-nowhere has no AWS account"),
        ("r-lab", &["--output", "sarif", "--send"][..], "only findings can be sent"),
        ("r-lab", &["--send"][..], "--output <FORMAT>"),
    ] {
        let (code, said) = says(dir.path(), &[&["report", run], more].concat());
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn a_region_that_does_not_answer_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path(), "r-account", "123456789012", false);
    let arguments = ["report", "r-account", "--output", "asff", "--send", "--endpoint-url", "http://127.0.0.1:9"];
    let (code, said) = says(dir.path(), &arguments);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("cannot connect to AWS"), "{said}");
}
