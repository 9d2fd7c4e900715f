//! The table of IAM actions against what the lab is asked for: each command runs as a caller who may do what `amiproof iam-policy --for` it
//! prints, and calls exactly what the table says.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use amiproof_core::iam::Goal;
use amiproof_core::iam::table::actions;

use crate::process::{LabProcess, amiproof, finish, run, stderr};
use crate::promote::{UNTESTED, passing};

/// Everything that makes a run call something: every family, a node that never joins, things that leak, answers that are lost.
const SCENARIO: &str = r#"
name: everything
faults:
  - leaks: {interfaces: true, volumes: true, guardDuty: true}
  - neverJoins: {nodeGroup: "lost-*", reason: "kubelet.service: no credentials"}
  - answerLost: {service: iam, operation: CreateRole, times: 2}
  - answerLost: {service: ec2, operation: CreateLaunchTemplate, times: 1}
  - answerLost: {service: ssm, operation: SendCommand, times: 2}
"#;

const MATRIX: &str = r#"
apiVersion: amiproof/v1
kind: Matrix
metadata: {name: everything}
cluster:
  name: everything
  region: us-west-2
  kubernetesVersion: "1.35"
  create: true
  addons: [eks-pod-identity-agent, vpc-cni, kube-proxy, coredns, aws-ebs-csi-driver]
defaults: {nodes: 1, timeouts: {check: 5m}}
variants:
  - {name: eks-al2023, family: al2023, ami: {ssm: recommended}}
  - name: cis-al2023-l1
    family: al2023
    reference: eks-al2023
    hardening: {benchmark: cis-al2023-1.0.0, level: 1}
    ami: {filter: {owner: self, name: "al2023-cis-l1-eks-*"}}
  - {name: lost, family: al2023, ami: {ssm: recommended}}
  - {name: windows-2022-core, family: windows, ami: {ssm: recommended}}
"#;

/// The same cluster, as one that existed before: its hosts are asked about everything.
const EXISTING: &str = r#"
apiVersion: amiproof/v1
kind: Matrix
metadata: {name: existing}
cluster: {name: everything, region: us-west-2}
variants:
  - {name: windows, family: windows, nodes: {selector: kubernetes.io/os=windows}}
"#;

/// A lab whose administrator may do only what a policy says.
struct Limited {
    lab: LabProcess,
}

impl Limited {
    fn start(dir: &Path) -> Self {
        let scenario = dir.join("scenario.yaml");
        std::fs::write(&scenario, SCENARIO).unwrap();
        let limited = Self { lab: LabProcess::start(Some(scenario.to_str().unwrap())) };
        let own = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:*UserPolicy", "Resource": "*"}}"#;
        limited.put("of-the-test", own);
        limited.iam("DetachUserPolicy", &[("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")]);
        limited
    }

    fn iam(&self, action: &str, parameters: &[(&str, &str)]) {
        let mut form = format!("Action={action}&Version=2010-05-08&UserName=lab");
        for (name, value) in parameters {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            form.push_str(&format!("&{name}={encoded}"));
        }
        self.lab.send("POST", "/", "iam", &form);
    }

    fn put(&self, name: &str, document: &str) {
        self.iam("PutUserPolicy", &[("PolicyName", name), ("PolicyDocument", document)]);
    }

    /// Lets the caller do what a goal needs, and nothing else.
    fn allow(&self, dir: &Path, goal: Goal, file: &Path) {
        let printed = run(dir, &["iam-policy", "--for", goal.as_str(), "--file", file.to_str().unwrap()]);
        assert_eq!(printed.status.code(), Some(0), "{}", stderr(&printed));
        let policy: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
        let documents = policy.as_array().cloned().unwrap_or_else(|| vec![policy]);
        for part in 0..3 {
            // What another goal has left is replaced.
            let nothing = serde_json::json!({"Version": "2012-10-17", "Statement": []});
            self.put(&format!("part-{part}"), &documents.get(part).unwrap_or(&nothing).to_string());
        }
        assert!(documents.len() <= 3);
    }

