//! What controls break, measured on nodes of the lab, and that the nodes are restored afterwards.

use amiproof_core::impact::Wanted;
use amiproof_core::run::Experiment;
use amiproof_lab::profile::HostProfile;
use amiproof_model::name::Level;
use amiproof_model::report::impact::{Effect, Impact, ImpactOutcome};
use amiproof_suites::controls;

use crate::bench::{Bench, made, open_changes};
use crate::cluster::simulated;

const CHECKS: [&str; 5] = [
    "kubelet-path/logs",
    "workload/cluster-dns",
    "workload/log-reader",
    "workload/non-root-read-only",
    "workload/pod-to-pod",
];

fn wanted(only: &[&str], pairs: bool) -> Wanted {
    Wanted {
        variant: "candidate".parse().unwrap(),
        controls: controls::of("cis-al2023-1.0.0").unwrap(),
        level: Level::Two,
        only: only.iter().map(ToString::to_string).collect(),
        core: amiproof_suites::all(amiproof_workloads::catalogue().unwrap())
            .unwrap()
            .into_iter()
            .filter(|check| CHECKS.contains(&check.id.as_str()))
            .collect(),
        noticing: Vec::new(),
        pairs,
        time: None,
        nodes: Vec::new(),
    }
}

async fn measured(host: impl FnOnce(&mut HostProfile), nodes: usize, wanted: Wanted) -> Impact {
    let bench = Bench::start(host).await;
    let matrix = made().replace("nodes: 1", &format!("nodes: {nodes}"));
    let report = bench.run("whole", &matrix, &["node/ready"], Some(Experiment::Impact(Box::new(wanted)))).await;
    assert!(report.cleanup.leftovers.is_empty(), "{:?}", report.cleanup);
    assert_eq!(open_changes(&bench.folder("whole")), 0);
    let [impact] = report.impacts.as_slice() else { panic!("{:?}", report.impacts) };
    assert_eq!(impact.not_restored, Vec::<String>::new());
    assert_eq!(impact.unfinished, None);
    impact.clone()
}

/// What each control breaks, or what else is said of it.
fn table(impact: &Impact) -> Vec<(String, String)> {
    let cell = |row: &amiproof_model::report::impact::ControlRecord| match &row.outcome {
        ImpactOutcome::AsItIs => "as it is".to_owned(),
        ImpactOutcome::NotMeasured { why } => why.clone(),
        ImpactOutcome::Measured { cells } => {
            let word = |effect: &Effect| match effect {
                Effect::Works => None,
                Effect::Breaks => Some("breaks"),
                Effect::Unsteady | Effect::Undecided { .. } => Some("undecided"),
            };
            let words: Vec<String> =
                cells.iter().filter_map(|cell| Some(format!("{} {}", word(&cell.effect)?, cell.check))).collect();
            words.join(", ")
        }
    };
    impact.controls.iter().map(|row| (row.number(), cell(row))).collect()
}

#[test]
fn each_control_breaks_what_it_breaks_and_every_node_is_as_it_was() {
    simulated(|| async {
        let only = ["1.1.1.1", "1.1.2.1", "2.2.2", "3.2.1", "3.3.4", "3.4.2.7", "5.1.3"];
        let impact = measured(|_| (), 3, wanted(&only, true)).await;
        let refused = "the host would become unreachable, so the setting could not be put back";
        let found = table(&impact);
        let found: Vec<(&str, &str)> = found.iter().map(|(number, text)| (number.as_str(), text.as_str())).collect();
        let network = "breaks workload/cluster-dns, breaks workload/pod-to-pod";
        assert_eq!(
            found,
            [
                ("1.1.1.1", ""),
                (
                    "1.1.2.1, 1.1.3.1, 1.1.4.1, 1.1.5.1, 1.1.6.1, 1.1.7.1",
                    "file systems are laid out when the image is built, and one that is mounted over a folder in use hides what is in it"
                ),
                ("2.2.2", "as it is"),
                ("3.2.1 ipv4", network),
                ("3.2.1 ipv6", "as it is"),
                ("3.3.4", ""),
                ("3.4.2.7 input", "breaks kubelet-path/logs"),
                ("3.4.2.7 forward", network),
                ("3.4.2.7 output", refused),
                (
                    "5.1.3 files",
                    "it sets modes of single log files, and only those of their folders are among the facts that are read"
                ),
                // The group of root still reads them, and so does a reader that is root without capabilities.
                ("5.1.3 folders", ""),
            ]
        );
        let pairs = impact.pairs.unwrap();
        assert_eq!((pairs.controls, pairs.broken.as_slice()), (3, [].as_slice()));
        assert_eq!(impact.left_out.as_slice(), []);
    });
}

#[test]
fn a_check_that_fails_on_the_nodes_as_they_are_shows_nothing() {
    simulated(|| async {
        let impact = measured(|host| host.umask = "0027".to_owned(), 1, wanted(&["3.3.4"], false)).await;
        let left: Vec<(&str, &str)> =
            impact.left_out.iter().map(|one| (one.check.as_str(), one.why.as_str())).collect();
        assert_eq!(left, [("workload/non-root-read-only", "it fails on the nodes as they are")]);
        assert_eq!(impact.checks.len(), CHECKS.len() - 1);
        assert_eq!(table(&impact), [("3.3.4".to_owned(), String::new())]);
    });
}
