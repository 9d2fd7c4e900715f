//! kube-bench on emulated nodes: on all of them, from runs of someone else, and against what kubelets really run with.

use std::sync::Arc;

use amiproof_core::check::{ScanAnswer, ScanRow, Scope};
use amiproof_core::cluster::objects;
use amiproof_core::context::Context;
use amiproof_core::scan::kube_bench::job::{self, IMAGE, Wanted};
use amiproof_core::scan::kube_bench::{job::Scope as Targets, scan_cluster, scan_node};
use amiproof_core::wait::{Condition, Observed, Progress};
use amiproof_lab::profile::HostProfile;
use amiproof_model::matrix::{KubeBench, Runs, RunsBy, ScannedNodes};
use amiproof_model::verdict::Verdict;
use k8s_openapi::api::batch::v1::Job;
use serde_json::json;

use super::cluster::{Lab, profile, simulated};

fn with(lab: &Lab, scope: Scope, settings: KubeBench) -> Context {
    let context = lab.context(scope);
    let mut matrix = (*context.matrix).clone();
    matrix.scans.kube_bench = settings;
    Context { matrix: Arc::new(matrix), ..context }
}

fn row<'a>(answer: &'a ScanAnswer, end: &str) -> &'a ScanRow {
    let row = answer.rows.iter().find(|row| row.check.as_str().ends_with(end));
    row.unwrap_or_else(|| panic!("no row {end} in {:#?}", answer.rows))
}

fn reason(row: &ScanRow) -> &str {
    match &row.decision.verdict {
        Verdict::NotEvaluated(reason) => reason,
        other => panic!("{}: {other:?}", row.check),
    }
}

#[test]
fn on_all_nodes_a_control_is_one_row_with_every_node_in_it() {
    simulated(|| async {
        let lab = Lab::new("eks-al2023").await;
        let context = with(&lab, Scope::Variant, KubeBench { nodes: ScannedNodes::All, ..KubeBench::default() });
        let answer = scan_node(&context).await.unwrap();
        assert_eq!(answer.rows.len(), 14, "13 controls and the comparison with the kubelets");
        let one = row(&answer, "/3.2.1");
        assert_eq!(one.decision.verdict, Verdict::Pass);
        let nodes: Vec<&str> = one.decision.placements.iter().map(|placement| placement.node.as_str()).collect();
        assert_eq!(nodes, ["hardened-1", "hardened-2"]);
        assert_eq!(row(&answer, "/configz").decision.verdict, Verdict::Pass);
        let record = &answer.scans[0];
        assert_eq!((record.scanner_version.as_deref(), record.expected), (Some("v0.15.6"), Some(13)));
        assert!(record.note.contains("knows none for Kubernetes 1.36 yet"), "{}", record.note);
        for name in ["kube-bench-node-1.json", "kube-bench-node-2.json"] {
            assert!(context.evidence.join(name).exists(), "{name} is kept");
        }
        lab.assert_clean().await;
    });
}

fn with_drop_in(image: &str) -> Arc<HostProfile> {
    let mut profile = (*profile(image)).clone();
    profile.kubelet_drop_ins.insert("readOnlyPort".to_owned(), json!(10255));
    profile.kubelet_drop_ins.insert("rotateCertificates".to_owned(), json!(false));
    Arc::new(profile)
}

/// kube-bench reads `config.json`, which lacks the two settings: it fails the one that must be there and passes the other.
fn assert_overridden(answer: &ScanAnswer, source: &str) {
    let Verdict::Fail(findings) = &row(answer, "/3.2.8").decision.verdict else { panic!("3.2.8 is not in force") };
    assert!(findings[0].summary.ends_with("rotateCertificates is false"), "{findings:?}");
    assert!(findings[0].detail.contains(source), "{findings:?}");
    let Verdict::Fail(findings) = &row(answer, "/configz").decision.verdict else { panic!("they disagree") };
    assert_eq!(findings[0].resource, "node 1");
    assert!(findings[0].summary.contains("kube-bench passes 3.2.8, but rotateCertificates is false"), "{findings:?}");
    let evidence = &row(answer, "/3.2.4").decision.evidence;
    assert!(evidence.iter().any(|piece| piece.text == "readOnlyPort is 10255"), "{evidence:?}");
}

