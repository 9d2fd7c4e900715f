//! Bottlerocket's own reports from emulated nodes, without AWS: a privileged pod asks on the host.

use amiproof_core::check::Scope;
use amiproof_core::scan::bottlerocket::scan;
use amiproof_model::verdict::Verdict;

use super::cluster::{Lab, simulated};

#[test]
fn both_reports_become_rows_of_their_own_benchmarks() {
    simulated(|| async {
        let lab = Lab::new("bottlerocket").await;
        let answer = scan(&lab.context(Scope::Variant)).await.unwrap();
        let records: Vec<_> = answer
            .scans
            .iter()
            .map(|scan| (scan.scanner.as_str(), scan.benchmark.as_ref().map(ToString::to_string), scan.expected))
            .collect();
        let of = |benchmark: &str| Some(benchmark.to_owned());
        assert_eq!(
            records,
            [
                ("bottlerocket", of("cis-bottlerocket-1.0.0"), Some(15)),
                ("bottlerocket-k8s", of("cis-kubernetes-1.8.0"), Some(22))
            ]
        );
        let counts = |prefix: &str| {
            let own = || answer.rows.iter().filter(|row| row.check.as_str().starts_with(prefix));
            let passed = own().filter(|row| row.decision.verdict == Verdict::Pass).count();
            let manual = own().filter(|row| matches!(row.decision.verdict, Verdict::Manual(_))).count();
            (own().count(), passed, manual)
        };
        assert_eq!(counts("os-cis/cis-bottlerocket-1.0.0/"), (15, 11, 4));
        assert_eq!(counts("os-cis/cis-kubernetes-1.8.0/"), (22, 18, 4));
        let nodes: Vec<&str> = answer.rows[0].decision.placements.iter().map(|place| place.node.as_str()).collect();
        assert_eq!(nodes, ["hardened-1", "hardened-2"], "every node is asked");
        lab.assert_clean().await;
    });
}

#[test]
fn without_any_way_to_the_nodes_nothing_is_green() {
    simulated(|| async {
        let lab = Lab::new("bottlerocket").await;
        let mut context = lab.context(Scope::Variant);
        context.image_registry = Some("invalid.example/mirror".to_owned());
        let answer = scan(&context).await.unwrap();
        let ids: Vec<&str> = answer.rows.iter().map(|row| row.check.as_str()).collect();
        assert_eq!(ids, ["os-cis/bottlerocket", "os-cis/bottlerocket-k8s"]);
        for (row, scan) in answer.rows.iter().zip(&answer.scans) {
            let Verdict::NotEvaluated(why) = &row.decision.verdict else { panic!("{row:?}") };
            assert!(why.contains("node 1: this run has no AWS account") && why.contains("invalid.example"), "{why}");
            assert_eq!((&scan.benchmark, &scan.note), (&None, why));
        }
        lab.assert_clean().await;
    });
}
