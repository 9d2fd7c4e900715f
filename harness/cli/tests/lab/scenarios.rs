//! Whole runs against the lab: what a user sees of the demo, and of things that go wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use crate::process::{LabProcess, amiproof, finish, matrix, run, stderr};
use amiproof_model::capability::Capability;
use amiproof_model::report::Report;
use amiproof_model::verdict::Outcome;
use amiproof_model::workload::Workload;

/// The verdict of every check on every subject, by name.
fn verdicts(report: &Report) -> BTreeMap<(String, String), &'static str> {
    report
        .results
        .iter()
        .map(|result| ((result.subject.as_str().to_owned(), result.check.to_string()), result.outcome.as_str()))
        .collect()
}

fn failing(report: &Report, suite: &str) -> BTreeSet<(String, String)> {
    report
        .results
        .iter()
        .filter(|result| {
            result.check.suite() == suite && !matches!(result.outcome, Outcome::Pass | Outcome::NotApplicable { .. })
        })
        .map(|result| (result.subject.as_str().to_owned(), format!("{} {}", result.check, result.outcome.as_str())))
        .collect()
}

#[test]
fn the_demo_shows_which_variant_breaks_and_which_control_did_it() {
    let dir = tempfile::tempdir().unwrap();
    let demo = matrix("demo.yaml");
    let output = run(dir.path(), &["run", "--lab", "--no-fail", "--file", demo.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = crate::process::report(dir.path());
    assert_eq!(report.variants.len(), 8);
    assert!(report.variants.iter().all(|variant| variant.nodes.len() == 2), "every variant has its two nodes");
    crate::scans::every_image_says_who_judged_it(dir.path(), &report);
    let broken = broken_by_a_firewall_that_drops(&report);
    assert!(broken.iter().any(|(_, check)| check.starts_with("workload/pod-to-pod ")), "{broken:?}");
    assert_eq!(failing(&report, "workload"), broken);
    assert_eq!(failing(&report, "kubelet-path"), BTreeSet::new());
    let control = report.results.iter().find(|result| {
        result.subject.as_str() == "cis-al2023-l2" && result.check.as_str() == "os-cis/cis-al2023-1.0.0/3.4.2.7"
    });
    assert_eq!(control.map(|result| &result.outcome), Some(&Outcome::Pass), "the firewall control is what broke it");
    assert!(
        report.cleanup.ran && report.cleanup.leftovers.is_empty() && report.cleanup.deleted == report.cleanup.created
    );
    junit_says_the_same(dir.path(), &report);
    for name in ["matrix.html", "matrix.md", "matrix.csv"] {
        let path = dir.path().join("runs").join(report.run.id.as_str()).join(name);
        assert!(path.metadata().is_ok_and(|file| file.len() > 1000), "{}", path.display());
    }
}

/// The workloads of the hardened variant whose own files say that they need packets which its firewall drops.
fn broken_by_a_firewall_that_drops(report: &Report) -> BTreeSet<(String, String)> {
    let dropped = [
        Capability::ApiServer,
        Capability::ClusterDns,
        Capability::Egress,
        Capability::HostNetwork,
        Capability::InstanceMetadata,
        Capability::NodePort,
        Capability::PodIdentity,
        Capability::PodNetwork,
        Capability::SameNodeNetwork,
        Capability::ServiceVip,
    ];
    let dropped = dropped.map(Capability::as_str);
    let verdicts = verdicts(report);
    let catalogue = amiproof_workloads::catalogue().unwrap();
    let needs =
        catalogue.iter().filter(|workload| workload.exercises.iter().any(|word| dropped.contains(&word.as_str())));
    let key = |workload: &Workload| ("cis-al2023-l2".to_owned(), format!("workload/{}", workload.name));
    let applies = needs.map(key).filter(|key| verdicts.get(key).is_some_and(|word| *word != "not applicable"));
    applies.map(|(subject, check)| (subject, format!("{check} fail"))).collect()
}

fn junit_says_the_same(dir: &Path, report: &Report) {
    let path = dir.join("runs").join(report.run.id.as_str()).join("junit.xml");
    let text = std::fs::read_to_string(path).unwrap();
    let parsed = quick_junit::Report::deserialize_from_str(&text).unwrap();
    let mut names = BTreeSet::new();
    for suite in &parsed.test_suites {
        for case in &suite.test_cases {
            let classname = case.classname.as_ref().map(|name| name.as_str().to_owned());
            assert!(names.insert((classname, case.name.as_str().to_owned())), "twice: {}", case.name.as_str());
        }
    }
    let expected = amiproof_reports::junit::expected_counts(report);
    assert_eq!((parsed.tests, parsed.failures, parsed.errors), (expected.tests, expected.failures, expected.errors));
    let counts = report.counts();
    assert_eq!(expected.tests, counts.total(), "a run that went well has a case per result");
    assert_eq!(expected.failures, counts.failed);
}

#[test]
fn throttling_and_server_errors_change_no_verdict() {
    let pair = matrix("pair.yaml");
    let verdicts_under = |scenario: Option<&str>| {
        let dir = tempfile::tempdir().unwrap();
        let mut arguments = vec!["run", "--lab", "--no-fail", "--file", pair.to_str().unwrap()];
        arguments.extend(scenario.into_iter().flat_map(|name| ["--scenario", name]));
        let output = run(dir.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{scenario:?}: {}", stderr(&output));
        let report = crate::process::report(dir.path());
        assert!(report.cleanup.leftovers.is_empty(), "{scenario:?}: {:?}", report.cleanup);
        verdicts(&report).into_iter().map(|(key, word)| (key, word.to_owned())).collect::<BTreeMap<_, _>>()
    };
    let calm = verdicts_under(None);
    assert_eq!(verdicts_under(Some("throttling")), calm);
    assert_eq!(verdicts_under(Some("server-errors")), calm);
}

#[test]
fn a_wrong_matrix_creates_nothing_and_lists_every_problem() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("amiproof.yaml");
    std::fs::write(
        &file,
        "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: n}\n\
         cluster: {name: c, region: us-west-2, kubernetesVersion: \"1.35\", create: true}\n\
         variants:\n  - {name: a, family: al2024, ami: {ssm: recommended}}\n  - {name: b, family: al2023, ami: {id: ami-xyz}}\n  \
         - {name: b, family: al2023, reference: nobody, ami: {ssm: recommended}}\n",
    )
    .unwrap();
    let mut command = amiproof(dir.path());
    lab.target(&mut command).arg("run").arg("--file").arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = finish(command.spawn().unwrap());
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    for word in ["al2024", "ami-xyz", "nobody", ":6:", ":7:", ":8:"] {
        assert!(text.contains(word), "{word} is missing in:\n{text}");
    }
    assert_eq!(lab.resources(), [""; 0]);
    assert_eq!(lab.requests(), serde_json::json!({}), "not even a question was asked");
    assert!(!dir.path().join("runs").exists());
}

#[test]
fn apply_test_scan_and_destroy_are_one_run_in_steps() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let pair = matrix("pair.yaml");
    let step = |arguments: &[&str]| {
        let mut command = amiproof(dir.path());
        lab.target(&mut command).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(command.spawn().unwrap())
    };
    let file = pair.to_str().unwrap();
    let applied = step(&["apply", "--file", file]);
    assert_eq!(applied.status.code(), Some(0), "{}", stderr(&applied));
    assert!(lab.resources().iter().any(|resource| resource.starts_with("eks ")), "everything is still there");
    let scanned = step(&["scan", "--file", file, "--no-fail"]);
    assert_eq!(scanned.status.code(), Some(0), "{}", stderr(&scanned));
    let report = crate::process::report(dir.path());
    let suites: BTreeSet<&str> = report.results.iter().map(|result| result.check.suite()).collect();
    let asked = BTreeSet::from(["node", "workload", "addon", "kubelet-path", "kube-bench", "eks-cis", "os-cis"]);
    assert!(suites.is_superset(&asked), "{suites:?}");
    let destroyed = step(&["destroy"]);
    assert_eq!(destroyed.status.code(), Some(0), "{}", stderr(&destroyed));
    assert_eq!(lab.resources(), [""; 0]);
}
