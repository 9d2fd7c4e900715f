//! Lists of runs.

use amiproof_core::ledger::{self, Key, Resource, ResourceKind};
use amiproof_core::resource::{cluster, stack};
use amiproof_model::report::{ClusterRecord, RunRecord, Shards};
use camino::Utf8PathBuf;

use super::*;

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}Z").parse().unwrap()
}

fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let dir = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    (guard, dir)
}

/// The folder of a run, with a ledger of these lines.
fn with_ledger(dir: &Utf8Path, run: &str, started: &str, keep: bool, lines: &[serde_json::Value]) -> RunDir {
    let folder = RunDir::create(dir, Some(run)).unwrap();
    let header = Header {
        version: ledger::VERSION,
        run: run.parse().unwrap(),
        matrix: "nightly".to_owned(),
        account: "111122223333".to_owned(),
        region: "us-west-2".to_owned(),
        endpoint: None,
        kubeconfig: None,
        started: at(started),
        expires: at(started).saturating_add(jiff::SignedDuration::from_hours(12)).unwrap(),
        keep,
    };
    let mut text = serde_json::json!({"header": header}).to_string();
    for line in lines {
        text.push_str(&format!("\n{line}"));
    }
    std::fs::write(folder.ledger(), format!("{text}\n")).unwrap();
    folder
}

fn created(key: u32, kind: ResourceKind, time: &str) -> [serde_json::Value; 2] {
    let attributes = [("kubernetesVersion".to_owned(), "1.36".to_owned())].into_iter().collect();
    let resource = Resource::new(kind, "c").in_region("us-west-2").with(attributes);
    let key: Key = serde_json::from_value(key.into()).unwrap();
    [
        serde_json::json!({"planned": {"key": key, "resource": resource}}),
        serde_json::json!({"created": {"key": key, "id": "id", "at": at(time)}}),
    ]
}

fn gone(key: u32, time: &str) -> serde_json::Value {
    serde_json::json!({"gone": {"key": key, "at": at(time)}})
}

fn with_report(folder: &RunDir, started: &str) {
    let run = RunRecord::new(folder.id.clone(), "nightly", at(started));
    let report = Report::new("0.1.0", run, ClusterRecord::new("c"));
    std::fs::write(folder.report(), serde_json::to_string(&report).unwrap()).unwrap();
}

fn with_command(folder: &RunDir, arguments: &[&str]) {
    let text = serde_json::json!({"version": "0.1.0", "arguments": arguments, "directory": "/work", "inputs": ""});
    std::fs::write(folder.path().join("command.json"), text.to_string()).unwrap();
}

/// A folder with one run of every sort.
fn every_sort() -> (tempfile::TempDir, Utf8PathBuf) {
    let (guard, dir) = dir();
    let network = with_ledger(&dir, "network-c", "21T07:00:00", true, &created(1, stack::KIND, "21T07:02:00"));
    with_command(&network, &["apply", "--only", "network"]);
    let lines = [&created(1, cluster::KIND, "21T08:00:00")[..], &[gone(1, "21T09:00:00")]].concat();
    let ended = with_ledger(&dir, "r-ended", "21T08:00:00", false, &lines);
    with_command(&ended, &["run", "--file", "a.yaml"]);
    with_report(&ended, "21T08:00:00");
    let killed = with_ledger(&dir, "r-killed", "21T10:00:00", false, &created(1, cluster::KIND, "21T10:10:00"));
    with_command(&killed, &["nightly"]);
    let lab = with_ledger(&dir, "lab-0123456789", "20T00:00:00", false, &created(1, cluster::KIND, "20T00:10:00"));
    with_command(&lab, &["run", "--lab"]);
    let recorded = std::fs::File::options().append(true).open(lab.path().join(started::FILE_NAME)).unwrap();
    recorded.set_modified(at("21T11:00:00").into()).unwrap();
    let torn = RunDir::create(&dir, Some("r-torn")).unwrap();
    std::fs::write(torn.ledger(), "{}\n").unwrap();
    killed.set_latest(&dir).unwrap();
    (guard, dir)
}

#[test]
fn each_run_says_what_came_of_it_and_what_of_it_may_exist() {
    let (_guard, dir) = every_sort();
    let mut listed = list(&dir, false, Prices::builtin().unwrap(), at("21T12:10:00"));
    "DIR".clone_into(&mut listed.dir);
    let torn = listed.runs.iter_mut().find(|run| run.run == "r-torn").unwrap();
    let Outcome::Unreadable { why } = &mut torn.outcome else { panic!("{torn:?}") };
    assert!(why.contains("ledger"), "{why}");
    "the ledger is no ledger".clone_into(why);
    insta::assert_snapshot!("wide", text::render(&listed, "", 120));
    insta::assert_snapshot!("narrow", text::render(&listed, " --dir DIR", 60));
    insta::assert_snapshot!("json", json(&listed).unwrap());
}

#[test]
fn old_runs_are_left_out_unless_they_still_have_resources() {
    let (_guard, dir) = dir();
    with_ledger(&dir, "r-alive", "01T00:00:00", false, &created(1, stack::KIND, "01T00:01:00"));
    for number in 0..25 {
        with_ledger(&dir, &format!("r-{number}"), "02T00:00:00", false, &[]);
    }
    let prices = Prices::builtin().unwrap();
    let some = list(&dir, false, prices, at("21T12:00:00"));
    assert_eq!((some.runs.len(), some.older), (NEWEST + 1, 5));
    assert!(some.runs.iter().any(|run| run.run == "r-alive"));
    assert!(text::render(&some, "", 120).contains("and 5 older runs"));
    assert_eq!(list(&dir, true, prices, at("21T12:00:00")).runs.len(), 26);
    let none = list(&dir.join("nowhere"), true, prices, at("21T12:00:00"));
    assert_eq!(none.latest, None);
    assert!(text::render(&none, "", 120).starts_with("there is no run in "));
}

#[test]
fn a_run_that_is_under_way_is_not_to_be_destroyed() {
    let (_guard, dir) = dir();
    let run = with_ledger(&dir, "r-1", "21T10:00:00", false, &created(1, cluster::KIND, "21T10:10:00"));
    let _lock = run.lock("run").unwrap();
    let text = text::render(&list(&dir, false, Prices::builtin().unwrap(), at("21T11:00:00")), "", 200);
    assert!(text.contains(&format!("running (run, pid {})", std::process::id())), "{text}");
    assert!(!text.contains("destroy"), "{text}");
}

#[test]
fn a_run_without_a_ledger_is_a_merge_or_an_import() {
    let (_guard, dir) = dir();
    let (columns, parts) = (Vec::new(), Vec::new());
    let merged = Shards {
        count: 2,
        inputs: String::new(),
        checks: Vec::new(),
        columns,
        shard: None,
        parts,
        unsettled: Vec::new(),
    };
    for (name, shards) in [("merged-1", Some(Box::new(merged))), ("r-imported", None)] {
        let folder = RunDir::create(&dir, Some(name)).unwrap();
        let run = RunRecord { shards, ..RunRecord::new(folder.id.clone(), "nightly", at("21T08:00:00")) };
        let report = Report::new("0.1.0", run, ClusterRecord::new("c"));
        std::fs::write(folder.report(), serde_json::to_string(&report).unwrap()).unwrap();
    }
    let listed = list(&dir, false, Prices::builtin().unwrap(), at("21T12:00:00"));
    let commands: Vec<_> = listed.runs.iter().map(|run| (run.run.as_str(), run.command.as_deref())).collect();
    assert_eq!(commands, [("r-imported", Some("import")), ("merged-1", Some("merge"))]);
}
