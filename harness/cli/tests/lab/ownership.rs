//! A teardown only touches the place of the run, refuses while the run is active, and works with a damaged ledger.

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
    assert_eq!(stdout(&foreseen).trim(), "would delete CloudFormation stack amiproof-pair");
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
    assert!(stderr(&destroyed).contains("the ledger is incomplete"), "{}", stderr(&destroyed));
    // Progress lines say what the command is waiting for.
    for line in ["deleting CloudFormation stack amiproof-pair", "querying the account for leftovers"] {
        assert!(stderr(&destroyed).lines().any(|actual| actual == line), "{line}: {}", stderr(&destroyed));
    }
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
    assert!(stderr(&refused).contains("run r-alive is still running (pid "), "{}", stderr(&refused));
    run.signal("INT");
    assert_eq!(run.end().0, Some(130));
    assert_eq!(lab.resources(), [""; 0]);
}

#[test]
fn what_is_meant_to_stay_is_not_swept() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let file = matrix("pair.yaml");
    command(&lab, dir.path(), &["apply", "--only", "network", "--expires", "1s", "--file", file.to_str().unwrap()]);
    let before = lab.resources();
    assert!(!before.is_empty());
    let swept = command(&lab, dir.path(), &["sweep", "--yes", "--output", "json", "--region", "us-west-2"]);
    assert_eq!(swept.status.code(), Some(0), "{}", stderr(&swept));
    let answer: serde_json::Value = serde_json::from_str(&stdout(&swept)).unwrap();
    assert_eq!(answer["deleted"], serde_json::json!([]), "{answer}");
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
    assert!(stdout(&destroyed).contains("1 created, 1 deleted, nothing left"), "{}", stdout(&destroyed));
    assert!(stderr(&destroyed).contains("report.json"), "{}", stderr(&destroyed));
    assert_eq!(lab.resources(), [""; 0]);
}

/// A disk that is full in the middle of a run: nothing is left behind, and nothing is green. `ulimit` emulates the disk.
#[test]
fn a_disk_that_is_full_stops_no_teardown_and_is_no_success() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let mut run = amiproof(dir.path());
    lab.target(&mut run).args(["run", "--run", "r-full", "--checks", "node/joined", "--file"]).arg(matrix("pair.yaml"));
    let mut limited = Command::new("sh");
    // Without XFSZ a write beyond the limit is an error, as on a full disk, and not the end of the process.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 5; exec \"$0\" \"$@\""]).arg(run.get_program()).args(run.get_args());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let ended = finish(limited.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(ended.status.code(), Some(3), "{}", stderr(&ended));
    assert!(stdout(&ended).contains("cannot write the ledger"), "{}", stdout(&ended));
    assert_eq!(lab.resources(), [""; 0], "{}", stderr(&ended));
    let destroyed = command(&lab, dir.path(), &["destroy", "--run", "r-full"]);
    assert_eq!(destroyed.status.code(), Some(0), "{}", stderr(&destroyed));
    assert!(stdout(&destroyed).contains("nothing left"), "{}", stdout(&destroyed));
}

#[test]
fn a_run_that_was_stopped_before_its_cluster_is_gone_on_with() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let mut first = amiproof(dir.path());
    lab.target(&mut first).args(["apply", "--checks", "node/joined", "--file"]).arg(matrix("pair.yaml"));
    let first = Watched::start(&mut first);
    first.wait_for(&["cluster", "network …"]);
    lab.wait_for_resource("cloudformation");
    first.signal("INT");
    let (code, text) = first.end();
    assert_eq!(code, Some(130), "{text}");
    let file = matrix("pair.yaml");
    let again = ["apply", "--checks", "node/joined", "--file", file.to_str().unwrap()];
    let second = command(&lab, dir.path(), &again);
    assert_eq!(second.status.code(), Some(0), "{}", stderr(&second));
    assert!(stderr(&second).contains(", continued"), "{}", stderr(&second));
    let destroyed = command(&lab, dir.path(), &["destroy"]);
    assert_eq!(destroyed.status.code(), Some(0), "{}", stderr(&destroyed));
    assert_eq!(lab.resources(), [""; 0]);
}
