//! Images built by a Packer that behaves like HashiCorp's: what it prints, its exit codes, its manifest, and that it cleans up after one
//! interrupt and gives up after the second.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::process::{LabProcess, amiproof, finish, root, stderr};

/// Two images of the lab.
const L1: &str = "ami-0f7b9d1e3a5c6b8d0";
const STOCK: &str = "ami-0a2c4e6f8b1d3a5c7";

/// A Packer that behaves like HashiCorp's.
pub(crate) const PACKER: &str = include_str!("packer.sh");

/// Whoever builds images, with a lab as the account.
struct Desk {
    lab: LabProcess,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new(template: &str) -> Self {
        Self::of(template, LabProcess::start(None))
    }

    fn of(template: &str, lab: LabProcess) -> Self {
        let desk = Self { lab, dir: tempfile::tempdir().unwrap() };
        desk.write("packer", PACKER);
        std::fs::set_permissions(desk.path("packer"), std::fs::Permissions::from_mode(0o755)).unwrap();
        desk.write(template, "# The template; its post-processor writes manifest.json.\n");
        desk.write("common.pkrvars.hcl", "region = \"us-west-2\"\n");
        desk.write(
            "amiproof.yaml",
            &format!(
                "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {{name: nightly}}\n\
                 cluster: {{name: c, region: us-west-2, kubernetesVersion: \"1.35\", create: true}}\n\
                 variants:\n  - {{name: stock, family: al2023, ami: {{ssm: recommended}}}}\n  \
                 - name: l1\n    family: al2023\n    reference: stock\n    hardening: {{benchmark: cis-al2023-1.0.0, level: 1}}\n    \
                 ami: {{packerManifest: manifest.json}}\n    build:\n      template: {template}\n      only: amazon-ebs.al2023\n      \
                 variables: {{level: \"1\"}}\n      variableFiles: [common.pkrvars.hcl]\n      parameter: /cis_ami/al2023/level1/image_id\n"
            ),
        );
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, image: &str, arguments: &[&str]) -> Command {
        let mut command = amiproof(Path::new("amiproof-runs"));
        self.lab.target(&mut command).current_dir(self.dir.path()).env("FAKE", self.dir.path()).env("IMAGE", image);
        let here = format!("{}:{}", self.dir.path().display(), std::env::var("PATH").unwrap());
        command.env("PATH", here).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn amiproof(&self, image: &str, arguments: &[&str]) -> Output {
        finish(self.command(image, arguments).spawn().unwrap())
    }

    fn says(&self, code: i32, image: &str, arguments: &[&str]) -> String {
        let output = self.amiproof(image, arguments);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }
}

#[test]
fn an_image_is_built_and_the_matrix_and_a_parameter_name_it() {
    let desk = Desk::new("al2023.pkr.hcl");
    let unbuilt = desk.says(0, L1, &["check"]);
    assert!(unbuilt.contains("manifest.json does not exist yet: the image is not built"), "{unbuilt}");

    let valid = desk.says(0, L1, &["build", "--dry-run"]);
    assert!(valid.contains("l1                       valid"), "{valid}");
    assert!(!desk.path("manifest.json").exists());

    let built = desk.says(0, L1, &["build", "l1"]);
    assert!(built.contains(&format!("l1                       built {L1}")), "{built}");
    assert!(built.contains(&format!("create parameter /cis_ami/al2023/level1/image_id with {L1}")), "{built}");
    assert!(built.contains("l1                       ==> amazon-ebs.al2023: Launching"), "{built}");
    let calls = std::fs::read_to_string(desk.path("calls")).unwrap();
    let accounts = std::fs::read_to_string(desk.path("accounts")).unwrap();
    assert!(accounts.contains("endpoint=http://127.0.0.1:") && accounts.contains("region=us-west-2"), "{accounts}");
    let lab = desk.says(2, L1, &["build", "--lab"]);
    assert!(lab.contains("build has no --lab"), "{lab}");
    let build = "build -color=false -only=amazon-ebs.al2023 -var-file=common.pkrvars.hcl -var level=1 al2023.pkr.hcl";
    assert!(calls.lines().any(|line| line == build), "{calls}");
    let logs: Vec<PathBuf> =
        std::fs::read_dir(desk.path("amiproof-runs/builds")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let kept = logs
        .iter()
        .any(|log| std::fs::read_to_string(log.join("packer.log")).unwrap_or_default().contains("AMIs were created"));
    assert!(kept, "{logs:?}");

    // The next one follows it, and both are tagged as what they were built from.
    let json = desk.amiproof(STOCK, &["build", "--output", "json"]);
    let answer: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (answer["images"][0]["state"].as_str(), answer["images"][0]["ami"].as_str()),
        (Some("built"), Some(STOCK))
    );
    let set = format!("set parameter /cis_ami/al2023/level1/image_id from {L1} to {STOCK}");
    assert_eq!(answer["images"][0]["changes"][1].as_str(), Some(set.as_str()));
    let plan = desk.says(0, L1, &["check"]);
    assert!(!plan.contains("does not exist yet"), "{plan}");
}

#[test]
fn what_the_account_lacks_is_said_before_packer_starts() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("lacks.yaml");
    let faults = "{quota: {code: L-1216C47A, value: 1}}, {deleteFails: {service: ec2, operation: RunInstances, times: 100, status: 401, \
                  code: OptInRequired, message: subscribe to it}}";
    std::fs::write(&scenario, format!("{{name: lacks, faults: [{faults}]}}")).unwrap();
    let desk = Desk::of("al2023.pkr.hcl", LabProcess::start(Some(scenario.to_str().unwrap())));
    let matrix = std::fs::read_to_string(desk.path("amiproof.yaml")).unwrap();
    let variables = |text: &str| desk.write("amiproof.yaml", &matrix.replace("{level: \"1\"}", text));

