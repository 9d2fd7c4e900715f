//! A run that was killed goes on: `resume` and `rerun`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};

use amiproof_model::report::Report;

use crate::process::{LabProcess, Watched, amiproof, finish, matrix, stderr};

/// What is checked: enough for nodes, pods and roles.
const CHECKS: &str = "node,workload/web-service,workload/irsa";

fn command(lab: &LabProcess, dir: &Path, arguments: &[&str]) -> Output {
    let mut command = amiproof(dir);
    lab.target(&mut command).args(arguments);
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// The dispositions of a run's report by subject and check.
fn dispositions(dir: &Path, run: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(dir.join("runs").join(run).join("report.json")).unwrap();
    let report = Report::parse(&text).unwrap();
    assert!(report.cleanup.leftovers.is_empty() && report.cleanup.is_verified(), "{:?}", report.cleanup);
    let row = |result: &amiproof_model::report::CheckResult| {
        (format!("{:?} {}", result.subject, result.check), format!("{:?}", result.disposition))
    };
    report.results.iter().map(row).collect()
}

#[test]
fn a_run_that_was_killed_goes_on_and_ends_as_if_nothing_had_happened() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let file = matrix("pair.yaml");
    let arguments = |run| ["run", "--run", run, "--file", file.to_str().unwrap(), "--checks", CHECKS];
    let whole = command(&lab, dir.path(), &arguments("r-whole"));
    assert!(matches!(whole.status.code(), Some(0 | 1)), "{}", stderr(&whole));
    let wanted = dispositions(dir.path(), "r-whole");
    for (run, moment) in [
        ("r-cluster", ["cluster", "cluster …"]),
        ("r-nodes", ["eks-al2023", "node group done"]),
        ("r-test", ["node/", ": pass"]),
    ] {
        let mut killed = amiproof(dir.path());
        lab.target(&mut killed).args(arguments(run)).arg("-v");
        let killed = Watched::start(&mut killed);
        killed.wait_for(&moment);
        killed.signal("KILL");
        killed.end();
        assert!(!lab.resources().is_empty(), "{run} was killed too early");
        // Without a name: it is the only run that left something.
        let resumed = command(&lab, dir.path(), &["resume"]);
        assert_eq!(resumed.status.code(), whole.status.code(), "{run}: {}", stderr(&resumed));
        assert!(stderr(&resumed).contains(&format!("run {run}, continued")), "{}", stderr(&resumed));
        assert_eq!(dispositions(dir.path(), run), wanted, "{run}");
        assert_eq!(lab.resources(), [""; 0], "{run}");
        let again = command(&lab, dir.path(), &["resume", run]);
        assert_eq!(again.status.code(), whole.status.code(), "{}", stderr(&again));
        assert!(!stderr(&again).contains("node group …"), "everything is answered: {}", stderr(&again));
        assert_eq!(dispositions(dir.path(), run), wanted, "{run}");
    }
}

#[test]
fn what_cannot_be_resumed_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let resume = |run: &str| {
        let mut command = amiproof(dir.path());
        finish(command.args(["resume", run]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let unknown = resume("r-none");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("there is no run 'r-none'"), "{}", stderr(&unknown));
    let folder = dir.path().join("runs/r-old");
    std::fs::create_dir_all(&folder).unwrap();
    let old = resume("r-old");
    assert_eq!(old.status.code(), Some(2));
    assert!(stderr(&old).contains("run 'r-old' cannot be resumed: "), "{}", stderr(&old));
    let directory = std::env::current_dir().unwrap();
    let started = |arguments: &[&str], directory: &Path| {
        let started = serde_json::json!({
            "version": "0.0.1", "arguments": arguments, "directory": directory.to_str().unwrap(), "inputs": "",
        });
        std::fs::write(folder.join("command.json"), started.to_string()).unwrap();
        stderr(&resume("r-old"))
    };
    let file = matrix("pair.yaml");
    let file = file.to_str().unwrap();
    for (said, wanted) in [
        (started(&["run", "--file", file], Path::new("/nowhere")), "run 'r-old' was started in /nowhere"),
        (
            started(&["run", "--of-a-later-version"], &directory),
            "this version of amiproof does not know the command of run 'r-old' (it was started by 0.0.1)",
        ),
        (started(&["run", "--lab", "--file", file], &directory), "was in a lab inside its process"),
        (started(&["run", "--file", file], &directory), "have changed since run 'r-old' started"),
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}
