//! Nodes that never join: a verdict on their image, and nothing else waits for it.

use std::path::Path;

use amiproof_model::judge::{Disposition, Origin};
use amiproof_model::report::{CheckResult, Phase, PhaseEnd, Report, Subject};
use amiproof_model::verdict::Outcome;

use crate::process::{matrix, run, stderr};

/// The line of the kubelet of the profile `al2023-never-joins`, without its time stamps.
const LINE: &str = "kubelet: Failed to start ContainerManager: invalid kernel flag: vm/overcommit_memory, expected value: 1, actual value: 0";

fn of_variant<'a>(report: &'a Report, name: &str) -> Vec<&'a CheckResult> {
    let subject = Subject::Variant(name.parse().unwrap());
    report.results.iter().filter(|result| result.subject == subject).collect()
}

/// The failure of `node/joined` says why in one sentence, and everything else of the variant follows from it.
fn assert_never_joined<'a>(report: &'a Report, name: &str) -> &'a CheckResult {
    let rows = of_variant(report, name);
    let joined = rows.iter().find(|row| row.check.as_str() == "node/joined").unwrap();
    let Outcome::Fail { findings } = &joined.outcome else { panic!("{:?}", joined.outcome) };
    let summary = &findings[0].summary;
    assert!(summary.starts_with("0 of 2 nodes joined the cluster: ") && summary.contains(LINE), "{summary}");
    for row in &rows {
        match &row.outcome {
            Outcome::Fail { .. } => assert_eq!(row.check.as_str(), "node/joined", "{row:?}"),
            Outcome::NotApplicable { .. } => {}
            Outcome::NotEvaluated { reason } => {
                assert!(reason.starts_with("not evaluated because node/joined failed: "), "{row:?}");
                assert_eq!(report.cause_of(row), Some(&joined.check), "{row:?}");
            }
            other => panic!("{}: {other:?}", row.check),
        }
    }
    assert!(rows.len() > 20, "{} rows", rows.len());
    joined
}

fn evidence<'a>(row: &'a CheckResult, name: &str) -> &'a str {
    let found = row.evidence.iter().find(|evidence| evidence.name.starts_with(name));
    &found.unwrap_or_else(|| panic!("no {name} in {:?}", row.evidence)).text
}

#[test]
fn a_node_that_never_joins_is_a_failure_of_its_image_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = matrix("broken-hosts.yaml");
    let arguments = ["run", "--lab", "--file", hosts.to_str().unwrap(), "--variants", "eks-al2023,al2023-never-joins"];
    let output = run(dir.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report = crate::process::report(dir.path());
    let joined = assert_never_joined(&report, "al2023-never-joins");
    assert_eq!((&joined.disposition, joined.origin), (&Disposition::Failed, Some(Origin::Hardening)));
    assert!(evidence(joined, "console output of node 1").contains("Failed to start ContainerManager"));
    assert!(evidence(joined, "journal of node 1").contains("vm/overcommit_memory"), "through Systems Manager");
    assert!(evidence(joined, "EC2 status checks").contains("running"));
    let difference = evidence(joined, "node settings that differ from the reference");
    assert!(difference.contains("sysctl.vm.overcommit_memory = 0  (reference: 1)"), "{difference}");
    let record = report.variants.iter().find(|variant| variant.name.as_str() == "al2023-never-joins").unwrap();
    assert!(record.nodes.is_empty() && record.never_joined.len() == 2, "{record:?}");
    let healthy = of_variant(&report, "eks-al2023");
    let workloads: Vec<_> = healthy.iter().filter(|row| row.check.suite() == "workload").collect();
    assert!(workloads.iter().filter(|row| row.disposition == Disposition::Passed).count() > 20, "{workloads:?}");
    assert!(report.cleanup.leftovers.is_empty());
    assert_junit_says_failure(dir.path(), &report);
}

fn assert_junit_says_failure(dir: &Path, report: &Report) {
    let path = dir.join("runs").join(report.run.id.as_str()).join("junit.xml");
    let text = std::fs::read_to_string(path).unwrap();
    let parsed = quick_junit::Report::deserialize_from_str(&text).unwrap();
    let mut cases = parsed.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let case = cases.find(|case| case.name.as_str().starts_with("[al2023-never-joins] node/joined:")).unwrap();
    let quick_junit::TestCaseStatus::NonSuccess { kind, message, .. } = &case.status else { panic!("{case:?}") };
    assert_eq!(*kind, quick_junit::NonSuccessKind::Failure);
    assert!(message.as_ref().is_some_and(|message| message.as_str().contains("invalid kernel flag")), "{message:?}");
    let errors = cases.filter(|case| {
        matches!(case.status, quick_junit::TestCaseStatus::NonSuccess { kind: quick_junit::NonSuccessKind::Error, .. })
    });
    assert_eq!(errors.count(), 0, "nothing of this is an error of amiproof");
}

#[test]
fn a_run_whose_only_variant_never_joins_ends_with_it_and_blames_no_add_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("alone.yaml");
    let text = "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: alone}\n\
        cluster: {name: alone, region: us-west-2, kubernetesVersion: \"1.35\", create: true}\n\
        variants:\n  - name: l2\n    family: al2023\n    hardening: {benchmark: cis-al2023-1.0.0, level: 2}\n    \
        ami: {filter: {owner: \"111122223333\", name: amiproof-lab-al2023-never-joins}}\n";
    std::fs::write(&file, text).unwrap();
    let output = run(dir.path(), &["run", "--lab", "--file", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report = crate::process::report(dir.path());
    let joined = assert_never_joined(&report, "l2");
    assert_eq!(joined.origin, Some(Origin::Unknown), "nothing ran beside it");
    let addons: Vec<_> = report.run.phases.iter().filter(|phase| phase.phase == Phase::Addons).collect();
    assert!(addons.iter().all(|phase| phase.ended == PhaseEnd::Cancelled), "{addons:?}");
    assert!(stderr(&output).contains("no longer waiting"), "{}", stderr(&output));
    let of_cluster: Vec<_> = report.results.iter().filter(|row| row.subject == Subject::Cluster).collect();
    assert!(!of_cluster.is_empty());
    for row in of_cluster {
        assert_eq!(report.cause_of(row), Some(&joined.check), "{row:?}");
    }
    assert!(report.cleanup.ran && report.cleanup.leftovers.is_empty(), "{:?}", report.cleanup);
}
