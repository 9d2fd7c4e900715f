//! Every object of the catalogue, as a run applies it, against the JSON Schemas that Kubernetes publishes of its API, as the
//! Python package kubernetes-validate carries them: unknown fields, wrong types and missing fields, as kubeconform finds them.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::process::{run, stderr};

/// The oldest and the newest release that nodes of a matrix run, with the schemas of which everything must agree.
const RELEASES: &str = "1.32 1.36";

/// Reads lists of objects, one per line after the name of their workload, and prints what is wrong with them.
const VALIDATE: &str = r#"
import json, sys
import kubernetes_validate
objects = 0
for line in sys.stdin:
    name, text = line.split(' ', 1)
    for item in json.loads(text)['items']:
        objects += 1
        for release in sys.argv[1:]:
            try:
                kubernetes_validate.validate(item, release, strict=True)
            except kubernetes_validate.ValidationError as error:
                path = '.'.join(str(part) for part in error.path)
                print(f"{name}: {item['kind']} {item['metadata']['name']}: Kubernetes {release}: {path}: {error.message}")
print(objects, 'objects', file=sys.stderr)
"#;

#[test]
fn every_object_of_the_catalogue_is_what_the_schemas_of_kubernetes_allow() {
    let python = std::env::var("AMIPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import kubernetes_validate"]).output().unwrap();
    if !has.status.success() {
        assert!(std::env::var_os("AMIPROOF_REQUIRE_PYTHON").is_none(), "run `make python`: {}", stderr(&has));
        eprintln!("skipped: {python} has no kubernetes-validate");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    for workload in amiproof_workloads::catalogue().unwrap() {
        let rendered = run(dir.path(), &["workload", "render", &workload.name]);
        assert_eq!(rendered.status.code(), Some(0), "{}: {}", workload.name, stderr(&rendered));
        let list: serde_json::Value = serde_json::from_slice(&rendered.stdout).unwrap();
        lines.push_str(&format!("{} {list}\n", workload.name));
    }
    // What a wrong object is told of, so that silence means something.
    lines.push_str(
        r#"wrong {"items": [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"port": []}}]}"#,
    );
    let actual = validated(&python, &lines);
    let actual: Vec<&str> = actual.lines().collect();
    assert!(actual.len() == 2 && actual.iter().all(|line| line.starts_with("wrong: Service a: ")), "{actual:#?}");
}

fn validated(python: &str, lines: &str) -> String {
    let mut command = Command::new(python);
    command.arg("-c").arg(VALIDATE).args(RELEASES.split(' '));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = lines.to_owned();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}
