//! A user's own workloads, as the README describes, in an empty folder.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use amiproof_model::report::Report;
use amiproof_model::verdict::Outcome;

use crate::process::{LabProcess, amiproof, finish, matrix, root, stderr};

fn ended(command: &mut Command) -> Output {
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// A command in a folder of its user, with nothing of the caller's configuration.
fn at(home: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    for name in ["AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AMIPROOF_FILE", "AMIPROOF_DIR", "KUBECONFIG"] {
        command.env_remove(name);
    }
    let bin = Path::new(env!("CARGO_BIN_EXE_amiproof")).parent().unwrap();
    let path = format!("{}:{}:{}", home.join("bin").display(), bin.display(), std::env::var("PATH").unwrap());
    command.current_dir(home).env("HOME", home).env("PATH", path);
    command
}

/// The indented lines of a section of the README: its commands.
fn commands_of(section: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let text = readme.split_once(&format!("## {section}\n")).unwrap().1;
    let text = text.split_once("\n## ").unwrap().0;
    text.lines().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect()
}

fn latest(home: &Path) -> Report {
    let runs = home.join(".amiproof");
    let name = std::fs::read_to_string(runs.join("latest")).unwrap();
    Report::parse(&std::fs::read_to_string(runs.join("runs").join(name.trim()).join("report.json")).unwrap()).unwrap()
}

/// Which workload came to what on which variant.
fn outcomes(report: &Report) -> Vec<(String, String, String)> {
    let line = |result: &amiproof_model::report::CheckResult| {
        (result.subject.as_str().to_owned(), result.check.to_string(), result.outcome.as_str().to_owned())
    };
    let mut lines: Vec<_> = report.results.iter().map(line).collect();
    lines.sort();
    lines
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: NAME, namespace: theirs}\nspec:\n  \
    selector: {matchLabels: {app: NAME}}\n  template:\n    metadata: {labels: {app: NAME}}\n    spec:\n      containers:\n        \
    - {name: app, image: 'public.ecr.aws/docker/library/busybox:1.36.1', command: [sleep, '600']}\n";

/// Prints a chart as helm would; a machine that runs the tests need not have helm.
const HELM: &str = "#!/bin/sh\nset -e\ntest \"$1\" = template\nshift\nif test \"$1\" = --; then shift; fi\nsed \"s/NAME/$1/\" \"$2/templates/app.yaml\"\n";

fn prepare(home: &Path, lab: &LabProcess) {
    let write = |path: &str, text: &str| {
        std::fs::create_dir_all(home.join(path).parent().unwrap()).unwrap();
        std::fs::write(home.join(path), text).unwrap();
    };
    write("deploy/app.yaml", &DEPLOYMENT.replace("NAME", "shop"));
    write("deploy/role.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: shop}\n");
    for chart in ["cart", "blog"] {
        write(&format!("charts/{chart}/Chart.yaml"), &format!("apiVersion: v2\nname: {chart}\nversion: 1.0.0\n"));
        write(&format!("charts/{chart}/templates/app.yaml"), DEPLOYMENT);
    }
    write("bin/helm", HELM);
    assert!(Command::new("chmod").arg("+x").arg(home.join("bin/helm")).status().unwrap().success());
    let mut apply = amiproof(&home.join("theirs"));
    lab.target(&mut apply).args(["apply", "--checks", "node/joined", "--file"]).arg(matrix("pair.yaml"));
    let applied = ended(&mut apply);
    assert_eq!(applied.status.code(), Some(0), "{}", stderr(&applied));
    write(".kube/config", &lab.kubeconfig("pair"));
}

#[test]
fn the_commands_of_the_readme_work_as_they_stand_there() {
    let (lab, home) = (LabProcess::start(None), tempfile::tempdir().unwrap());
    let home = home.path();
    prepare(home, &lab);
    let resources = lab.resources();
    let commands = commands_of("Your own workloads");
    assert!(commands.len() >= 6, "{commands:?}");
    for command in &commands {
        let done = ended(at(home, "sh").args(["-euc", command]));
        assert_eq!(done.status.code(), Some(0), "{command}\n{}", stderr(&done));
        let report = || latest(home);
        if command.contains("--kubeconfig") {
            assert_eq!(report().cluster.name, "pair");
            let [first, second] = &outcomes(&report())[..] else { panic!("{:?}", report().results) };
            assert_ne!(first.0, second.0, "each node group is a variant");
            assert!(
                [first, second].iter().all(|it| it.1 == "workload/my-app" && it.2 == "pass"),
                "{first:?} {second:?}"
            );
        } else if command.contains(" test ") {
            assert!(report().cluster.lab && report().results.iter().all(|it| it.outcome == Outcome::Pass));
            let names = command.split_whitespace().filter(|word| ["my-app", "shop", "cart", "blog"].contains(word));
            assert_eq!(report().results.len(), 2 * names.count(), "on both variants: {:?}", outcomes(&report()));
        }
    }
    assert_eq!(lab.resources(), resources, "nothing stays in a cluster of someone else");
    let shop = std::fs::read_to_string(home.join("shop.yaml")).unwrap();
    assert!(shop.contains("skip: [ClusterRole]") && shop.contains("ready: deployment/shop"), "{shop}");
}

/// Files that are wrong, and the beginning of what is said about each.
const WRONG: [(&str, &str, &str); 4] = [
    ("headless", "HEADER", ".yaml:1:1: the file has no workload header"),
    ("two-names", "metadata: {name: a, name: b}", ".yaml:3:21: the key 'name' is there twice"),
    ("two-headers", "---\nHEADER", ".yaml:15:1: a second header starts here"),
    ("unknown", "- happy: pod/a", ".yaml:7:7: spec.expect[0]: unknown key 'happy'"),
];

#[test]
fn a_wrong_workload_is_named_with_its_line_before_anything_is_made() {
    let home = tempfile::tempdir().unwrap();
    let header = "apiVersion: amiproof/v1\nkind: Workload\nmetadata: {name: a}\nspec:\n  title: it is ready\n  expect:\n    \
        - ready: pod/a\n  exercises: [image-pull]\n";
    let pod =
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: example.com/a}]}\n";
    for (name, mistake, wanted) in WRONG {
        let text = match name {
            "headless" => pod.trim_start_matches("---\n").to_owned(),
            "two-names" => format!("{}{pod}", header.replace("metadata: {name: a}", mistake)),
            "two-headers" => format!("{header}{pod}---\n{header}"),
            _ => format!("{}{pod}", header.replace("- ready: pod/a", mistake)),
        };
        std::fs::write(home.path().join(format!("{name}.yaml")), text).unwrap();
        let done = ended(at(home.path(), "amiproof").args(["test", "--workloads", name]));
        assert_eq!(done.status.code(), Some(2), "{}", stderr(&done));
        assert!(stderr(&done).starts_with(&format!("error: {name}{wanted}")), "{}", stderr(&done));
        assert!(stderr(&done).contains("= help: "), "{}", stderr(&done));
    }
    let done = ended(at(home.path(), "amiproof").args(["test", "--workloads", "nowhere"]));
    assert_eq!(done.status.code(), Some(2));
    assert!(stderr(&done).contains("there is no workload 'nowhere', no folder nowhere and no file nowhere.yaml"));
    let done = ended(at(home.path(), "amiproof").arg("test"));
    assert_eq!(done.status.code(), Some(2));
    assert!(stderr(&done).contains("--kubeconfig") && stderr(&done).contains("--lab"), "{}", stderr(&done));
    assert!(!home.path().join(".amiproof").exists(), "nothing ran");
}

