//! A run keeps to the number of pods that it was given, as the API server sees it.

use std::process::Stdio;

use amiproof_model::verdict::Outcome;

use crate::living::Living;
use crate::process::{LabProcess, amiproof, finish, matrix, report, stderr};

#[test]
fn a_run_of_the_whole_catalogue_on_three_variants_keeps_to_its_number_of_pods() {
    const MOST: usize = 14;
    let (lab, dir) = (LabProcess::start(None), tempfile::tempdir().unwrap());
    let ended = |mut command: std::process::Command| {
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let mut apply = amiproof(dir.path());
    lab.target(&mut apply).args(["apply", "--checks", "node/joined", "--file"]).arg(matrix("three.yaml"));
    let applied = ended(apply);
    assert_eq!(applied.status.code(), Some(0), "{}", stderr(&applied));
    let kubeconfig = dir.path().join("kubeconfig");
    std::fs::write(&kubeconfig, lab.kubeconfig("three")).unwrap();
    let living = Living::watch(&kubeconfig);

    let mut test = amiproof(dir.path());
    lab.target(&mut test).args([
        "test",
        "--checks",
        "workload,kubelet-path",
        "--max-pods",
        &MOST.to_string(),
        "--file",
    ]);
    test.arg(matrix("three.yaml"));
    let tested = ended(test);
    let most = living.most();
    assert_eq!(tested.status.code(), Some(0), "{}", stderr(&tested));
    assert!(most <= MOST, "{most} pods were alive at a time, {MOST} were allowed");
    assert!(most > MOST / 2, "only {most} pods were alive at a time: the others waited for nothing");
    let report = report(dir.path());
    let of = |name: &str| {
        let own = report.results.iter().filter(|result| result.subject.as_str() == name);
        own.filter(|result| result.check.suite() == "workload" && result.outcome == Outcome::Pass).count()
    };
    for variant in &report.variants {
        assert!(of(variant.name.as_str()) > 10, "{}: {} workloads passed", variant.name, of(variant.name.as_str()));
    }
}
