//! A user's own workloads that are wrong, in an empty folder. `docs` follows the page about those that are right.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use amiproof_model::report::Report;
use amiproof_model::verdict::Outcome;

use crate::process::{finish, stderr};

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

fn latest(home: &Path) -> Report {
    let runs = home.join("amiproof-runs");
    let name = std::fs::read_to_string(runs.join("latest")).unwrap();
    Report::parse(&std::fs::read_to_string(runs.join("runs").join(name.trim()).join("report.json")).unwrap()).unwrap()
}

/// Files that are wrong, and the beginning of what is said about each.
const WRONG: [(&str, &str, &str); 4] = [
    ("headless", "HEADER", ".yaml:1:1: the file has no workload header"),
    ("two-names", "metadata: {name: a, name: b}", ".yaml:3:21: duplicate key 'name'"),
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
    assert!(!home.path().join("amiproof-runs").exists(), "nothing ran");
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
    assert!(message.contains("rejected.yaml:10:1"), "the position of the error: {message}");
    let (code, outcome) = tested("imageless");
    assert_eq!(code, Some(1));
    let Outcome::Fail { findings } = outcome else { panic!("{outcome:?}") };
    let expected = format!("{} {}", findings[0].summary, findings[0].detail);
    assert!(expected.contains("no-such-image") && expected.contains("Failed"), "the pod's own events: {expected}");
}
