//! Nodes that a run itself reboots, restarts and replaces: only when it is asked to, and when everything else is over.

use std::process::Stdio;

use amiproof_model::report::{CheckResult, Report, Subject};

use crate::process::{LabProcess, amiproof, finish, matrix, report, stderr};

const ALL: [&str; 7] =
    ["drift", "firewall-reload", "sysctl-reload", "kubelet-restart", "containerd-restart", "reboot", "drain"];

fn disruptive(report: &Report) -> Vec<&CheckResult> {
    report.results.iter().filter(|result| result.check.suite() == "disruptive").collect()
}

#[test]
fn nodes_are_disturbed_when_everything_else_is_over_stock_ones_last_and_a_drained_one_is_replaced() {
    let (lab, dir) = (LabProcess::start(None), tempfile::tempdir().unwrap());
    let pair = std::fs::read_to_string(matrix("pair.yaml")).unwrap();
    let file = dir.path().join("amiproof.yaml");
    std::fs::write(&file, pair + "suites: {include: [node, kube-bench], with: [disruptive]}\n").unwrap();
    let mut command = amiproof(dir.path());
    lab.target(&mut command).args(["run", "--no-fail", "--file"]).arg(&file);
    let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = report(dir.path());

    let end = |result: &CheckResult| result.started.as_second() as f64 + result.seconds;
    // A gate is judged when the run has ended.
    let others = report.results.iter().filter(|result| !["disruptive", "gate"].contains(&result.check.suite()));
    let calm_ends = others.map(end).fold(0.0, f64::max);
    let of = |name: &str| {
        let subject = Subject::Variant(name.parse().unwrap());
        disruptive(&report).into_iter().filter(|result| result.subject == subject).collect::<Vec<_>>()
    };
    let (stock, hardened) = (of("eks-al2023"), of("cis-al2023-l1"));
    for results in [&stock, &hardened] {
        let names: Vec<&str> = results.iter().filter_map(|result| result.check.as_str().split('/').nth(1)).collect();
        assert_eq!(names, ALL);
        for result in results.iter() {
            assert_eq!(
                result.outcome.as_str(),
                if is_reload(result) { "not applicable" } else { "pass" },
                "{result:#?}"
            );
            assert!(
                result.started.as_second() as f64 + 1.0 >= calm_ends,
                "{} began before others had ended",
                result.check
            );
        }
    }
    let hardened_ends = hardened.iter().map(|result| end(result)).fold(0.0, f64::max);
    assert!(
        stock.iter().all(|result| result.started.as_second() as f64 + 1.0 >= hardened_ends),
        "stock images come last"
    );

    for results in [&stock, &hardened] {
        let drain = results.iter().find(|result| result.check.as_str() == "disruptive/drain").unwrap();
        let actual = drain.evidence.iter().find(|one| one.name == "replacement").map(|one| one.text.as_str());
        assert!(actual.is_some_and(|actual| actual.contains("its replacement was Ready")), "{actual:?}");
        let known: Vec<_> = report.variants.iter().flat_map(|variant| &variant.nodes).collect();
        let fresh = |id: &Option<String>| known.iter().all(|known| known.instance_id != *id);
        assert!(
            drain.placements.iter().any(|at| fresh(&at.instance_id)),
            "it ran on the new node: {:#?}",
            drain.placements
        );
    }
    assert!(report.cleanup.ran && report.cleanup.leftovers.is_empty(), "{:?}", report.cleanup);
    assert_eq!(lab.resources(), [""; 0]);
}

/// No firewall service runs on these hosts.
fn is_reload(result: &CheckResult) -> bool {
    result.check.as_str() == "disruptive/firewall-reload"
}

#[test]
fn nobody_disturbs_nodes_who_was_not_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let pair = matrix("pair.yaml");
    let planned = |arguments: &[&str]| -> u64 {
        let mut command = amiproof(dir.path());
        command.args(["plan", "--output", "json", "--file", pair.to_str().unwrap()]).args(arguments);
        let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let plan: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{}", stderr(&output)));
        plan["variants"][0]["checks"].as_u64().unwrap()
    };
    let with = planned(&["--checks", "disruptive"]);
    assert_eq!(with, 7, "named on the command line");
    assert_eq!(planned(&["--checks", "d"]), 0, "a part of its name is not enough");
    assert!(planned(&[]) > with);
}