    fn command(&self, dir: &Path, arguments: &[&str]) -> Output {
        let mut command: Command = amiproof(dir);
        self.lab.target(&mut command).args(arguments);
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// How often each operation was called, those of pods and of this test left out.
    fn counts(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut counts = self.lab.requests().as_object().cloned().unwrap_or_default();
        counts
            .retain(|operation, _| operation != "sts.AssumeRoleWithWebIdentity" && !operation.ends_with("UserPolicy"));
        counts
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_command_calls_what_the_table_says_and_needs_no_more_than_its_policy() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("amiproof.yaml");
    std::fs::write(&file, MATRIX).unwrap();
    let existing = dir.path().join("existing.yaml");
    std::fs::write(&existing, EXISTING).unwrap();
    let limited = Limited::start(dir.path());
    let path = file.to_str().unwrap();
    let mut wrong = String::new();
    let mut compare = |goal: Goal, commands: &[&[&str]]| {
        limited.allow(dir.path(), goal, &file);
        let before = limited.counts();
        for arguments in commands {
            let output = limited.command(dir.path(), arguments);
            let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
            // The doctor asks by dry runs for what it may not do itself.
            let denied = said.lines().find(|line| line.contains("not authorized") && goal != Goal::Doctor);
            if let Some(denied) = denied {
                wrong.push_str(&format!("{arguments:?}: {denied}\n"));
            }
            assert_ne!(output.status.code(), Some(2), "{arguments:?}: {said}");
        }
        let after = limited.counts();
        let seen: BTreeSet<String> = after
            .iter()
            .filter(|(operation, count)| before.get(*operation) != Some(count))
            .map(|(name, _)| name.clone())
            .collect();
        let wanted: BTreeSet<String> = actions()
            .filter(|action| action.is_reached(goal))
            .map(|action| format!("{}.{}", action.service(), action.operation()))
            .collect();
        let list = |set: &mut dyn Iterator<Item = &String>| set.cloned().collect::<Vec<_>>().join(", ");
        if seen != wanted {
            wrong.push_str(&format!(
                "{}:\n  called and not in the table: {}\n  in the table and not called: {}\n",
                goal.as_str(),
                list(&mut seen.difference(&wanted)),
                list(&mut wanted.difference(&seen)),
            ));
        }
    };
    compare(Goal::Doctor, &[&["doctor", "--file", path]]);
    compare(Goal::Apply, &[&["apply", "--expires", "1s", "--file", path]]);
    // Nodes that never joined are not waited for again.
    let joined = ["--variants", "eks-al2023,cis-al2023-l1,windows-2022-core", "--file", path];
    let test = [&["test"], &joined[..]].concat();
    let hosts = ["test", "--run", "r-existing", "--checks", "host", "--file", existing.to_str().unwrap()];
    compare(Goal::Test, &[&test, &hosts]);
    compare(Goal::Scan, &[&[&["scan"], &joined[..]].concat()]);
    // An image that no other run here says anything about.
    let tested = passing(dir.path(), UNTESTED);
    let promote = ["promote", "l1", "--run", &tested, "--unsigned", "--except", "node,kubelet-path,workload"];
    let revoke = ["promote", "--revoke", UNTESTED, "--reason", "a CVE", "--region", "us-west-2"];
    let again = [&promote[..], &["--reinstate"]].concat();
    compare(Goal::Promote, &[&promote, &revoke, &again, &revoke]);
    compare(Goal::Destroy, &[&["destroy"]]);
    limited.allow(dir.path(), Goal::Apply, &file);
    limited.command(dir.path(), &["apply", "--expires", "1s", "--checks", "node/joined,workload/irsa", "--file", path]);
    compare(Goal::Sweep, &[&["sweep", "--yes", "--region", "us-west-2"]]);
    assert!(wrong.is_empty(), "harness/core/src/iam/table.rs is not what the lab saw\n{wrong}");
    assert_eq!(limited.lab.resources(), [""; 0]);
}

#[test]
fn the_policy_with_which_a_run_works_is_enough_for_the_doctor_and_one_action_less_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("amiproof.yaml");
    std::fs::write(&file, MATRIX).unwrap();
    let limited = Limited::start(dir.path());
    let path = file.to_str().unwrap();
    let printed = run(dir.path(), &["iam-policy", "--file", path, "--account", "111122223333"]);
    let policies: Vec<serde_json::Value> = serde_json::from_slice(&printed.stdout).unwrap();
    for (index, policy) in policies.iter().enumerate() {
        limited.put(&format!("part-{index}"), &policy.to_string());
    }
    let doctor = || {
        let output = limited.command(dir.path(), &["doctor", "--format", "json", "--file", path]);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let of_permissions: Vec<String> = answer["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["check"] == "permissions")
            .map(|finding| format!("{} {}", finding["status"].as_str().unwrap(), finding["message"].as_str().unwrap()))
            .collect();
        (output.status.code(), of_permissions.join("\n"), answer)
    };
    let (code, said, answer) = doctor();
    assert_eq!(code, Some(0), "{answer:#}");
    assert!(said.starts_with("ok all "), "{said}");
    let others: Vec<&serde_json::Value> =
        answer["findings"].as_array().unwrap().iter().filter(|finding| finding["status"] == "warning").collect();
    assert!(others.is_empty(), "{others:?}");
    for (action, word) in
        [("iam:PassRole", "1 action is not allowed: iam:PassRole"), ("eks:CreateNodegroup", "eks:CreateNodegroup")]
    {
        for (index, policy) in policies.iter().enumerate() {
            limited.put(
                &format!("part-{index}"),
                &policy.to_string().replace(&format!("\"{action}\""), "\"s3:ListBuckets\""),
            );
        }
        let (code, said, answer) = doctor();
        assert_eq!(code, Some(1), "{answer:#}");
        assert!(said.starts_with("problem ") && said.contains(word), "{said}");
    }
    // Without the permission to simulate, the result is unknown, not ok.
    for (index, policy) in policies.iter().enumerate() {
        limited.put(
            &format!("part-{index}"),
            &policy.to_string().replace("iam:SimulatePrincipalPolicy", "s3:ListBuckets"),
        );
    }
    let (code, said, answer) = doctor();
    assert_eq!(code, Some(3), "{answer:#}");
    assert!(said.starts_with("unknown cannot determine the caller's permissions: "), "{said}");
    assert_eq!(limited.lab.resources(), [""; 0]);
}

#[test]
fn parliament_has_nothing_against_any_policy() {
    let python = std::env::var("AMIPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_parliament = Command::new(&python).args(["-c", "import parliament"]).output();
    if !has_parliament.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("AMIPROOF_REQUIRE_PYTHON").is_none(), "parliament is needed and not there");
        eprintln!("skipped: {python} has no parliament");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("amiproof.yaml");
    std::fs::write(&file, MATRIX).unwrap();
    let path = file.to_str().unwrap();
    let mut wanted = vec![vec!["iam-policy"], vec!["iam-policy", "--file", path, "--account", "111122223333"]];
    wanted.extend(Goal::ALL.iter().map(|goal| vec!["iam-policy", "--for", goal.as_str()]));
    const CHECK: &str = "
import json, sys, parliament
given = json.load(sys.stdin)
for document in given if isinstance(given, list) else [given]:
    for finding in parliament.analyze_policy_string(json.dumps(document)).findings:
        print(finding)
";
    for arguments in wanted {
        let printed = run(dir.path(), &arguments);
        let policy = dir.path().join("policy.json");
        std::fs::write(&policy, &printed.stdout).unwrap();
        let checked = Command::new(&python)
            .args(["-W", "ignore", "-c", CHECK])
            .stdin(std::fs::File::open(&policy).unwrap())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(checked.status.success(), "{}", stderr(&checked));
        assert_eq!(said, "", "{arguments:?}: {}", read(&policy));
    }
}
