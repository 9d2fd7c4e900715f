//! A teardown is where the run was, when nobody works on it, and whatever became of its ledger.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::process::{LabProcess, Watched, amiproof, finish, matrix, stderr};

fn command(lab: &LabProcess, dir: &Path, arguments: &[&str]) -> Output {
    let mut command: Command = amiproof(dir);
    lab.target(&mut command).args(arguments);
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The network of a lab, made by a run of its own.
fn network(lab: &LabProcess, dir: &Path) {
    let file = matrix("pair.yaml");
    let made = command(lab, dir, &["apply", "--only", "network", "--file", file.to_str().unwrap()]);
    assert!(lab.resources().iter().any(|resource| resource.starts_with("cloudformation")), "{}", stderr(&made));
}

const RUN: &str = "network-pair";

#[test]
fn a_teardown_in_another_place_is_refused_and_marks_nothing_gone() {
    let (here, elsewhere) = (LabProcess::start(None), LabProcess::start(None));
    let dir = tempfile::tempdir().unwrap();
    network(&here, dir.path());
    let before = here.resources();
    for more in [&["--dry-run"][..], &[]] {
        let refused = command(&elsewhere, dir.path(), &[&["destroy", "--run", RUN][..], more].concat());
        assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
        assert!(stderr(&refused).contains("run network-pair is in endpoint http://"), "{}", stderr(&refused));
        assert!(stderr(&refused).contains("nothing was touched"), "{}", stderr(&refused));
    }
    assert_eq!(here.resources(), before);
    let foreseen = command(&here, dir.path(), &["destroy", "--run", RUN, "--dry-run"]);
    assert_eq!(stdout(&foreseen).trim(), "would remove CloudFormation stack amiproof-pair");
    assert_eq!(here.resources(), before);
    let destroyed = command(&here, dir.path(), &["destroy", "--run", RUN]);
    assert_eq!(destroyed.status.code(), Some(0), "{}", stderr(&destroyed));
    assert_eq!(here.resources(), [""; 0]);
}

#[test]
fn a_torn_ledger_keeps_nothing_alive() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    network(&lab, dir.path());
    let path = dir.path().join("runs").join(RUN).join("ledger.jsonl");
    let mut ledger = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    // As a full disk leaves it: half a record, and the next one behind it.
    ledger.write_all(b"{\"planned\":{\"key\":2,\"resou{\"gone\":{\"key\":9}}\n").unwrap();
    let destroyed = command(&lab, dir.path(), &["destroy", "--run", RUN]);
    assert_eq!(destroyed.status.code(), Some(0), "{}", stderr(&destroyed));
    assert!(stderr(&destroyed).contains("the ledger is not whole"), "{}", stderr(&destroyed));
    assert_eq!(lab.resources(), [""; 0]);
}

#[test]
fn a_run_that_is_alive_is_not_destroyed() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let mut run = amiproof(dir.path());
    lab.target(&mut run).args(["run", "--run", "r-alive", "--file"]).arg(matrix("pair.yaml"));
    let run = Watched::start(&mut run);
    run.wait_for(&["cluster", "network …"]);
    let refused = command(&lab, dir.path(), &["destroy", "--run", "r-alive"]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("run r-alive is alive (pid "), "{}", stderr(&refused));
    run.signal("INT");
    assert_eq!(run.end().0, Some(130));
    assert_eq!(lab.resources(), [""; 0]);
}

#[test]
fn what_is_meant_to_stay_is_not_swept() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let file = matrix("pair.yaml");
    command(&lab, dir.path(), &["apply", "--only", "network", "--expires", "0", "--file", file.to_str().unwrap()]);
    let before = lab.resources();
    assert!(!before.is_empty());
    let swept = command(&lab, dir.path(), &["sweep", "--output", "json", "--region", "us-west-2"]);
    assert_eq!(swept.status.code(), Some(0), "{}", stderr(&swept));
    let answer: serde_json::Value = serde_json::from_str(&stdout(&swept)).unwrap();
    assert_eq!(answer["removed"], serde_json::json!([]), "{answer}");
    assert_eq!(lab.resources(), before);
}

#[test]
fn a_teardown_in_another_account_or_region_is_refused_and_marks_nothing_gone() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    network(&lab, dir.path());
    let before = lab.resources();
    let path = dir.path().join("runs").join(RUN).join("ledger.jsonl");
    let ledger = std::fs::read_to_string(&path).unwrap();
    for (here, elsewhere, word) in
        [("111122223333", "444455556666", "444455556666"), ("us-west-2", "eu-central-1", "eu-central-1")]
    {
        std::fs::write(&path, ledger.replacen(here, elsewhere, 1)).unwrap();
        let refused = command(&lab, dir.path(), &["destroy", "--run", RUN]);
        assert_eq!(refused.status.code(), Some(2), "{word}: {}", stderr(&refused));
        assert!(
            stderr(&refused).contains(word) && stderr(&refused).contains("nothing was touched"),
            "{}",
            stderr(&refused)
        );
        assert_eq!(lab.resources(), before, "{word}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), ledger.replacen(here, elsewhere, 1), "{word}");
    }
    std::fs::write(&path, ledger).unwrap();
    assert_eq!(command(&lab, dir.path(), &["destroy", "--run", RUN]).status.code(), Some(0));
    assert_eq!(lab.resources(), [""; 0]);
}

#[test]
fn a_report_that_cannot_be_read_hides_nothing_of_what_was_destroyed() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    network(&lab, dir.path());
    std::fs::write(dir.path().join("runs").join(RUN).join("report.json"), "{}").unwrap();
    let destroyed = command(&lab, dir.path(), &["destroy", "--run", RUN]);
    assert_eq!(destroyed.status.code(), Some(3), "{}", stderr(&destroyed));
    assert!(stdout(&destroyed).contains("1 created, 1 gone, nothing left"), "{}", stdout(&destroyed));
    assert!(stderr(&destroyed).contains("report.json"), "{}", stderr(&destroyed));
    assert_eq!(lab.resources(), [""; 0]);
}