    variables(&format!("{{source_ami_id: {STOCK}, instance_type: m6i.large}}"));
    let said = desk.says(2, L1, &["build"]);
    assert!(said.contains(&format!("l1: RunInstances for {STOCK}")) && said.contains("OptInRequired"), "{said}");
    assert!(said.contains("vCPUs of On-Demand Standard instances: 2 needed, 0 in use, 1 allowed"), "{said}");
    assert!(said.contains("nothing was built; subscribe to the image"), "{said}");
    let calls = std::fs::read_to_string(desk.path("calls")).unwrap_or_default();
    assert!(!calls.contains("init") && !calls.contains("build "), "{calls}");

    // What the variables do not name is the template's own choice.
    variables("{level: \"1\"}");
    desk.says(0, L1, &["build", "--dry-run"]);
    let unknown = Desk::new("al2023.pkr.hcl");
    unknown.write(
        "amiproof.yaml",
        &matrix.replace("{level: \"1\"}", "{base: ami-0ffffffffffffffff, instance_type: u9x.large}"),
    );
    let said = unknown.says(2, L1, &["build"]);
    assert!(said.contains("l1: RunInstances for ami-0ffffffffffffffff") && said.contains("does not exist"), "{said}");
    assert!(said.contains("warning: amiproof does not know the vCPU quota that u9x.large counts against"), "{said}");
}

