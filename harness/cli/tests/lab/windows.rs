//! What Windows nodes need of a cluster beside their image: without it a run fails, with it it passes, and afterwards it is gone.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use amiproof_core::cluster::Access;
use camino::Utf8Path;
use k8s_openapi::api::core::v1::{ConfigMap, Node};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};

use crate::process::{LabProcess, amiproof, finish, report, stderr};

/// What Windows nodes offer their pods once the VPC CNI manages addresses for Windows.
const ADDRESSES: &str = "vpc.amazonaws.com/PrivateIPv4Address";

const MATRIX: &str = r#"
apiVersion: amiproof/v1
kind: Matrix
metadata: {name: windows}
cluster: {name: windows, region: us-west-2, kubernetesVersion: "1.35", create: true, tags: {CostCenter: "4711"}}
variants:
  - {name: eks-al2023, family: al2023, ami: {ssm: recommended}}
  - {name: windows-2022-core, family: windows, ami: {ssm: recommended}}
suites: {include: [workload/iis]}
workloads: [mine]
"#;

/// A web server behind a Service that is asked by its name, with a shorter timeout than the one of the catalogue.
const WORKLOAD: &str = r#"
apiVersion: amiproof/v1
kind: Workload
metadata: {name: iis}
spec:
  title: an IIS answers through its Service by name
  exercises: [image-pull, pod-network, cluster-dns, service-vip]
  os: windows
  timeout: 40s
  expect:
    - complete: job/client
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1
      nodeSelector: {kubernetes.io/os: windows}
      containers:
        - name: web
          image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-{windows-release}
          ports: [{name: http, containerPort: 80}]
          readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 5, timeoutSeconds: 5}
---
apiVersion: batch/v1
kind: Job
metadata: {name: client}
spec:
  backoffLimit: 3
  template:
    metadata: {labels: {app: client}}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1
      nodeSelector: {kubernetes.io/os: windows}
      containers:
        - name: client
          image: mcr.microsoft.com/windows/nanoserver:{windows-release}
          command: [curl.exe, -s, -S, -f, -m, "15", "http://web/"]
"#;

/// Runs a command on the lab; the words of its results of Windows.
fn words(lab: &LabProcess, dir: &Path, arguments: &[&str]) -> BTreeMap<String, String> {
    let mut command = amiproof(dir);
    lab.target(&mut command);
    command.arg(arguments[0]).args(["--file", dir.join("amiproof.yaml").to_str().unwrap()]).args(&arguments[1..]);
    let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let code = output.status.code();
    let report = report(dir);
    let of_windows = report.results.iter().filter(|result| result.subject.as_str() == "windows-2022-core");
    let words: BTreeMap<String, String> =
        of_windows.map(|result| (result.check.to_string(), result.outcome.as_str().to_owned())).collect();
    assert!(!words.is_empty(), "{code:?}: {}", stderr(&output));
    words
}

/// Turns the addresses of Windows pods on or off behind the add-on's back, as someone with kubectl does, and waits until the node offers
/// them or no longer does.
fn switch_ipam(lab: &LabProcess, dir: &Path, value: &str) {
    let path = dir.join("kubeconfig");
    std::fs::write(&path, lab.kubeconfig("windows")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let access = Access::kubeconfig(Utf8Path::from_path(&path).unwrap(), None).await.unwrap();
        let api: Api<ConfigMap> = Api::namespaced(access.client(), "kube-system");
        let there = api.get("amazon-vpc-cni").await.unwrap().data.unwrap();
        assert_ne!(there["enable-windows-ipam"], value, "what the add-on was told, or what was switched before");
        let patch = serde_json::json!({"data": {"enable-windows-ipam": value}});
        api.patch("amazon-vpc-cni", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        let nodes: Api<Node> = Api::all(access.client());
        let windows = ListParams::default().labels("kubernetes.io/os=windows");
        loop {
            let offers = |node: &Node| {
                node.status.as_ref().and_then(|status| status.allocatable.as_ref()?.get(ADDRESSES)).is_some()
            };
            let all = nodes.list(&windows).await.unwrap().items;
            assert!(!all.is_empty(), "the run's node is still there");
            if all.iter().all(|node| offers(node) == (value == "true")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

#[test]
fn services_and_addresses_of_windows_come_with_the_run_and_go_with_it() {
    let (lab, dir) = (LabProcess::start(None), tempfile::tempdir().unwrap());
    let dir = dir.path();
    std::fs::write(dir.join("amiproof.yaml"), MATRIX).unwrap();
    std::fs::create_dir(dir.join("mine")).unwrap();
    std::fs::write(dir.join("mine/iis.yaml"), WORKLOAD).unwrap();
    let applied = words(&lab, dir, &["apply"]);
    assert!(applied.values().all(|word| word == "pass"), "{applied:#?}");
    let entries: Vec<String> = lab.resources().into_iter().filter(|one| one.starts_with("eks accessentry ")).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");

    // The VPC resource controller takes the addresses of Windows nodes away; their pods stay Pending.
    switch_ipam(&lab, dir, "false");
    let pending = words(&lab, dir, &["test"]);
    assert!(!pending.values().any(|word| word == "pass"), "{pending:#?}");
    switch_ipam(&lab, dir, "true");

    // What EKS makes by itself for the node group of a custom image is the entry of Linux nodes: kube-proxy reads no Services.
    let entry = entries[0].rsplit(' ').next().unwrap();
    let role = format!("arn:aws:iam::111122223333:role/amiproof/{}", entry.split('/').rev().nth(1).unwrap());
    let escaped = role.replace(':', "%3A").replace('/', "%2F");
    lab.send("DELETE", &format!("/clusters/windows/access-entries/{escaped}"), "eks", "");
    let body = serde_json::json!({"principalArn": role, "type": "EC2_LINUX"}).to_string();
    lab.send("POST", "/clusters/windows/access-entries", "eks", &body);
    let unreachable = words(&lab, dir, &["test"]);
    assert!(unreachable.values().all(|word| word == "fail"), "{unreachable:#?}");

    let mut command = amiproof(dir);
    lab.target(&mut command);
    let output = finish(command.arg("destroy").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(lab.resources(), [""; 0]);
}
