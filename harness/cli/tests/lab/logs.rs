//! What a run prints where nobody watches, and what it writes down.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use crate::process::{amiproof, finish, matrix, stderr};

/// A credential that must be nowhere.
const CANARY: &str = "wJalrXUtnFEMIcanaryK7MDENGbPxRfiCY";

fn lab(dir: &Path, options: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = amiproof(dir);
    command.env("AWS_SECRET_ACCESS_KEY", CANARY).env("AWS_SESSION_TOKEN", CANARY).envs(environment.iter().copied());
    command.args(["run", "--lab", "--file"]).arg(matrix("pair.yaml")).args(options);
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The log of the only run of a folder.
fn log(dir: &Path) -> PathBuf {
    let runs: Vec<_> = std::fs::read_dir(dir.join("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [run] = &runs[..] else { panic!("{runs:?}") };
    run.join("log.txt")
}

#[test]
fn without_a_terminal_only_phases_failures_and_the_summary_are_printed_and_the_log_has_everything() {
    let dir = tempfile::tempdir().unwrap();
    let checks = ["--checks", "node,kubelet-path"];
    let brief = lab(dir.path(), &checks, &[]);
    assert_eq!(brief.status.code(), Some(0), "{}", stderr(&brief));
    let text = stderr(&brief);
    assert!(text.contains("network …") && text.contains("network done in "), "{text}");
    assert!(text.contains("test done in ") && text.contains(" passed"), "{text}");
    assert!(!text.contains("node/ready: pass") && !text.contains("waiting for "), "{text}");
    assert!(!text.contains("log.txt"), "a green run does not send anybody to its log: {text}");
    assert!(stdout(&brief).contains("passed: "), "{}", stdout(&brief));

    let path = log(dir.path());
    let kept = std::fs::read_to_string(&path).unwrap();
    for part in ["EVENT cis-al2023-l1: node/ready: pass", "network: waiting for ", "NOTE run lab-", " calls to AWS: "] {
        assert!(kept.contains(part), "no '{part}' in:\n{kept}");
    }
    assert!(!kept.contains(CANARY));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let each = lab(dir.path(), &[&checks[..], &["-v"]].concat(), &[]);
    let text = stderr(&each);
    assert!(text.contains("node/ready: pass") && text.contains("waiting for "), "{text}");

    let quiet = lab(dir.path(), &[&checks[..], &["--quiet"]].concat(), &[]);
    assert_eq!((stderr(&quiet).as_str(), quiet.status.code()), ("", Some(0)));
    let text = stdout(&quiet);
    assert!(text.starts_with("passed: ") && text.ends_with("(exit code 0)\n") && text.lines().count() == 1, "{text}");
}

#[test]
fn a_run_that_did_not_end_green_names_its_log_last() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = amiproof(dir.path());
    command.args(["run", "--lab", "--variants", "cis-al2023-l2", "--checks", "workload/pod-to-pod", "--file"]);
    let mut again = amiproof(dir.path());
    command.arg(matrix("demo.yaml")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = finish(command.spawn().unwrap());
    let text = stderr(&failed);
    assert_eq!(failed.status.code(), Some(1), "{text}");
    assert!(text.contains("workload/pod-to-pod: fail: "), "a failure is printed: {text}");
    let last = text.lines().last().unwrap();
    assert_eq!(last, format!("log       {}", log(dir.path()).display()));

    again.args(["run", "--lab", "--no-fail", "--variants", "cis-al2023-l2", "--checks", "workload/pod-to-pod"]);
    again.arg("--file").arg(matrix("demo.yaml")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let tolerated = finish(again.spawn().unwrap());
    assert_eq!(tolerated.status.code(), Some(0));
    assert!(stderr(&tolerated).lines().last().unwrap().starts_with("log       "), "{}", stderr(&tolerated));

    // Nothing ran, so there is no log to read.
    let wrong = crate::process::run(dir.path(), &["run", "--lab", "--file", "nowhere.yaml"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(!stderr(&wrong).contains("log.txt"), "{}", stderr(&wrong));
}

#[test]
fn rust_log_says_exactly_what_is_logged_and_a_wrong_one_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = lab(dir.path(), &["--checks", "node/joined"], &[("RUST_LOG", "amiproof=loud")]);
    assert!(stderr(&wrong).contains("warning: RUST_LOG: "), "{}", stderr(&wrong));
    assert_eq!(wrong.status.code(), Some(0));
    let help = crate::process::run(dir.path(), &["run", "--help"]);
    assert!(stdout(&help).contains("RUST_LOG") && stdout(&help).contains("log.txt"), "{}", stdout(&help));
}

#[test]
fn each_stream_has_colour_as_the_environment_and_the_option_say() {
    let dir = tempfile::tempdir().unwrap();
    let checks = ["--checks", "node/joined"];
    let is_coloured = |options: &[&str], environment: &[(&str, &str)]| {
        stdout(&lab(dir.path(), &[&checks[..], options].concat(), environment)).contains('\u{1b}')
    };
    assert!(!is_coloured(&[], &[]), "no terminal");
    assert!(is_coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(is_coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!is_coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}