#[test]
fn what_packer_does_not_build_is_said_with_the_place_of_its_log() {
    let failing = Desk::new("failing.pkr.hcl");
    let said = failing.says(1, L1, &["build"]);
    assert!(said.contains("l1                       failed") && said.contains("log: amiproof-runs/builds/"), "{said}");
    assert!(said.contains("Script exited with non-zero exit status: 1"), "{said}");

    let silent = Desk::new("silent.pkr.hcl");
    silent.write("manifest.json", r#"{"builds": [{"name": "al2023", "artifact_id": "us-west-2:ami-0123456789abcdef0", "packer_run_uuid": "a"}], "last_run_uuid": "a"}"#);
    let said = silent.says(1, L1, &["build"]);
    assert!(said.contains("Packer succeeded, but wrote no new build into manifest.json"), "{said}");

    let broken = Desk::new("broken.pkr.hcl");
    let said = broken.says(2, L1, &["build"]);
    assert!(said.contains("`packer init` refuses the template of l1"), "{said}");
    assert!(!std::fs::read_to_string(broken.path("calls")).unwrap().contains("build "), "nothing was started");

    let none = Desk::new("al2023.pkr.hcl");
    let said = none.says(2, L1, &["build", "stock"]);
    assert!(said.contains("stock has no build") && said.contains("variants with `build`: l1"), "{said}");
    let said = none.says(2, L1, &["build", "--packer", "no-such-packer"]);
    assert!(said.contains("no-such-packer is not installed"), "{said}");
    let said = none.says(2, L1, &["build", "--packer", "true"]);
    assert!(said.contains("true is not HashiCorp's Packer"), "{said}");
    std::fs::remove_file(none.path("common.pkrvars.hcl")).unwrap();
    let said = none.says(2, L1, &["build"]);
    assert!(said.contains("l1: common.pkrvars.hcl does not exist"), "{said}");
}

/// As Ctrl-C in a terminal does, and CI systems that send INT and then TERM.
#[test]
fn an_interrupted_build_lets_packer_clean_up() {
    let desk = Desk::new("slow.pkr.hcl");
    let child = desk.command(L1, &["build"]).spawn().unwrap();
    let since = Instant::now();
    while !desk.path("started").exists() {
        assert!(since.elapsed() < Duration::from_secs(60), "the build did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    for signal in ["-INT", "-TERM"] {
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    }
    let output = finish(child);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("Cleanly cancelled builds after being interrupted."), "{said}");
    assert!(!said.contains("second signal"), "{said}");
    assert!(said.contains("l1                       interrupted"), "{said}");
}

/// The templates to start from, as others read them: HCL, a shell, and the user data of a run.
#[test]
fn the_examples_are_what_packer_the_shell_and_bottlerocket_read() {
    let examples = root().join("harness/examples/packer");
    let desk = Desk::new("al2023.pkr.hcl");
    for file in ["Dockerfile", "bootstrap.sh", "user-data.toml"] {
        assert!(examples.join("bottlerocket").join(file).exists(), "{file}");
    }
    let parsed = Command::new("sh").arg("-n").arg(examples.join("bottlerocket/bootstrap.sh")).status().unwrap();
    assert!(parsed.success());
    std::fs::copy(examples.join("bottlerocket/user-data.toml"), desk.path("user-data.toml")).unwrap();
    desk.write(
        "amiproof.yaml",
        "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: nightly}\n\
         cluster: {name: c, region: us-west-2, kubernetesVersion: \"1.35\", create: true}\n\
         variants:\n  - {name: bottlerocket, family: bottlerocket, ami: {ssm: recommended}, userData: {merge: user-data.toml}}\n",
    );
    let checked = desk.says(0, L1, &["check"]);
    assert!(!checked.contains("warning"), "{checked}");

    let python = std::env::var("AMIPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_library = Command::new(&python).args(["-c", "import hcl2, yaml"]).output();
    if !has_library.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("AMIPROOF_REQUIRE_PYTHON").is_none(), "python-hcl2 is needed and not there");
        eprintln!("skipped: {python} has no python-hcl2 or PyYAML");
        return;
    }
    const READ: &str = r#"
import pathlib, re, sys, hcl2, yaml
folder = pathlib.Path(sys.argv[1]) / "al2023"
text = (folder / "template.pkr.hcl").read_text()
template = hcl2.loads(text)
declared = {name.strip('"') for block in template["variable"] for name in block}
used = set(re.findall(r"\bvar\.([a-z_]+)", text))
assert declared == used, declared ^ used
[source] = template["source"]
assert {key.strip('"') for key in source} == {"amazon-ebs"}, source
[play] = yaml.safe_load((folder / "harden.yml").read_text())
[role] = yaml.safe_load((folder / "requirements.yml").read_text())["roles"]
assert [one["role"] for one in play["roles"]] == [role["name"]], play
exclusions = yaml.safe_load((folder / "exclusions.yml").read_text())
assert exclusions and all(re.fullmatch(r"amzn2023cis_rule_[0-9_]+", name) and value is False for name, value in exclusions.items()), exclusions
"#;
    let read = Command::new(&python).args(["-W", "ignore", "-c", READ]).arg(&examples).output().unwrap();
    assert!(read.status.success(), "{}", stderr(&read));
}
