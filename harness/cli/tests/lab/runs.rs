//! `amiproof runs`: what there is, what is alive, and the command that removes it.

use std::path::Path;
use std::process::{Output, Stdio};

use crate::process::{LabProcess, amiproof, finish, matrix, run, stderr};

fn says(lab: &LabProcess, dir: &Path, arguments: &[&str]) -> (Output, String) {
    let mut command = amiproof(dir);
    lab.target(&mut command).args(arguments);
    let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

#[test]
fn what_is_alive_is_listed_until_the_command_that_is_named_has_removed_it() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let file = matrix("pair.yaml");
    let file = file.to_str().unwrap();
    let (applied, _) = says(&lab, dir.path(), &["apply", "--run", "mine", "--checks", "node/joined", "--file", file]);
    assert_eq!(applied.status.code(), Some(0), "{}", stderr(&applied));

    // Offline: it is not told where the lab is.
    let listed = run(dir.path(), &["runs"]);
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert_eq!(listed.status.code(), Some(0), "{}", stderr(&listed));
    for part in ["mine (latest)", "apply", "passed (0)", "1 EKS cluster", "per hour", "AWS was not asked"] {
        assert!(text.contains(part), "no '{part}' in:\n{text}");
    }
    let json: serde_json::Value = serde_json::from_slice(&run(dir.path(), &["runs", "-o", "json"]).stdout).unwrap();
    let mine = &json["runs"][0];
    assert_eq!((&mine["run"], &mine["isLatest"], &mine["command"]), (&"mine".into(), &true.into(), &"apply".into()));
    assert_eq!((&mine["outcome"]["state"], &mine["outcome"]["exitCode"]), (&"ended".into(), &0.into()));
    assert_eq!(mine["alive"]["kinds"]["EKS cluster"], 1);
    assert!(mine["cost"]["usdPerHour"].as_f64().is_some_and(|usd| usd > 0.0), "{mine}");

    let next = text.lines().last().unwrap().trim();
    assert_eq!(next, format!("amiproof --dir {} destroy --run mine", dir.path().display()));
    let (destroyed, _) = says(&lab, dir.path(), &["destroy", "--run", "mine"]);
    assert_eq!(destroyed.status.code(), Some(0), "{}", stderr(&destroyed));
    let (_, after) = says(&lab, dir.path(), &["runs"]);
    assert!(after.ends_with("no run has resources left\n") && !after.contains("may still exist"), "{after}");
}

#[test]
fn nothing_of_a_lab_inside_the_process_is_alive_and_an_empty_folder_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let none = run(dir.path(), &["runs"]);
    assert_eq!(none.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&none.stdout).starts_with("there is no run in "));
    let file = matrix("pair.yaml");
    let ran = run(dir.path(), &["run", "--lab", "--checks", "node/joined", "--file", file.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    let text = String::from_utf8_lossy(&run(dir.path(), &["runs"]).stdout).into_owned();
    assert!(
        text.contains("run --lab") && text.contains("(lab)") && text.contains("no run has resources left"),
        "{text}"
    );
}

#[test]
fn an_id_that_does_not_exist_is_refused_with_the_one_that_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    let file = matrix("pair.yaml");
    let file = file.to_str().unwrap();
    let ran = run(dir.path(), &["run", "--lab", "--run", "night-1", "--checks", "node/joined", "--file", file]);
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    for (arguments, meant) in [
        (&["report", "night-11"][..], "night-1"),
        (&["compare", "night-1", "night-2"], "night-1"),
        (&["resume", "night-2"], "night-1"),
        (&["destroy", "--run", "night-2"], "night-1"),
        (&["explain", "--check", "node/joinde"], "node/joined"),
        (&["explain", "--variant", "cis-al2023-l2"], "cis-al2023-l1"),
        (&["check", "--file", file, "--variants", "cis-al2023-l2"], "cis-al2023-l1"),
        (&["list", "--file", file, "--checks", "node/raedy"], "node/ready"),
        (&["bisect", "--file", file, "--variant", "cis-al2023-l2"], "cis-al2023-l1"),
        (&["bisect", "--file", file, "--variant", "cis-al2023-l1", "--check", "node/raedy"], "node/ready"),
        (&["impact", "--file", file, "--variant", "eks-al2032"], "eks-al2023"),
        (&["impact", "--file", file, "--check", "workload/web-servic"], "workload/web-service"),
        (&["impact", "--file", file, "--benchmark", "cis-al2023-1.0.1"], "cis-al2023-1.0.0"),
        (&["impact", "--file", file, "--control", "3.4.2.77"], "3.4.2.7"),
        (&["controls", "--benchmark", "cis-eks-1.8"], "cis-eks-1.8.0"),
        (&["workload", "render", "web-servic"], "web-service"),
        (&["run", "--lab", "--file", file, "--scenario", "delete-fail"], "delete-fails"),
    ] {
        let refused = run(dir.path(), arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", stderr(&refused));
        let wanted = format!("did you mean '{meant}'?");
        assert!(stderr(&refused).contains(&wanted), "{arguments:?}: {}", stderr(&refused));
    }
}
