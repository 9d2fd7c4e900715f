//! `amiproof explain` and `exclusions`: a report without causes, as an older build wrote it, is explained by the facts in it.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::process::{run, stderr};

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
            row("workload/job", &["image-pull"], false),
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
    let passed = stdout(&run(dir.path(), &["explain", "a", "--check", "workload/job"]));
    assert_eq!(passed, "nothing to explain: workload/job did not fail\n");
    let json: Value = serde_json::from_str(&stdout(&run(dir.path(), &["explain", "a", "--output", "json"]))).unwrap();
    assert_eq!(json[0]["causes"][0]["setting"], "forward-policy");
    assert_eq!(json[0]["causes"][0]["certainty"], "likely");
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path(), &[row("workload/job", &["image-pull"], false)]);
    let output = run(dir.path(), &["explain", "a", "--variant", "l9"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("its variants are stock, l2"), "{}", stderr(&output));
    let output = run(dir.path(), &["explain", "a", "--check", "workload/none"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("run a has no result of workload/none"), "{}", stderr(&output));
    let nothing = stdout(&run(dir.path(), &["explain", "a"]));
    assert_eq!(nothing, "nothing to explain: no variant fails a check that its reference passes\n");
}

#[test]
fn what_to_leave_out_is_a_list_in_the_form_of_a_build() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path(), &[row("workload/web", &["pod-network"], true)]);
    let lockdown = run(dir.path(), &["exclusions", "a", "--format", "ansible-lockdown"]);
    assert_eq!(lockdown.status.code(), Some(0), "{}", stderr(&lockdown));
    assert!(stdout(&lockdown).contains("amzn2023cis_rule_3_4_2_7: false\n"), "{}", stdout(&lockdown));
    let nobody = run(dir.path(), &["exclusions", "a", "--format", "waivers"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(stderr(&nobody).contains("add --owner NAME and --expires YYYY-MM-DD"), "{}", stderr(&nobody));
    let owned = &["exclusions", "a", "--format", "waivers", "--owner", "platform", "--expires", "2027-01-31"];
    assert!(stdout(&run(dir.path(), owned)).contains("control: cis-al2023-1.0.0/3.4.2.7\n    variants: [l2]"));
    let other = run(dir.path(), &["exclusions", "a", "--variant", "stock"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(stderr(&other).contains("those that do are l2"), "{}", stderr(&other));
}

#[test]
fn a_regression_comes_with_what_changed_since_the_baseline() {
    let dir = tempfile::tempdir().unwrap();
    stored_as(dir.path(), "old", "accept", &[row("workload/web", &["pod-network"], false)]);
    stored(dir.path(), &[row("workload/web", &["pod-network"], true)]);
    for format in ["text", "markdown"] {
        let output = run(dir.path(), &["compare", "old", "a", "--format", format]);
        assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
        let text = stdout(&output);
        assert!(
            text.contains("forwarded packets are dropped (nftables forward policy, 3.4.2.7): 1 workload"),
            "{text}"
        );
        assert!(text.contains("firewall.nft.forward is drop, was accept"), "{text}");
    }
}
