//! A run keeps to the number of pods that it was given, as the API server sees it.

use std::process::Stdio;

use amiproof_model::verdict::Outcome;

use crate::living::Living;
use crate::process::{LabProcess, amiproof, finish, matrix, report, stderr};

#[test]
fn a_run_of_the_whole_catalogue_on_three_variants_keeps_to_its_number_of_pods() {
    const MAX: usize = 20;
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

    let test = |checks: &str, most: usize| {
        let mut test = amiproof(dir.path());
        lab.target(&mut test).args(["test", "--checks", checks, "--max-pods", &most.to_string(), "--file"]);
        ended({
            test.arg(matrix("three.yaml"));
            test
        })
    };
    let tested = test("workload,kubelet-path", MAX);
    let most = living.most();
    assert_eq!(tested.status.code(), Some(0), "{}", stderr(&tested));
    assert!(most.len() <= MAX, "{} pods were alive at a time, {MAX} were allowed: {most:#?}", most.len());
    assert!(most.len() > MAX / 2, "only {} pods were alive at a time: the others waited for nothing", most.len());
    let report = report(dir.path());
    let refused = report.results.iter().filter(|result| result.outcome.reason().contains("--max-pods"));
    let refused: Vec<&str> = refused.map(|result| result.outcome.reason()).collect();
    assert!(refused.is_empty(), "every workload of the catalogue has its turn: {refused:?}");
    let of = |name: &str| {
        let own = report.results.iter().filter(|result| result.subject.as_str() == name);
        own.filter(|result| result.check.suite() == "workload" && result.outcome == Outcome::Pass).count()
    };
    for variant in &report.variants {
        assert!(of(variant.name.as_str()) > 10, "{}: {} workloads passed", variant.name, of(variant.name.as_str()));
    }

    // Who allows fewer pods than one workload has is told so, and gets no more.
    let tested = test("workload/web-service,kubelet-path/logs", 1);
    assert_eq!(tested.status.code(), Some(3), "what was not asked is not green: {}", stderr(&tested));
    let outcomes = crate::process::report(dir.path()).results;
    for result in outcomes.iter().filter(|result| result.check.as_str() == "workload/web-service") {
        let Outcome::NotEvaluated { reason } = &result.outcome else { panic!("{:?}", result.outcome) };
        assert!(reason.starts_with("it needs up to ") && reason.contains("the run is limited to 1"), "{reason}");
    }
}
