//! Nothing is left behind: not after Ctrl-C in any phase, and not after `kill -9` in any phase and `amiproof destroy`. The lab is
//! asked what exists, not the ledger.

use std::path::Path;
use std::process::Command;

use crate::process::{LabProcess, Watched, amiproof, finish, matrix, stderr};

/// Words of the progress line after which a run is hit, by phase.
const MOMENTS: [(&str, &[&str]); 8] = [
    ("network", &["cluster", "network …"]),
    ("cluster", &["cluster", "cluster …"]),
    ("launch template", &["eks-al2023", "launch template …"]),
    ("node group", &["cis-al2023-l1", "node group …"]),
    ("nodes", &["eks-al2023", "nodes …"]),
    ("test", &["cis-al2023-l1", "test …"]),
    ("os scan", &["eks-al2023", "os scan …"]),
    ("teardown", &["eks-al2023", "teardown …"]),
];

fn run(lab: &LabProcess, dir: &Path) -> Watched {
    let mut command = amiproof(dir);
    lab.target(&mut command).arg("run").arg("--file").arg(matrix("pair.yaml"));
    Watched::start(&mut command)
}

fn destroy(lab: &LabProcess, dir: &Path) -> std::process::Output {
    let mut command: Command = amiproof(dir);
    lab.target(&mut command).arg("destroy");
    finish(command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap())
}

/// Every moment in a lab of its own, beside the others.
fn at_every_moment(check: impl Fn(&str, &[&str], &LabProcess) + Sync) {
    std::thread::scope(|scope| {
        for (phase, words) in MOMENTS {
            let check = &check;
            scope.spawn(move || check(phase, words, &LabProcess::start(None)));
        }
    });
}

#[test]
fn a_run_interrupted_in_any_phase_leaves_nothing() {
    at_every_moment(|phase, words, lab| {
        let dir = tempfile::tempdir().unwrap();
        let run = run(lab, dir.path());
        run.wait_for(words);
        run.signal("INT");
        let (code, progress) = run.end();
        assert_eq!(code, Some(130), "interrupted in {phase}:\n{progress}");
        let report = crate::process::report(dir.path());
        for variant in &report.variants {
            let is_joined = |row: &&amiproof_model::report::CheckResult| {
                row.subject.as_str() == variant.name.as_str() && row.check.as_str() == "node/joined"
            };
            assert!(
                report.results.iter().any(|row| is_joined(&row)),
                "{} vanished, interrupted in {phase}",
                variant.name
            );
        }
        assert_eq!(lab.resources(), [""; 0], "interrupted in {phase}:\n{progress}");
    });
}

#[test]
fn a_run_killed_in_any_phase_is_removed_by_destroy() {
    at_every_moment(|phase, words, lab| {
        let dir = tempfile::tempdir().unwrap();
        let run = run(lab, dir.path());
        run.wait_for(words);
        run.signal("KILL");
        let (code, _) = run.end();
        assert_eq!(code, None, "killed in {phase}");
        let destroyed = destroy(lab, dir.path());
        assert_eq!(destroyed.status.code(), Some(0), "killed in {phase}: {}", stderr(&destroyed));
        assert_eq!(lab.resources(), [""; 0], "killed in {phase}");
    });
}

#[test]
fn what_cannot_be_deleted_is_listed_with_its_command_and_exit_code_6() {
    let lab = LabProcess::start(Some("delete-fails"));
    let dir = tempfile::tempdir().unwrap();
    let (code, progress) = run(&lab, dir.path()).end();
    let report = crate::process::report(dir.path());
    if lab.resources().is_empty() {
        // The scenario's failures ran out before the last try: then nothing may be reported as left.
        assert!(report.cleanup.leftovers.is_empty(), "{:?}", report.cleanup);
    } else {
        assert_eq!(code, Some(6), "{progress}");
        assert!(
            report.cleanup.leftovers.iter().all(|leftover| leftover.help.starts_with("aws ")),
            "{:?}",
            report.cleanup
        );
    }
}

#[test]
fn a_run_that_exceeds_its_deadline_cleans_up_and_is_no_success() {
    let dir = tempfile::tempdir().unwrap();
    let file = matrix("pair.yaml");
    // Nodes are there after some quarter of an hour, and the checks take longer.
    let arguments = ["run", "--lab", "--deadline", "15m", "--file", file.to_str().unwrap()];
    let ended = crate::process::run(dir.path(), &arguments);
    assert_eq!(ended.status.code(), Some(3), "{}", stderr(&ended));
    let said = "the deadline of 15m has passed: stopping checks, then cleaning up";
    assert!(stderr(&ended).contains(said), "{}", stderr(&ended));
    let report = crate::process::report(dir.path());
    assert!(!report.run.interrupted && report.run.seconds >= 900.0, "{:?}", report.run);
    let reason = "the deadline of 15m was exceeded before this check finished";
    assert!(report.results.iter().any(|row| row.outcome.reason() == reason), "no row says why it is open");
    assert!(report.cleanup.leftovers.is_empty(), "{:?}", report.cleanup);
    for (text, word) in [("0", "duration"), ("5", "duration"), ("-1h", "")] {
        let refused = crate::process::run(dir.path(), &["run", "--lab", "--deadline", text]);
        assert_eq!(refused.status.code(), Some(2), "{text}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(word), "{}", stderr(&refused));
    }
}
