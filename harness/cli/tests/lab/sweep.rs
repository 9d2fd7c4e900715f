//! `amiproof sweep`: lists what has expired and asks, in as many regions as are named.

use std::path::Path;
use std::process::{Output, Stdio};

use crate::process::{LabProcess, amiproof, finish, matrix, run, stderr};

fn command(lab: &LabProcess, dir: &Path, arguments: &[&str]) -> Output {
    let mut command = amiproof(dir);
    lab.target(&mut command).args(arguments);
    finish(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn nothing_is_swept_without_a_yes_and_then_only_what_has_expired() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let file = matrix("pair.yaml");
    let apply = ["apply", "--run", "r-old", "--expires", "1s", "--checks", "node/joined", "--file"];
    let applied = command(&lab, dir.path(), &[&apply[..], &[file.to_str().unwrap()]].concat());
    assert_eq!(applied.status.code(), Some(0), "{}", stderr(&applied));
    let before = lab.resources();

    let asked = command(&lab, dir.path(), &["sweep", "--region", "us-west-2"]);
    assert_eq!(asked.status.code(), Some(2), "{}", stderr(&asked));
    for part in ["would delete EKS cluster pair of run r-old in us-west-2", "no terminal to ask", "--yes deletes them"]
    {
        assert!(stderr(&asked).contains(part), "{part}: {}", stderr(&asked));
    }
    assert_eq!(lab.resources(), before);

    let listed = command(&lab, dir.path(), &["sweep", "--dry-run", "--output", "json", "--region", "us-west-2"]);
    assert_eq!(listed.status.code(), Some(0), "{}", stderr(&listed));
    let listed = json(&listed);
    assert_eq!(
        (&listed["dryRun"], &listed["wouldDelete"][0]["region"]),
        (&true.into(), &"us-west-2".into()),
        "{listed}"
    );
    assert_eq!(lab.resources(), before);

    // A region that cannot be asked is no reason to leave what is in another one, and no success.
    let regions = ["sweep", "--yes", "--output", "json", "--region", "us-west-2", "--region", "eu-central-1"];
    let swept = command(&lab, dir.path(), &regions);
    assert_eq!(swept.status.code(), Some(3), "{}", stderr(&swept));
    let answer = json(&swept);
    let unverified: Vec<&str> =
        answer["unverified"].as_array().unwrap().iter().filter_map(|one| one.as_str()).collect();
    assert!(!unverified.is_empty() && unverified.iter().all(|one| one.starts_with("eu-central-1: ")), "{answer}");
    assert_eq!(answer["dryRun"], false);
    assert_eq!(lab.resources(), [""; 0], "{answer}");
    let again = command(&lab, dir.path(), &["sweep", "--region", "us-west-2"]);
    assert_eq!(again.status.code(), Some(0), "nothing to ask about: {}", stderr(&again));
}

#[test]
fn a_run_whose_resources_have_expired_from_the_start_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for none in ["0", "0s", "0h0m", "-1", "soon"] {
        let expires = format!("--expires={none}");
        let refused = run(dir.path(), &["apply", &expires, "--file", matrix("pair.yaml").to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(2), "{none}: {}", stderr(&refused));
        assert!(stderr(&refused).contains("--expires"), "{none}: {}", stderr(&refused));
    }
}
