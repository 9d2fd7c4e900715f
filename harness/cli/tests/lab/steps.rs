//! The seed's five steps, as the Makefile writes them, twice each: every command answers by what it did, and the second one finds that it
//! is done.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use amiproof_model::report::Report;

use crate::process::{LabProcess, amiproof, finish, root, stderr};

/// A user's folder, with a profile set as everyone has who has an account.
struct Desk {
    lab: LabProcess,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let matrix = "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: pair}\n\
                      cluster: {name: pair, region: us-west-2, kubernetesVersion: \"1.35\", create: true}\n\
                      suites: {include: [node, kube-bench]}\n\
                      variants:\n  - {name: stock, family: al2023, ami: {ssm: recommended}}\n";
        std::fs::write(dir.path().join("amiproof.yaml"), matrix).unwrap();
        Self { lab: LabProcess::start(None), dir }
    }

    fn runs(&self) -> PathBuf {
        self.dir.path().join("amiproof-runs")
    }

    /// What `make TARGET` runs, without building first.
    fn make(&self, target: &str) -> Output {
        let line = recipe(target);
        let words = line
            .strip_prefix("$(AMIPROOF) ")
            .unwrap()
            .replace("$(MATRIX)", "amiproof.yaml")
            .replace("$(RUN_FLAG)", "")
            .replace("$(RUN)", "");
        let mut command = amiproof(&self.runs());
        self.lab
            .target(&mut command)
            .env("AWS_PROFILE", "prod")
            .current_dir(self.dir.path())
            .args(words.split_whitespace());
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn twice(&self, target: &str, code: i32) -> [String; 2] {
        [1, 2].map(|time| {
            let output = self.make(target);
            let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
            assert_eq!(output.status.code(), Some(code), "make {target}, time {time}:\n{text}");
            text
        })
    }

    fn latest(&self) -> Option<String> {
        std::fs::read_to_string(self.runs().join("latest")).ok().map(|text| text.trim().to_owned())
    }

    fn count(&self) -> usize {
        std::fs::read_dir(self.runs().join("runs")).map_or(0, Iterator::count)
    }
}

/// The one command of a target.
fn recipe(target: &str) -> String {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let mut lines = makefile.lines().skip_while(|line| !line.starts_with(&format!("{target}: build")));
    lines.nth(1).unwrap_or_else(|| panic!("make {target}")).trim().to_owned()
}

#[test]
fn each_step_twice_answers_by_what_it_did() {
    let desk = Desk::new();
    desk.twice("run-static-tests", 0);
    let planned = &desk.twice("plan", 0)[0];
    for part in ["VPC", "subnet", "NAT gateway", "route table", "IAM role", "10.42.0.0/16"] {
        assert!(planned.contains(part), "no {part} in:\n{planned}");
    }
    assert!(!planned.contains("node group") && !planned.contains("pods"), "{planned}");

    let [first, second] = desk.twice("apply", 0);
    assert!(first.contains("run network-pair: 1 resource created"), "{first}");
    assert!(second.contains("run network-pair: up to date"), "{second}");
    assert_eq!(desk.latest(), None, "a network is not a run to test, scan or report");
    let network = desk.runs().join("runs/network-pair");
    assert!(!network.join("junit.xml").exists() && !network.join("matrix.html").exists());
    let with_network = desk.lab.resources();

    desk.twice("cluster-plan", 0);
    let [_, second] = desk.twice("cluster-apply", 0);
    assert!(second.contains("continued") && second.contains("cluster pair is up to date"), "{second}");
    assert_eq!(desk.count(), 2, "the second one goes on with the run of the first");
    let run = desk.latest().unwrap();
    let clusters = desk.lab.resources().iter().filter(|it| it.starts_with("eks cluster")).count();
    assert_eq!(clusters, 1, "{:?}", desk.lab.resources());

    let scan = desk.make("run-cis-scan");
    let code = scan.status.code().unwrap();
    assert!([0, 1].contains(&code), "{}", stderr(&scan));
    assert_eq!(desk.make("run-cis-scan").status.code(), Some(code));
    assert_eq!(desk.latest().as_deref(), Some(run.as_str()));
    let report = desk.runs().join("runs").join(&run).join("report.json");
    let report = Report::parse(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert!(report.results.iter().any(|result| result.check.suite() == "kube-bench"), "scanned what was applied");
    assert!(report.results.iter().any(|result| result.check.suite() == "node"), "and tested before");
    desk.twice("report", 0);

    desk.twice("cluster-destroy", 0);
    assert_eq!(desk.lab.resources(), with_network, "the network stays");
    desk.twice("destroy-network", 0);
    assert_eq!(desk.lab.resources(), [""; 0]);

    let again = desk.make("run-cis-scan");
    assert_eq!(again.status.code(), Some(2), "{}", stderr(&again));
    assert!(stderr(&again).contains("amiproof apply"), "{}", stderr(&again));
}

#[test]
fn a_run_that_failed_before_it_made_anything_is_not_the_latest() {
    let desk = Desk::new();
    desk.make("cluster-apply");
    let first = desk.latest().unwrap();
    // Someone else's folder: their cluster of the same name is in the way there.
    let elsewhere = desk.dir.path().join("elsewhere");
    let mut command = amiproof(&elsewhere);
    let pair = desk.dir.path().join("amiproof.yaml");
    desk.lab.target(&mut command).args(["apply", "--file"]).arg(&pair);
    let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("was not created by run"), "{}", stderr(&output));
    let made = std::fs::read_to_string(elsewhere.join("latest"));
    assert!(made.is_err(), "{made:?}");
    assert_eq!(desk.latest(), Some(first.clone()));
    private(&desk.runs().join("runs").join(first));
}

/// Only its owner can read a run's folder.
fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = folder.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{}: {mode:o}", folder.display());
}