#[test]
fn what_the_api_server_rejects_is_an_error_and_what_never_starts_a_failure() {
    let home = tempfile::tempdir().unwrap();
    let workload = |name: &str, image: &str, label: &str| {
        let text = format!(
            "apiVersion: amiproof/v1\nkind: Workload\nmetadata: {{name: {name}}}\nspec:\n  title: it is ready\n  \
             exercises: [image-pull]\n  timeout: 15s\n  expect: [ready: deployment/app]\n---\napiVersion: apps/v1\n\
             kind: Deployment\nmetadata: {{name: app}}\nspec:\n  selector: {{matchLabels: {{app: {label}}}}}\n  template:\n    \
             metadata: {{labels: {{app: app}}}}\n    spec: {{containers: [{{name: app, image: '{image}'}}]}}\n"
        );
        std::fs::write(home.path().join(format!("{name}.yaml")), text).unwrap();
    };
    workload("rejected", "public.ecr.aws/docker/library/busybox:1.36.1", "other");
    workload("imageless", "registry.invalid/no-such-image:1", "app");
    let tested = |name: &str| {
        let done = ended(at(home.path(), "amiproof").args(["workload", "test", name, "--lab", "--variants", "stock"]));
        let report = latest(home.path());
        assert!(report.cleanup.leftovers.is_empty() && report.cleanup.created == report.cleanup.deleted);
        let [result] = &report.results[..] else { panic!("{:?}", report.results) };
        (done.status.code(), result.outcome.clone())
    };
    let (code, outcome) = tested("rejected");
    assert_eq!(code, Some(3));
    let Outcome::Error { message } = outcome else { panic!("{outcome:?}") };
    assert!(
        message.contains("applying Deployment app") && message.contains("spec.template.metadata.labels"),
        "{message}"
    );
    assert!(message.contains("rejected.yaml:10:1"), "where it stands: {message}");
    let (code, outcome) = tested("imageless");
    assert_eq!(code, Some(1));
    let Outcome::Fail { findings } = outcome else { panic!("{outcome:?}") };
    let expected = format!("{} {}", findings[0].summary, findings[0].detail);
    assert!(expected.contains("no-such-image") && expected.contains("Failed"), "the pod's own events: {expected}");
}
