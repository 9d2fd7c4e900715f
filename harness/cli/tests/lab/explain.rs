//! `amiproof explain` and `exclusions`: a report without causes, as an older build wrote it, is explained by the facts in it, and an image
//! without what the list names runs everything.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use amiproof_model::report::{Report, Subject};

use crate::process::{amiproof, finish, report, root, run, stderr};

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A run of a stock variant and of one that drops forwarded packets, with these results of the latter.
fn stored(dir: &Path, results: &[Value]) {
    stored_as(dir, "a", "drop", results);
}

/// The same under another name, and with another policy.
fn stored_as(dir: &Path, id: &str, policy: &str, results: &[Value]) {
    let node =
        |policy: &str| json!({"index": 1, "name": "n1", "facts": {"firewall.nft.forward": policy, "os.name": "Linux"}});
    let report = json!({
        "schemaVersion": 1, "tool": {"name": "amiproof", "version": "0.1.0"},
        "run": {"id": id, "matrix": "nightly", "started": "2026-11-21T07:42:20Z", "seconds": 1.0, "criticalPathSeconds": 1.0,
                "interrupted": false},
        "cluster": {"name": "c"},
        "variants": [
            {"name": "stock", "family": "al2023", "nodes": [node("accept")]},
            {"name": "l2", "family": "al2023", "reference": "stock", "benchmark": "cis-al2023-1.0.0", "level": 2, "nodes": [node(policy)]},
        ],
        "results": results,
        "cleanup": {"ran": true, "created": 0, "gone": 0, "leftovers": []},
    });
    let folder = dir.join("runs").join(id);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("report.json"), report.to_string()).unwrap();
}

fn row(check: &str, exercises: &[&str], failed: bool) -> Value {
    let findings = json!([{"resource": "job/client", "summary": "no answer"}]);
    let outcome = if failed { json!({"fail": {"findings": findings}}) } else { json!("pass") };
    json!({"check": check, "title": "t", "subject": {"variant": "l2"}, "outcome": outcome, "exercises": exercises,
           "disposition": if failed { "failed" } else { "passed" }, "origin": if failed { json!("hardening") } else { Value::Null },
           "started": "2026-11-21T07:42:20Z", "seconds": 2.5})
}

