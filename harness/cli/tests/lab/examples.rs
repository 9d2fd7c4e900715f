//! The files for CI systems: each read by what its vendor or the field reads it with, and the one for GitHub executed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use amiproof_model::release::tag;

use crate::process::{LabProcess, finish, root, stderr};

/// The Python that has the second opinions.
pub(crate) fn python() -> String {
    std::env::var("AMIPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Whether a module of Python is there; where the environment says that it must be, it is.
pub(crate) fn has(module: &str) -> bool {
    let there = Command::new(python()).args(["-c", &format!("import {module}")]).output();
    let there = there.is_ok_and(|output| output.status.success());
    assert!(there || std::env::var_os("AMIPROOF_REQUIRE_PYTHON").is_none(), "{module} is needed and not there");
    if !there {
        eprintln!("skipped: {} has no {module}", python());
    }
    there
}

fn examples() -> PathBuf {
    root().join("harness/examples/ci")
}

/// Runs what judges something to its end, which must be a success.
pub(crate) fn accepts(what: &str, command: &mut Command) {
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert!(output.status.success(), "{what}: {text}");
}

#[test]
fn the_schemas_of_the_vendors_accept_the_files() {
    if !has("check_jsonschema") {
        return;
    }
    for (schema, file, options) in [
        ("vendor.github-actions", "github/action.yml", &[][..]),
        ("vendor.github-workflows", "github/nightly.yml", &[]),
        ("vendor.github-workflows", "../../deploy/github-release.yml", &[]),
        ("vendor.gitlab-ci", "gitlab/.gitlab-ci.yml", &[]),
        ("vendor.buildkite", "buildkite/pipeline.yml", &[]),
        // Microsoft's schema has patterns that are illegal in Unicode mode.
        ("vendor.azure-pipelines", "azure/azure-pipelines.yml", &["--regex-variant", "nonunicode"]),
    ] {
        let mut check = Command::new(python());
        check.args(["-m", "check_jsonschema", "--builtin-schema", schema]).args(options).arg(examples().join(file));
        accepts(file, &mut check);
    }
}

#[test]
fn kubernetes_accepts_the_cron_job_and_the_files_for_shards() {
    if !has("kubernetes_validate") {
        return;
    }
    // Its command, beside the interpreter.
    let program = Path::new(&python()).with_file_name("kubernetes-validate");
    for file in [
        "examples/ci/kubernetes/cronjob.yaml",
        "deploy/shards/namespace.yaml",
        "deploy/shards/existing-nodes.yaml",
        "deploy/shards/job.yaml",
        "deploy/shards/merge.yaml",
    ] {
        let manifest = root().join("harness").join(file);
        accepts(file, Command::new(&program).args(["-k", "1.35", "--strict"]).arg(manifest));
    }
}

/// What picks up promoted images names the tags and the parameter that `promote` writes.
#[test]
fn the_files_for_karpenter_and_terraform_select_what_promote_marks() {
    const READ: &str = r#"
import pathlib, re, sys, hcl2, yaml
folder, status, promoted, line, tested = pathlib.Path(sys.argv[1]), *sys.argv[2:]
node_class, pool = yaml.safe_load_all((folder / "karpenter.yaml").read_text())
[term] = node_class["spec"]["amiSelectorTerms"]
assert term == {"owner": "self", "tags": {status: "promoted", promoted: line}}, term
reference = pool["spec"]["template"]["spec"]["nodeClassRef"]
assert reference == {"group": "karpenter.k8s.aws", "kind": node_class["kind"], "name": node_class["metadata"]["name"]}, reference
text = (folder / "terraform/main.tf").read_text()
bare = lambda text: text.strip('"')
parsed = hcl2.loads(text)
variables = {bare(name): block for one in parsed["variable"] for name, block in one.items()}
assert bare(variables["parameter"]["default"]) == f"/amiproof/{line}/image-id", variables
assert set(variables) == set(re.findall(r"\bvar\.([a-z_]+)", text)), variables
blocks = {(bare(kind), bare(name)) for one in parsed["data"] + parsed["resource"] for kind, inner in one.items() for name in inner if not name.startswith("__")}
used = set(re.findall(r"\b(aws_[a-z_]+)\.([a-z_]+)", text))
assert used | {("aws_eks_node_group", "golden")} == blocks, used ^ blocks
filters = {bare(one["name"]): [bare(value) for value in one["values"]] for entry in parsed["data"] for kind, inner in entry.items() if bare(kind) == "aws_ami" for block in inner.values() if isinstance(block, dict) for one in block["filter"]}
assert filters[f"tag:{status}"] == ["promoted"] and "image-id" in filters, filters
assert tested in text
"#;
    if !has("hcl2") || !has("yaml") {
        return;
    }
    let mut read = Command::new(python());
    read.args(["-W", "ignore", "-c", READ]).arg(root().join("harness/examples/promoted"));
    accepts("promoted", read.args([tag::STATUS, tag::PROMOTED_AS, "nightly/golden", tag::TESTED_BY]));
}

/// What runs in a shell is read by shellcheck, and names only commands and options that exist.
#[test]
fn every_script_is_sound_and_names_only_what_amiproof_knows() {
    const SCRIPTS: &str = r#"
import pathlib, re, subprocess, sys, yaml
folder, amiproof, shellcheck = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def scripts(node, key=""):
    if isinstance(node, dict):
        for name, one in node.items():
            yield from scripts(one, name)
    elif isinstance(node, list):
        for one in node:
            yield from scripts(one, key)
    elif isinstance(node, str) and key in ("run", "script", "before_script", "after_script", "command", "commands", "finally", "bash"):
        yield node

found = {}
for path in sorted([*folder.rglob("*.yml"), *folder.rglob("*.yaml"), *folder.rglob(".*.yml")]):
    texts = [text for document in yaml.safe_load_all(path.read_text()) for text in scripts(document)]
    found[path] = [re.sub(r"\$\{\{.*?\}\}|\$\([a-zA-Z_.\-]+\)", "value", text).replace("$$", "$") for text in texts]
jenkins = folder / "jenkins/Jenkinsfile"
found[jenkins] = re.findall(r"sh '([^']+)'", jenkins.read_text())
assert len(found) == 9 and all(found[path] for path in found if path.name != "cronjob.yaml"), found
for path, texts in found.items():
    for text in texts:
        checked = subprocess.run([shellcheck, "--shell=bash", "--severity=warning", "-"], input=text, text=True, capture_output=True)
        assert checked.returncode == 0, (path, text, checked.stdout)
        for line in re.findall(r"amiproof ([a-z][^|>;&\n]*)", text):
            words = [word for word in line.split() if word != "fi"]
            known = subprocess.run([amiproof, words[0], "--help"], text=True, capture_output=True)
            assert known.returncode == 0, (path, line, known.stderr)
            for option in (word for word in words if word.startswith("--")):
                assert re.search(rf"{option}\b", known.stdout), (path, line, option)
"#;
    if !has("yaml") {
        return;
    }
    let shellcheck = Path::new(&python()).with_file_name("shellcheck");
    let push = root().join("harness/examples/packer/bottlerocket/push.sh");
    accepts("push.sh", Command::new(&shellcheck).arg("--severity=style").arg(push));
    let mut read = Command::new(python());
    read.args(["-W", "ignore", "-c", SCRIPTS]).arg(examples()).arg(env!("CARGO_BIN_EXE_amiproof")).arg(shellcheck);
    accepts("scripts", &mut read);
}

/// The steps of the action, as the runner of GitHub executes them: a night that passes, and one that fails.
#[test]
fn the_action_of_github_ends_as_amiproof_does_and_leaves_nothing() {
    if !has("yaml") {
        return;
    }
    let lab = LabProcess::start(None);
    let bin = Path::new(env!("CARGO_BIN_EXE_amiproof")).parent().unwrap();
    for (image, code) in [("ssm: recommended", 0), ("id: ami-05e7a9c1b3d4f6a8c", 1)] {
        let dir = tempfile::tempdir().unwrap();
        let matrix = format!(
            "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {{name: nightly}}\n\
             cluster: {{name: c, region: us-west-2, kubernetesVersion: \"1.35\", create: true}}\n\
             suites: {{include: [node]}}\ndefaults: {{nodes: 1, timeouts: {{nodesReady: 8m}}}}\n\
             variants:\n  - {{name: l1, family: al2023, ami: {{{image}}}}}\n"
        );
        std::fs::write(dir.path().join("amiproof.yaml"), matrix).unwrap();
        let mut night = Command::new(python());
        night
            .arg(root().join("harness/cli/tests/lab/composite.py"))
            .arg(examples().join("github/action.yml"))
            .args(["amiproof.yaml", "--deadline 2h"])
            .current_dir(dir.path())
            .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
            .env_remove("AMIPROOF_FILE")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let output = finish(lab.target(&mut night).spawn().unwrap());
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(&format!("'exit-code': '{code}'")), "{text}");
        assert!(text.contains("step Delete what is left: 0"), "{text}");
        let summary = std::fs::read_to_string(dir.path().join("summary.md")).unwrap();
        assert!(summary.starts_with(if code == 0 { "## ✅" } else { "## ❌" }), "{summary}");
        let sarif = std::fs::read_to_string(dir.path().join("amiproof-runs/amiproof.sarif")).unwrap();
        assert!(sarif.contains("\"2.1.0\""), "{sarif}");
    }
    assert_eq!(lab.resources(), [""; 0]);
}
