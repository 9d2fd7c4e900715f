//! What an account lacks is said before anything is made in it, and where no variant could get nodes nothing is.

use std::path::Path;
use std::process::{Output, Stdio};

use crate::process::{LabProcess, amiproof, finish, matrix, stderr};

/// A lab whose EC2 gives calls of an operation this answer.
fn lab(dir: &Path, operation: &str, status: u16, code: &str) -> LabProcess {
    let fault = format!(
        "{{name: lacks, faults: [{{deleteFails: {{service: ec2, operation: {operation}, times: 100, status: {status}, \
         code: {code}, message: as the account is}}}}]}}"
    );
    let file = dir.join("lacks.yaml");
    std::fs::write(&file, fault).unwrap();
    LabProcess::start(Some(file.to_str().unwrap()))
}

fn apply(lab: &LabProcess, dir: &Path) -> Output {
    let mut command = amiproof(dir);
    lab.target(&mut command).args(["apply", "--checks", "node/joined", "--file"]).arg(matrix("pair.yaml"));
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

#[test]
fn without_a_subscription_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let lab = lab(dir.path(), "RunInstances", 401, "OptInRequired");
    let refused = apply(&lab, dir.path());
    let text = stderr(&refused);
    assert_eq!(refused.status.code(), Some(3), "{text}");
    for words in
        ["no variant can get nodes:", "eks-al2023: RunInstances for ami-", "OptInRequired", "nothing was created"]
    {
        assert!(text.contains(words), "no '{words}' in:\n{text}");
    }
    assert_eq!(lab.resources(), [""; 0]);
    assert!(!dir.path().join("runs").exists());
}

#[test]
fn without_the_right_to_make_launch_templates_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let lab = lab(dir.path(), "CreateLaunchTemplate", 403, "UnauthorizedOperation");
    let refused = apply(&lab, dir.path());
    let text = stderr(&refused);
    assert_eq!(refused.status.code(), Some(3), "{text}");
    assert_eq!(text.matches("allow the caller the IAM action ec2:CreateLaunchTemplate").count(), 1, "{text}");
    assert_eq!(lab.resources(), [""; 0]);
}

#[test]
fn a_right_that_is_given_under_conditions_is_a_warning_and_the_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let lab = lab(dir.path(), "RunInstances", 403, "UnauthorizedOperation");
    let applied = apply(&lab, dir.path());
    let text = stderr(&applied);
    assert_eq!(applied.status.code(), Some(0), "{text}");
    assert!(text.lines().any(|line| line.starts_with("warning: RunInstances for ami-")), "{text}");
}

#[test]
fn a_plan_asks_the_account_that_it_is_given_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let lab = lab(dir.path(), "RunInstances", 401, "OptInRequired");
    let plan = |more: &[&str]| {
        let mut command = amiproof(dir.path());
        lab.target(&mut command).args(["plan", "--file"]).arg(matrix("pair.yaml")).args(more);
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let offline = plan(&[]);
    assert_eq!(offline.status.code(), Some(0), "{}", stderr(&offline));
    assert_eq!(lab.requests(), serde_json::json!({}), "nobody was named");
    let mut exports = amiproof(dir.path());
    lab.target(&mut exports);
    let endpoint = exports.get_envs().find(|(name, _)| *name == "AWS_ENDPOINT_URL").unwrap().1.unwrap().to_owned();
    let asked = plan(&["--endpoint-url", endpoint.to_str().unwrap()]);
    assert_eq!(asked.status.code(), Some(3), "{}", stderr(&asked));
    let text = String::from_utf8_lossy(&asked.stdout).into_owned();
    let missing = text.split_once("missing in the account:").map(|(_, missing)| missing).unwrap_or_default();
    assert_eq!(missing.matches("OptInRequired").count(), 2, "one for each variant: {text}");
    assert_eq!(lab.resources(), [""; 0]);
}