#[test]
fn a_run_a_variant_and_a_single_check_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    stored(
        dir.path(),
        &[
            row("workload/web", &["image-pull", "pod-network"], true),
            row("workload/odd", &["user-namespaces"], true),
            row("workload/controllers", &["image-pull"], false),
        ],
    );
    let whole = run(dir.path(), &["explain", "a"]);
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    let text = stdout(&whole);
    assert!(
        text.contains("likely forwarded packets are dropped (nftables forward policy, 3.4.2.7): 1 workload"),
        "{text}"
    );
    assert!(text.contains("firewall.nft.forward is drop, on the reference accept"), "{text}");
    assert!(text.contains("try it on a node: nft chain inet filter forward '{ policy accept; }'"), "{text}");
    assert!(text.contains("workload/odd"), "{text}");
    let one = stdout(&run(dir.path(), &["explain", "a", "--variant", "l2", "--check", "workload/odd"]));
    assert!(one.contains("unexplained") && !one.contains("forwarded"), "{one}");
    let passed = stdout(&run(dir.path(), &["explain", "a", "--check", "workload/controllers"]));
    assert_eq!(passed, "nothing to explain: workload/controllers did not fail\n");
    let json: Value = serde_json::from_str(&stdout(&run(dir.path(), &["explain", "a", "--output", "json"]))).unwrap();
    assert_eq!(json[0]["causes"][0]["setting"], "forward-policy");
    assert_eq!(json[0]["causes"][0]["certainty"], "likely");
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path(), &[row("workload/controllers", &["image-pull"], false)]);
    let output = run(dir.path(), &["explain", "a", "--variant", "l9"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("its variants are stock, l2"), "{}", stderr(&output));
    let output = run(dir.path(), &["explain", "a", "--check", "workload/none"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("run a has no result of workload/none"), "{}", stderr(&output));
    let nothing = stdout(&run(dir.path(), &["explain", "a"]));
    assert_eq!(nothing, "nothing to explain: no failure has the origin 'hardening'\n");
}

#[test]
fn what_to_leave_out_is_a_list_in_the_form_of_a_build() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path(), &[row("workload/web", &["pod-network"], true)]);
    let lockdown = run(dir.path(), &["exclusions", "a", "--output", "ansible-lockdown"]);
    assert_eq!(lockdown.status.code(), Some(0), "{}", stderr(&lockdown));
    assert!(stdout(&lockdown).contains("amzn2023cis_rule_3_4_2_7: false\n"), "{}", stdout(&lockdown));
    let nobody = run(dir.path(), &["exclusions", "a", "--output", "waivers"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(stderr(&nobody).contains("add --owner NAME and --expires YYYY-MM-DD"), "{}", stderr(&nobody));
    let owned = &["exclusions", "a", "--output", "waivers", "--owner", "platform", "--expires", "2027-01-31"];
    assert!(stdout(&run(dir.path(), owned)).contains("control: cis-al2023-1.0.0/3.4.2.7\n    variants: [l2]"));
    let other = run(dir.path(), &["exclusions", "a", "--variant", "stock"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(stderr(&other).contains("variants with such failures: l2"), "{}", stderr(&other));
}

#[test]
fn a_regression_comes_with_what_changed_since_the_baseline() {
    let dir = tempfile::tempdir().unwrap();
    stored_as(dir.path(), "old", "accept", &[row("workload/web", &["pod-network"], false)]);
    stored(dir.path(), &[row("workload/web", &["pod-network"], true)]);
    for format in ["text", "markdown"] {
        let output = run(dir.path(), &["compare", "old", "a", "--output", format]);
        assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
        let text = stdout(&output);
        assert!(
            text.contains("forwarded packets are dropped (nftables forward policy, 3.4.2.7): 1 workload"),
            "{text}"
        );
        assert!(text.contains("firewall.nft.forward is drop, was accept"), "{text}");
    }
}

/// A stock variant and one of an image with this id, as the lab runs their workloads and add-ons with these host profiles.
fn lab_run(dir: &Path, image: &str, profiles: &Path) -> Report {
    let matrix = format!(
        "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {{name: loop}}\ncluster: {{name: c, region: us-west-2, kubernetesVersion: \"1.35\", create: true}}\n\
         variants:\n  - {{name: stock, family: al2023, ami: {{ssm: recommended}}}}\n  - name: l2\n    family: al2023\n    reference: stock\n    \
         hardening: {{benchmark: cis-al2023-1.0.0, level: 2}}\n    ami: {{id: {image}}}\n"
    );
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("m.yaml"), matrix).unwrap();
    let mut command = amiproof(dir);
    command.args(["run", "--lab", "--no-fail", "--checks", "workload,addon,kubelet-path,node/facts", "--file"]);
    command.arg(dir.join("m.yaml")).arg("--host-profiles").arg(profiles);
    let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    report(dir)
}

fn outcomes(report: &Report) -> BTreeMap<String, &'static str> {
    let subject = Subject::Variant("l2".parse().unwrap());
    let own = report.results.iter().filter(|result| result.subject == subject && !result.is_gate());
    own.map(|result| (result.check.to_string(), result.outcome.as_str())).collect()
}

/// What a build does with a variable of the role that is false: nothing of the control.
fn built_without(profile: &str, variables: &str) -> String {
    let mut built = profile.to_owned();
    for line in variables.lines().filter(|line| !line.starts_with('#')) {
        built = match line {
            // One control asks for both policies; the list says which of them in a comment.
            "amzn2023cis_rule_3_4_2_7: false" if variables.contains("forwarded packets are dropped") => {
                built.replace("forward: \"drop\"", "forward: \"accept\"")
            }
            "amzn2023cis_rule_3_4_2_5: false" | "amzn2023cis_rule_3_4_2_7: false" => {
                built.replace("input: \"drop\"", "input: \"accept\"")
            }
            other => panic!("{other} breaks nothing on this image"),
        };
    }
    built
}

#[test]
fn image_after_image_without_the_controls_of_the_list_runs_everything_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let profiles = dir.path().join("profiles");
    fs::create_dir_all(&profiles).unwrap();
    let text = fs::read_to_string(root().join("fixtures/profiles/cis-al2023-l2.yaml")).unwrap();
    let image = "ami-0f00000000000000f";
    let mut text = text
        .replace("cis-al2023-l2", "own")
        .replace("al2023-cis-l2", "al2023-own")
        .replace("ami-01a3c5e7d9f0b2c4e", image);
    let mut named = Vec::new();
    let mut first = None;
    let last = loop {
        fs::write(profiles.join("own.yaml"), &text).unwrap();
        let folder = dir.path().join(format!("run-{}", named.len()));
        let report = lab_run(&folder, image, &profiles);
        let Some(explanation) = report.explanations.first().cloned() else { break report };
        assert!(explanation.unexplained.is_empty(), "{:?}", explanation.unexplained);
        named.push(explanation.causes.iter().map(|cause| cause.setting.clone()).collect::<Vec<_>>());
        assert!(named.len() < 3, "{named:?}");
        first.get_or_insert((outcomes(&report), explanation));
        let list = run(&folder, &["exclusions", "--possible", "--output", "ansible-lockdown"]);
        assert_eq!(list.status.code(), Some(0), "{}", stderr(&list));
        text = built_without(&text, &stdout(&list));
    };
    assert_eq!(named, [["forward-policy"], ["input-policy"]]);
    let (before, explanation) = first.unwrap();
    assert!(explanation.hidden.iter().any(|one| one.setting == "input-policy"), "the second one was announced");
    let after = outcomes(&last);
    let mut repaired = 0;
    for (check, outcome) in &before {
        let wanted = if *outcome == "fail" { "pass" } else { outcome };
        assert_eq!(after[check], wanted, "{check}");
        repaired += usize::from(*outcome == "fail");
    }
    assert_eq!(repaired, explanation.causes[0].cells.len());
}

