//! From a base image to a promoted one: the steps of the Makefile, in order, in an account that is empty before and after.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use crate::build::PACKER;
use crate::process::{LabProcess, finish, root, stderr};

/// The image of the lab that is hardened to level 1, as Packer hands it over.
const L1: &str = "ami-0f7b9d1e3a5c6b8d0";

const MATRIX: &str = "\
apiVersion: amiproof/v1
kind: Matrix
metadata: {name: nightly}
cluster: {name: ami-conformance, region: us-west-2, kubernetesVersion: \"1.35\", create: true}
variants:
  - {name: al2023, family: al2023, ami: {ssm: recommended}}
  - name: al2023-l1
    family: al2023
    reference: al2023
    hardening: {benchmark: cis-al2023-1.0.0, level: 1}
    ami: {packerManifest: manifest.json}
    build:
      template: al2023.pkr.hcl
      only: amazon-ebs.al2023
      variables: {level: \"1\"}
      parameter: /cis_ami/al2023/level1/image_id
  - name: bottlerocket
    family: bottlerocket
    hardening: {benchmark: cis-bottlerocket-1.0.0, level: 2}
    ami: {ssm: recommended}
thresholds:
  - {suite: os-cis, variants: [al2023-l1], pass: 85%}
  - {suite: os-cis, variants: [bottlerocket], pass: 50%}
";

struct Desk {
    lab: LabProcess,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { lab: LabProcess::start(None), dir: tempfile::tempdir().unwrap() };
        let write = |name: &str, text: &str| std::fs::write(desk.dir.path().join(name), text).unwrap();
        write("amiproof.yaml", MATRIX);
        write("al2023.pkr.hcl", "# The template; its post-processor writes manifest.json.\n");
        write("packer", PACKER);
        std::fs::set_permissions(desk.dir.path().join("packer"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let key = desk.dir.path().join("release.pem");
        let curve = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
        assert!(Command::new("openssl").args(curve).arg(&key).output().unwrap().status.success());
        desk
    }

    /// `make TARGET`, without building amiproof first.
    fn make(&self, target: &str, more: &[String]) -> Output {
        let (here, bin) = (self.dir.path().display(), env!("CARGO_BIN_EXE_amiproof"));
        let mut make = Command::new("make");
        make.args(["--silent", "--directory", root().to_str().unwrap(), "CARGO=true"])
            .arg(format!("AMIPROOF={bin} --dir {here}/runs"))
            .arg(format!("MATRIX={here}/amiproof.yaml"))
            .arg(target)
            .args(more)
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .env("AWS_PROFILE", "prod")
            .env("FAKE", self.dir.path())
            .env("IMAGE", L1)
            .env("PATH", format!("{here}:{}", std::env::var("PATH").unwrap()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        finish(self.lab.target(&mut make).spawn().unwrap())
    }

    fn done(&self, target: &str, more: &[String]) -> String {
        let output = self.make(target, more);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        assert_eq!(output.status.code(), Some(0), "make {target}: {text}");
        text
    }
}

#[test]
fn two_families_go_from_a_base_image_to_a_promoted_one_and_the_account_is_empty() {
    let desk = Desk::new();
    let unbuilt = desk.done("run-static-tests", &[]);
    assert!(unbuilt.contains("manifest.json does not exist yet"), "{unbuilt}");
    desk.done("plan", &[]);
    desk.done("apply", &[]);
    desk.done("create-hardened-ami", &["VARIANT=al2023-l1".to_owned()]);
    desk.done("cluster-plan", &[]);
    desk.done("cluster-apply", &[]);
    let key = format!("KEY={}/release.pem", desk.dir.path().display());
    let promote = |variant: &str| desk.make("promote", &[format!("VARIANT={variant}"), key.clone()]);
    let early = stderr(&promote("al2023-l1"));
    assert!(early.contains("no control of cis-al2023-1.0.0 passed in a scan of al2023-l1"), "{early}");
    desk.done("run-cis-scan", &[]);
    for variant in ["al2023-l1", "bottlerocket"] {
        let said = desk.done("promote", &[format!("VARIANT={variant}"), key.clone()]);
        assert!(said.contains(&format!("create parameter /amiproof/nightly/{variant}/image-id")), "{said}");
    }
    desk.done("report", &[]);
    desk.done("cluster-destroy", &[]);
    desk.done("destroy-network", &[]);
    // What names the images is what the account is left with.
    let left = desk.lab.resources();
    let names = [
        "/amiproof/nightly/al2023-l1/image-id",
        "/amiproof/nightly/bottlerocket/image-id",
        "/cis_ami/al2023/level1/image_id",
    ];
    assert_eq!(left, names.map(|name| format!("ssm parameter {name}")));
}
