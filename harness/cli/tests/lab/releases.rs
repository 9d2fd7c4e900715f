//! `amiproof bisect --releases`: images of one variant as columns of a run, and which is the first bad one.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::process::{report, run, stderr};

/// Images of the lab: hardened to level 1, stock, one whose nodes never join, and one that forwards no packets.
const LEVEL_1: &str = "ami-0f7b9d1e3a5c6b8d0";
const STOCK: &str = "ami-0a2c4e6f8b1d3a5c7";
const NEVER_JOINS: &str = "ami-05e7a9c1b3d4f6a8c";
const FORWARDS_NOTHING: &str = "ami-03c5e7a9f1b2d4e6a";

/// A matrix with one variant.
fn matrix(dir: &Path) -> String {
    let text = "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: golden}\n\
        cluster: {name: golden, region: us-west-2, kubernetesVersion: \"1.35\", create: true}\n\
        variants:\n  - {name: golden, family: al2023, ami: {ssm: recommended}}\n";
    let path = dir.join("golden.yaml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn bisect(dir: &Path, releases: &[&str], more: &[&str]) -> Output {
    let (file, releases) = (matrix(dir), releases.join(","));
    let mut arguments = vec!["bisect", "--lab", "--file", &file, "--releases", &releases];
    arguments.extend(more);
    run(dir, &arguments)
}

#[test]
fn the_first_bad_release_comes_with_its_cause_and_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let checks = ["--check", "workload/web-service,workload/cluster-dns,kubelet-path/logs"];
    let output = bisect(dir.path(), &[LEVEL_1, STOCK, FORWARDS_NOTHING], &checks);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let answer = text.split("json      ").next().unwrap();
    insta::assert_snapshot!(answer);
    let report = report(dir.path());
    let columns: Vec<&str> = report.run.releases.iter().map(|name| name.as_str()).collect();
    assert_eq!(columns, ["golden-r1", "golden-r2", "golden-r3"]);
    assert!(report.cleanup.leftovers.is_empty() && report.cleanup.created > 0, "{:?}", report.cleanup);
    let again = run(dir.path(), &["report"]);
    assert!(String::from_utf8(again.stdout).unwrap().contains(answer), "`report` shows it again");
}

#[test]
fn a_release_that_never_joins_is_bad_and_leaves_open_what_else_it_breaks() {
    let dir = tempfile::tempdir().unwrap();
    let output = bisect(
        dir.path(),
        &[STOCK, NEVER_JOINS, FORWARDS_NOTHING],
        &["--check", "workload/web-service", "--output", "json"],
    );
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = |check: &str| {
        let all = answer["checks"].as_array().unwrap();
        all.iter().find(|track| track["check"] == check).map(|track| track["found"].clone())
    };
    assert_eq!(
        found("node/joined").unwrap(),
        serde_json::json!({"firstBad": {"lastGood": 1, "firstBad": 2, "fixed": 3}})
    );
    assert_eq!(found("workload/web-service").unwrap(), serde_json::json!({"between": {"lastGood": 1, "firstBad": 3}}));
    let places: Vec<(&Value, &Value)> =
        answer["breaks"].as_array().unwrap().iter().map(|one| (&one["lastGood"], &one["firstBad"])).collect();
    assert_eq!(places, [(&1.into(), &2.into()), (&1.into(), &3.into())]);
}

#[test]
fn what_cannot_be_bisected_is_refused_before_anything_is_created() {
    let dir = tempfile::tempdir().unwrap();
    for (releases, message) in [
        (vec![STOCK], "--releases needs at least two releases"),
        (vec![STOCK, "latest"], "'latest' is not a valid AMI id"),
        (vec![STOCK, LEVEL_1, STOCK], "ami-0a2c4e6f8b1d3a5c7 is given twice"),
    ] {
        let output = bisect(dir.path(), &releases, &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
    let output = bisect(dir.path(), &[STOCK, LEVEL_1], &["--variant", "silver"]);
    assert!(stderr(&output).contains("there is no variant 'silver'"), "{}", stderr(&output));
    assert!(!dir.path().join("runs").exists());
}