/// A waiver excuses a control for good reasons only: that something else might be the cause is none.
#[test]
fn only_what_is_proven_is_waived() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path(), &[row("workload/web", &["image-pull", "pod-network"], true)]);
    let file = dir.path().join("waivers.yaml");
    let into = file.to_str().unwrap();
    let apply = ["exclusions", "a", "--apply", into, "--owner", "platform", "--expires", "2027-01-31"];
    let likely = run(dir.path(), &apply);
    assert_eq!(likely.status.code(), Some(2), "{}", stderr(&likely));
    assert!(stderr(&likely).contains("amiproof bisect --variant l2") && !file.exists(), "{}", stderr(&likely));

    let path = dir.path().join("runs/a/report.json");
    let mut report: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let setting = json!({"setting": "forward-policy", "label": "nftables forward policy", "fact": "firewall.nft.forward",
                         "value": "drop", "reference": "accept", "controls": ["cis-al2023-1.0.0/3.4.2.7"]});
    report["proofs"] = json!([{"variant": "l2", "reference": "stock", "check": "workload/web", "end": "proven",
                               "necessary": [setting], "sufficient": [[setting]], "settings": 40, "runs": 10}]);
    fs::write(&path, report.to_string()).unwrap();
    let proven = run(dir.path(), &apply);
    assert_eq!(proven.status.code(), Some(0), "{}", stderr(&proven));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("cis-al2023-1.0.0/3.4.2.7") && text.contains("(proven)"), "{text}");
    let explained = stdout(&run(dir.path(), &["explain", "a"]));
    assert!(explained.contains("proven forwarded packets are dropped"), "{explained}");
}
