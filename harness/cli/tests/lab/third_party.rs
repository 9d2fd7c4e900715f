//! Third-party programs read the state of the lab after a run, and its reports: boto3, the aws CLI, kubectl, junitparser.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::process::{LabProcess, amiproof, finish, matrix, report, stderr};

/// Python with boto3 and junitparser; `make test` makes it. `None` if there is none and none is required.
fn python() -> Option<String> {
    let python = std::env::var("AMIPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import boto3, junitparser"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(
        std::env::var_os("AMIPROOF_REQUIRE_PYTHON").is_none(),
        "{python} has no boto3 and junitparser: run `make python`"
    );
    eprintln!("skipped: {python} has no boto3 and junitparser");
    None
}

fn answer(command: &mut Command) -> String {
    let output: Output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn step(lab: &LabProcess, dir: &Path, arguments: &[&str]) {
    let mut command = amiproof(dir);
    lab.target(&mut command).args(arguments);
    answer(&mut command);
}

const BOTO3: &str = r#"
import boto3, sys
cluster, group = sys.argv[1:3]
eks, ec2, inspector, ssm = (boto3.client(name) for name in ("eks", "ec2", "inspector2", "ssm"))
nodegroup = eks.describe_nodegroup(clusterName=cluster, nodegroupName=group)["nodegroup"]
assert nodegroup["status"] == "ACTIVE" and nodegroup["amiType"] == "CUSTOM", nodegroup
found = ec2.describe_instances(Filters=[{"Name": "tag:eks:nodegroup-name", "Values": [group]}])
instances = [i for r in found["Reservations"] for i in r["Instances"]]
assert len(instances) == 2 and all(i["MetadataOptions"]["HttpTokens"] == "required" for i in instances), instances
scans = inspector.list_cis_scans()["scans"]
scan = next(s for s in scans if s["status"] == "COMPLETED" and s["totalChecks"] > 0 and group.split("-r-")[0] in s["scanName"])
pages = inspector.get_paginator("get_cis_scan_result_details").paginate(
    scanArn=scan["scanArn"], accountId="111122223333", targetResourceId=instances[0]["InstanceId"])
details = [d for page in pages for d in page["scanResultDetails"]]
assert len(details) == scan["totalChecks"] // 2, (len(details), scan["totalChecks"])
name = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/recommended/image_id"
assert ssm.get_parameter(Name=name)["Parameter"]["Value"].startswith("ami-")
print(len(details))
"#;

const JUNIT: &str = r#"
import sys
from junitparser import JUnitXml
xml = JUnitXml.fromfile(sys.argv[1])
cases = [(case.classname, case.name) for suite in xml for case in suite]
assert len(cases) == len(set(cases)), "two cases share classname and name"
print(xml.tests, xml.failures, xml.errors, xml.skipped)
"#;

#[test]
fn third_party_clients_understand_what_a_run_leaves_and_writes() {
    let Some(python) = python() else { return };
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let file = matrix("pair.yaml");
    let file = file.to_str().unwrap();
    step(&lab, dir.path(), &["apply", "--no-fail", "--file", file]);
    step(&lab, dir.path(), &["scan", "--no-fail", "--file", file]);
    let report = report(dir.path());
    let group = report.variants[1].node_group.clone().unwrap();

    let details = answer(lab.target(Command::new(&python).args(["-c", BOTO3, "pair", &group])));
    assert!(details.trim().parse::<usize>().unwrap() > 100, "controls per node: {details}");

    let junit = dir.path().join("runs").join(report.run.id.as_str()).join("junit.xml");
    let actual = answer(Command::new(&python).args(["-c", JUNIT]).arg(&junit));
    let counts = amiproof_reports::junit::expected_counts(&report);
    assert_eq!(actual.trim(), format!("{} {} {} {}", counts.tests, counts.failures, counts.errors, counts.skipped));

    if let Ok(aws) = std::env::var("AMIPROOF_AWS_CLI") {
        let kubeconfig = dir.path().join("kubeconfig");
        let wait = ["eks", "wait", "nodegroup-active", "--cluster-name", "pair", "--nodegroup-name", &group];
        answer(lab.target(Command::new(&aws).args(wait)));
        answer(lab.target(
            Command::new(&aws).args(["eks", "update-kubeconfig", "--name", "pair", "--kubeconfig"]).arg(&kubeconfig),
        ));
        let folder = Path::new(&aws).parent().unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        match Command::new("kubectl").args(["version", "--client"]).output() {
            Ok(_) => {
                let mut kubectl = Command::new("kubectl");
                kubectl.env("PATH", path).arg("--kubeconfig").arg(&kubeconfig).args(["get", "nodes", "-o", "wide"]);
                let nodes = answer(lab.target(&mut kubectl));
                assert_eq!(nodes.matches(" Ready ").count(), 4, "{nodes}");
            }
            Err(_) => eprintln!("skipped: there is no kubectl on this machine"),
        }
    }
    step(&lab, dir.path(), &["destroy"]);
    assert_eq!(lab.resources(), [""; 0]);
}
