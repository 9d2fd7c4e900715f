//! The doctor says what an account lacks before anything is created in it, and is never green where it could not ask.

use std::path::Path;
use std::process::{Output, Stdio};

use crate::process::{LabProcess, amiproof, finish, matrix, stderr};

/// A lab with these faults.
fn lab(dir: &Path, faults: &str) -> LabProcess {
    let file = dir.join("scenario.yaml");
    std::fs::write(&file, format!("{{name: lacks, faults: [{faults}]}}")).unwrap();
    LabProcess::start(Some(file.to_str().unwrap()))
}

fn doctor(lab: &LabProcess, dir: &Path, file: &Path) -> Output {
    let mut command = amiproof(dir);
    lab.target(&mut command).arg("doctor").arg("--file").arg(file);
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Compares what it said with the snapshot; the port changes from lab to lab.
macro_rules! assert_said {
    ($output:expr) => {
        insta::with_settings!({filters => vec![(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT")]}, {
            insta::assert_snapshot!(String::from_utf8_lossy(&$output.stdout));
        });
    };
}

#[test]
fn an_account_that_has_everything_is_ready() {
    let dir = tempfile::tempdir().unwrap();
    let lab = LabProcess::start(None);
    let output = doctor(&lab, dir.path(), &matrix("pair.yaml"));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_said!(output);
    assert_eq!(lab.resources(), [""; 0], "nothing is created");
    assert!(!dir.path().join("runs").exists());
}

#[test]
fn what_an_account_lacks_is_a_problem_with_a_suggestion() {
    let dir = tempfile::tempdir().unwrap();
    let faults = "{quota: {code: L-F678F1CE, value: 1}}, {quota: {code: L-1216C47A, value: 4}}, \
                  {deleteFails: {service: ec2, operation: RunInstances, times: 100, status: 401, code: OptInRequired, message: subscribe}}";
    let lab = lab(dir.path(), faults);
    let file = dir.path().join("amiproof.yaml");
    let text = std::fs::read_to_string(matrix("pair.yaml")).unwrap().replace("\"1.35\"", "\"1.32\"");
    std::fs::write(&file, text).unwrap();
    let output = doctor(&lab, dir.path(), &file);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_said!(output);
}

#[test]
fn what_cannot_be_asked_is_unknown_and_not_green() {
    let dir = tempfile::tempdir().unwrap();
    let denied = |service: &str, operation: &str| {
        format!(
            "{{deleteFails: {{service: {service}, operation: {operation}, times: 1000, status: 403, code: AccessDeniedException, message: no}}}}"
        )
    };
    let faults = [
        denied("iam", "SimulatePrincipalPolicy"),
        denied("servicequotas", "Get*"),
        denied("eks", "DescribeClusterVersions"),
        denied("inspector2", "BatchGetAccountStatus"),
        denied("ssm", "DescribeInstanceInformation"),
    ];
    let lab = lab(dir.path(), &faults.join(", "));
    let output = doctor(&lab, dir.path(), &matrix("pair.yaml"));
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert_said!(output);
}

#[test]
fn without_an_answer_from_aws_the_rest_is_still_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut command = amiproof(dir.path());
    command.env("AWS_ENDPOINT_URL", &url).env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "x");
    command.args(["doctor", "--image-registry", "127.0.0.1:9", "--format", "json", "--file"]).arg(matrix("pair.yaml"));
    let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["ready"], false);
    let findings = answer["findings"].as_array().unwrap();
    let of =
        |check: &str| findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("{answer:#}"));
    assert_eq!(of("credentials")["status"], "problem");
    assert!(of("credentials")["message"].as_str().unwrap().contains("connection refused"), "{answer:#}");
    assert_eq!(of("registries")["status"], "unknown", "{answer:#}");
}