#[test]
fn what_a_drop_in_overrides_is_a_finding_of_its_own() {
    simulated(|| async {
        let lab = Lab::of(with_drop_in("eks-al2023"), "eks-al2023").await;
        assert_overridden(&scan_node(&lab.context(Scope::Variant)).await.unwrap(), "configz");
        lab.assert_clean().await;
    });
}

#[test]
fn a_kubelet_that_cannot_be_asked_is_read_from_its_files() {
    simulated(|| async {
        let lab = Lab::of(with_drop_in("al2023-no-10250"), "al2023-no-10250").await;
        let answer = scan_node(&lab.context(Scope::Variant)).await.unwrap();
        assert_overridden(&answer, "config.json.d/40-nodeadm.conf, because configz cannot be read");
        lab.assert_clean().await;
    });
}

/// Runs kube-bench as a user would, without amiproof.
async fn run_of_a_user(context: &Context, benchmark: &str, targets: Targets) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "audit"}});
    objects::apply(&context.cluster, None, &namespace).await.unwrap();
    let wanted = Wanted {
        name: "nightly",
        scope: targets,
        benchmark,
        node: &context.nodes[0].name,
        image: IMAGE,
        deadline: std::time::Duration::from_secs(60),
    };
    objects::apply(&context.cluster, Some("audit"), &job::manifest(&wanted)).await.unwrap();
    let api: kube::Api<Job> = kube::Api::namespaced(context.cluster.client(), "audit");
    let condition = Condition::of(&amiproof_model::workload::Expectation::Complete("job/nightly".into())).unwrap();
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let jobs = amiproof_core::cluster::watch::follow(api, Default::default());
    let met =
        |jobs: Vec<Job>| (condition.progress(&Observed { jobs, ..Observed::default() }) == Progress::Met).then_some(());
    amiproof_core::cluster::watch::until(jobs, until, met).await.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn runs_that_are_there_already_are_read_and_never_made() {
    simulated(|| async {
        let lab = Lab::new("eks-al2023").await;
        run_of_a_user(&lab.context(Scope::Variant), "eks-1.8.0", Targets::Node).await;
        let from = |by| KubeBench { from: Some(Runs { namespace: "audit".to_owned(), by }), ..KubeBench::default() };
        let job = from(RunsBy::Job("nightly".to_owned()));
        let answer = scan_node(&with(&lab, Scope::Variant, job.clone())).await.unwrap();
        assert_eq!(row(&answer, "/3.2.1").decision.verdict, Verdict::Pass);
        assert!(answer.scans[0].note.starts_with("read from Job audit/nightly"), "{}", answer.scans[0].note);
        assert_eq!(answer.scans[0].scanner_version, None);

        let cluster = scan_cluster(&with(&lab, Scope::Cluster, job.clone())).await.unwrap();
        assert!(
            reason(row(&cluster, "/4.1.1")).contains("has no pod with results of policies"),
            "it ran on the node alone"
        );
        let nobody = scan_node(&with(&lab, Scope::Variant, from(RunsBy::Pod("nobody".to_owned())))).await.unwrap();
        assert_eq!(reason(row(&nobody, "/3.1.1")), "pod audit/nobody has no pod on a node of this variant");
        let other = KubeBench { benchmark: Some("cis-eks-1.7.0".parse().unwrap()), ..job };
        let other = scan_node(&with(&lab, Scope::Variant, other)).await.unwrap();
        assert_eq!(reason(row(&other, "cis-eks-1.7.0/3.1.1")), "kube-bench ran eks-1.8.0 instead of eks-1.7.0");
        assert!(lab.ledger_is_empty(), "nothing was made");
    });
}

#[test]
fn the_benchmark_of_the_matrix_file_is_the_one_that_runs() {
    simulated(|| async {
        let lab = Lab::new("eks-al2023").await;
        let settings = KubeBench { benchmark: Some("cis-eks-1.0.1".parse().unwrap()), ..KubeBench::default() };
        let answer = scan_node(&with(&lab, Scope::Variant, settings)).await.unwrap();
        let own =
            answer.rows.iter().filter(|row| row.check.as_str().starts_with("kube-bench/cis-eks-1.0.1/3.")).count();
        assert_eq!(own, 15);
        assert!(
            answer.scans[0].note.contains("the default for Kubernetes 1.36 is cis-eks-1.8.0"),
            "{}",
            answer.scans[0].note
        );
        lab.assert_clean().await;
    });
}
