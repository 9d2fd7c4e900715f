use serde_json::{Value, json};

use super::*;
use crate::setting;

/// A setting that one fact shows: its effects as YAML.
fn setting(name: &str, fact: &str, bad: &str, takes: &str) -> Setting {
    let text = format!(
        "apiVersion: amiproof/v1\nkind: Setting\nmetadata: {{name: {name}}}\nspec:\n  title: {name} is wrong\n  harmful:\n  \
         - {{fact: {fact}, label: the {name}, value: {{is: [\"{bad}\"]}}, controls: {{cis-al2023-1.0.0: [\"3.4.2.7\"]}}, change: \
         {{rebuild: no}}}}\n  takes: [{takes}]\n  sources: [s]\n"
    );
    setting::parse(&text).unwrap()
}

fn row(check: &str, exercises: &[&str], outcome: Value, origin: Option<&str>, nodes: &[&str]) -> Value {
    let placements: Vec<Value> = nodes.iter().map(|node| json!({"node": node})).collect();
    json!({"check": check, "title": "t", "subject": {"variant": "l1"}, "exercises": exercises, "outcome": outcome,
           "disposition": "failed", "origin": origin, "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "placements": placements})
}

/// A failure that hardening caused.
fn red(check: &str, exercises: &[&str]) -> Value {
    let findings = json!([{"resource": "job/client", "summary": "no answer"}]);
    row(check, exercises, json!({"fail": {"findings": findings}}), Some("hardening"), &[])
}

fn green(check: &str, exercises: &[&str]) -> Value {
    row(check, exercises, json!("pass"), None, &["n1", "n2"])
}

/// A variant of two nodes with these facts and a stock one without any of them.
fn report(facts: &[&[(&str, &str)]; 2], stock: &[(&str, &str)], results: Vec<Value>) -> Report {
    let map = |facts: &[(&str, &str)]| -> serde_json::Map<String, Value> {
        facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
    };
    let node = |index: usize, facts: &[(&str, &str)]| json!({"index": index, "name": format!("n{index}"), "facts": map(facts)});
    serde_json::from_value(json!({
        "schemaVersion": crate::report::SCHEMA_VERSION,
        "tool": {"name": "amiproof", "version": "0"},
        "run": {"id": "r-1", "matrix": "m", "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "criticalPathSeconds": 1.0,
                "interrupted": false},
        "cluster": {"name": "c"},
        "variants": [
            {"name": "stock", "family": "al2023", "nodes": [node(1, stock)]},
            {"name": "l1", "family": "al2023", "reference": "stock", "benchmark": "cis-al2023-1.0.0", "level": 1,
             "nodes": [node(1, facts[0]), node(2, facts[1])]},
        ],
        "results": results,
        "cleanup": {"ran": true, "created": 0, "gone": 0, "leftovers": []},
    }))
    .unwrap()
}

fn explained(settings: &[Setting], facts: &[(&str, &str)], results: Vec<Value>) -> Explanation {
    let mut report = report(&[facts, facts], &[("os.name", "x")], results);
    explain(&mut report, settings, &[]);
    assert_eq!(report.explanations.len(), 1);
    report.explanations.swap_remove(0)
}

/// Each cause with its certainty and number of cells, and the unexplained cells.
fn brief(explanation: &Explanation) -> (Vec<String>, Vec<&str>) {
    let causes = explanation.causes.iter();
    let causes =
        causes.map(|cause| format!("{} {} {}", cause.certainty.as_str(), cause.setting, cause.cells.len())).collect();
    (causes, explanation.unexplained.iter().map(CheckId::as_str).collect())
}

fn network() -> Vec<Setting> {
    vec![
        setting("forward", "f", "drop", "{capabilities: [pod-network, cluster-dns], extent: all-or-nothing}"),
        setting(
            "input",
            "i",
            "drop",
            "{capabilities: [kubelet-api], extent: all-or-nothing}, {capabilities: [host-network], extent: some}",
        ),
        setting("filter", "r", "1", "{capabilities: [pod-network], extent: some}"),
        setting("noexec", "m", "noexec", "{capabilities: [exec-from-volume], extent: all}"),
    ]
}

#[test]
fn the_one_setting_that_explains_all_cells_is_the_likely_cause() {
    let results = vec![
        red("workload/web", &["image-pull", "pod-network"]),
        red("workload/names", &["image-pull", "cluster-dns"]),
        red("addon/driver", &["pod-network"]),
        green("workload/controllers", &["image-pull"]),
        green("kubelet-path/logs", &["kubelet-api"]),
    ];
    let explanation = explained(&network(), &[("f", "drop"), ("i", "drop"), ("r", "1"), ("m", "exec")], results);
    assert_eq!(brief(&explanation), (vec!["likely forward 3".to_owned()], vec![]));
    assert_eq!(explanation.causes[0].headline(), "forward is wrong (the forward, 3.4.2.7): 2 workloads, 1 add-on");
    assert_eq!(explanation.causes[0].evidence(), "f is drop, the reference has none");
    // The filter may drop packets between pods as well: that shows once they are forwarded.
    let hidden: Vec<(&str, usize)> =
        explanation.hidden.iter().map(|one| (one.setting.as_str(), one.cells.len())).collect();
    assert_eq!(hidden, [("filter", 2)]);
}

#[test]
fn what_passes_refutes_what_would_have_failed_with_it() {
    let results = vec![
        red("workload/web", &["image-pull", "pod-network"]),
        red("workload/odd", &["user-namespaces"]),
        green("workload/pairs", &["pod-network"]),
    ];
    let explanation = explained(&network(), &[("f", "drop"), ("r", "1")], results);
    // Packets pass; the filter drops only some of them.
    // It drops some packets, so that it is the only one that fits does not make it likely.
    assert_eq!(brief(&explanation), (vec!["possible filter 1".to_owned()], vec!["workload/odd"]));
    assert_eq!(explanation.ruled_out[0].setting, "forward");
    assert_eq!(explanation.ruled_out[0].by.as_str(), "workload/pairs");
}

/// Forwarding that a network plugin turns on for each new pod, and an agent off again, lets a check pass now and then.
#[test]
fn a_pass_among_many_failures_speaks_against_a_setting_and_does_not_refute_it() {
    let red_cells = |count: usize| (0..count).map(|at| red(&format!("workload/w{at}"), &["pod-network"]));
    let with = |count: usize| {
        let passed = green("workload/host-port", &["pod-network"]);
        explained(&network()[..1], &[("f", "drop")], red_cells(count).chain([passed]).collect())
    };
    let explanation = with(3);
    assert_eq!(brief(&explanation), (vec!["likely forward 3".to_owned()], vec![]));
    assert_eq!(explanation.causes[0].against, ["workload/host-port".parse().unwrap()]);
    assert_eq!((with(2).causes.len(), with(2).ruled_out.len()), (0, 1));
    // What fits without anything against it is preferred.
    let settings =
        [network().swap_remove(0), setting("other", "o", "1", "{capabilities: [probes], extent: all-or-nothing}")];
    let both = (0..3).map(|at| red(&format!("workload/w{at}"), &["pod-network", "probes"]));
    let results = both.chain([green("workload/host-port", &["pod-network"])]).collect();
    let explanation = explained(&settings, &[("f", "drop"), ("o", "1")], results);
    assert_eq!(brief(&explanation).0, ["possible other 3"]);
    assert_eq!(explanation.causes[0].alternatives, ["forward"]);
}

/// CoreDNS may run on the very node that forwards nothing, so that names are resolved there, and the API server is out of reach.
#[test]
fn a_name_resolved_on_the_node_itself_does_not_refute_that_packets_stay_there() {
    let settings = [
        setting(
            "forward",
            "f",
            "drop",
            "{capabilities: [pod-network, cluster-dns, api-server], extent: all-or-nothing}",
        ),
        setting("proxy", "p", "1", "{capabilities: [service-vip, cluster-dns], extent: all-or-nothing}"),
        setting("filter", "r", "1", "{capabilities: [pod-network, cluster-dns], extent: some}"),
    ];
    let facts = [("f", "drop"), ("p", "1"), ("r", "1")];
    let results = |others: Vec<Value>| {
        let own = [
            red("workload/web", &["pod-network"]),
            red("workload/api", &["api-server", "cluster-dns"]),
            red("workload/other-names", &["cluster-dns"]),
            green("workload/names", &["cluster-dns"]),
        ];
        own.into_iter().chain(others).collect::<Vec<_>>()
    };
    let explanation = explained(&settings, &facts, results(Vec::new()));
    assert_eq!(brief(&explanation), (vec!["likely forward 3".to_owned()], vec![]));
    // Rules for Services are the same wherever the pods behind them are.
    let ruled_out = |explanation: &Explanation| -> Vec<String> {
        explanation.ruled_out.iter().map(|one| format!("{} by {}", one.setting, one.by)).collect()
    };
    assert_eq!(ruled_out(&explanation), ["proxy by workload/names"]);
    // Only what leaves the node speaks against it.
    let others = ["workload/pairs", "workload/more-pairs"].map(|check| green(check, &["pod-network"]));
    let explanation = explained(&settings, &facts, results(others.to_vec()));
    assert_eq!(ruled_out(&explanation), ["forward by workload/pairs", "proxy by workload/names"]);
}

#[test]
fn two_settings_that_fit_the_same_cells_are_both_possible() {
    let explanation = explained(&network(), &[("f", "drop"), ("r", "1")], vec![red("workload/web", &["pod-network"])]);
    assert_eq!(brief(&explanation).0, ["possible forward 1"]);
    assert_eq!(explanation.causes[0].alternatives, ["filter"]);
}

#[test]
fn independent_failures_have_a_cause_each() {
    let results = vec![
        red("workload/web", &["pod-network"]),
        red("workload/names", &["cluster-dns"]),
        red("workload/exec", &["exec-from-volume", "run-as-job"]),
        green("workload/controllers", &["run-as-job"]),
    ];
    let explanation = explained(&network(), &[("f", "drop"), ("m", "noexec")], results);
    assert_eq!(brief(&explanation).0, ["likely forward 2", "likely noexec 1"]);
}

#[test]
fn a_setting_that_the_reference_has_too_and_one_on_another_node_explain_nothing() {
    let mut shared =
        report(&[&[("f", "drop")], &[("f", "drop")]], &[("f", "drop")], vec![red("workload/web", &["pod-network"])]);
    explain(&mut shared, &network(), &[]);
    assert_eq!(brief(&shared.explanations[0]), (vec![], vec!["workload/web"]));
    let finding = json!({"fail": {"findings": [{"resource": "node 2", "summary": "no"}]}});
    let on_two = row("workload/web", &["pod-network"], finding, Some("hardening"), &["n2"]);
    let mut other = report(&[&[("f", "drop")], &[("f", "accept")]], &[("f", "accept")], vec![on_two.clone()]);
    explain(&mut other, &network(), &[]);
    assert_eq!(brief(&other.explanations[0]).1, ["workload/web"]);
    let mut own = report(&[&[("f", "accept")], &[("f", "drop")]], &[("f", "accept")], vec![on_two]);
    explain(&mut own, &network(), &[]);
    assert_eq!(brief(&own.explanations[0]).0, ["likely forward 1"]);
    assert_eq!(own.explanations[0].causes[0].evidence(), "f is drop on node 2, on the reference accept");
}

#[test]
fn nothing_is_explained_without_facts_and_nothing_that_hardening_did_not_do() {
    let red_web = || vec![red("workload/web", &["pod-network"])];
    let unread = explained(&network(), &[], red_web());
    assert_eq!(unread.note.as_deref(), Some("no node of the variant could be read"));
    let mut blind = report(&[&[("f", "drop")], &[("f", "drop")]], &[], red_web());
    explain(&mut blind, &network(), &[]);
    assert_eq!(blind.explanations[0].note.as_deref(), Some("no node of the reference could be read"));
    let mut environment = red("workload/web", &["pod-network"]);
    environment["origin"] = json!("environment");
    let mut other = report(&[&[("f", "drop")], &[("f", "drop")]], &[("f", "accept")], vec![environment]);
    explain(&mut other, &network(), &[]);
    assert!(other.explanations.is_empty());
}

#[test]
fn an_effect_counts_only_where_its_conditions_hold() {
    let old =
        "{capabilities: [exec-from-volume], extent: all, when: [{fact: package.runc, value: {olderThan: \"1.2\"}}]}";
    let settings = [setting("noexec", "m", "noexec", old)];
    let with = |version: &str| {
        let explanation = explained(
            &settings,
            &[("m", "noexec"), ("package.runc", version)],
            vec![red("workload/x", &["exec-from-volume"])],
        );
        explanation.causes.len()
    };
    assert_eq!((with("1.1.12-1"), with("1.3.0-1")), (1, 0));
}

#[test]
fn explaining_again_changes_nothing_and_old_reports_have_none() {
    let mut once =
        report(&[&[("f", "drop")], &[("f", "drop")]], &[("f", "accept")], vec![red("workload/web", &["pod-network"])]);
    explain(&mut once, &network(), &[]);
    let mut twice = once.clone();
    explain(&mut twice, &network(), &[]);
    assert_eq!(once, twice);
    let text = serde_json::to_string(&once).unwrap();
    assert_eq!(Report::parse(&text).unwrap(), once);
}

#[test]
fn a_finding_that_names_a_fact_is_explained_by_its_setting_alone() {
    let settings = [
        setting("a-other", "module.ip_vs", "blocked", "{checks: [node/kernel-modules], extent: some}"),
        setting("b-own", "module.xt_mark", "blocked", "{checks: [node/kernel-modules], extent: some}"),
    ];
    let findings = json!([{"resource": "node 1, xt_mark", "summary": "module xt_mark cannot be loaded"}]);
    let failed = row("node/kernel-modules", &[], json!({"fail": {"findings": findings}}), Some("hardening"), &["n1"]);
    let facts = [("module.ip_vs", "blocked"), ("module.xt_mark", "blocked")];
    let mut report = report(&[&facts, &facts], &[("module.overlay", "loaded")], vec![failed]);
    explain(&mut report, &settings, &[]);
    assert_eq!(brief(&report.explanations[0]), (vec!["likely b-own 1".to_owned()], vec![]));
}

#[test]
fn what_was_not_read_on_the_reference_is_not_changed() {
    let settings = [setting("own", "module.xt_mark", "blocked", "{capabilities: [service-vip], extent: some}")];
    let facts = [("module.xt_mark", "blocked")];
    for (stock, causes) in [(("module.overlay", "loaded"), 1), (("os.name", "x"), 0)] {
        let mut report = report(&[&facts, &facts], &[stock], vec![red("workload/web", &["service-vip"])]);
        explain(&mut report, &settings, &[]);
        assert_eq!(report.explanations[0].causes.len(), causes, "{stock:?}");
    }
}

#[test]
fn what_takes_a_part_explains_nothing_where_nothing_works() {
    let settings = [setting("part", "f", "1", "{capabilities: [pod-network], extent: part}")];
    for (others, causes, unexplained) in [
        (green("workload/pairs", &["pod-network"]), vec!["possible part 1"], vec![]),
        (red("workload/pairs", &["pod-network"]), vec![], vec!["workload/many", "workload/pairs"]),
    ] {
        let explanation = explained(&settings, &[("f", "1")], vec![red("workload/many", &["pod-network"]), others]);
        let (causes_told, open) = brief(&explanation);
        assert_eq!((causes_told, open), (causes.into_iter().map(str::to_owned).collect(), unexplained));
    }
}

#[test]
fn what_certainly_fails_needs_no_other_that_might_have_done_it() {
    let settings = [
        setting("certain", "f", "1", "{checks: [node/joined], extent: all}"),
        setting("maybe", "g", "1", "{checks: [node/joined], extent: some}"),
    ];
    let explanation = explained(&settings, &[("f", "1"), ("g", "1")], vec![red("node/joined", &[])]);
    assert_eq!(brief(&explanation).0, ["likely certain 1"]);
}

#[test]
fn what_is_new_since_an_earlier_run_is_explained_by_what_changed_since_then() {
    let earlier = report(&[&[("f", "accept"), ("m", "noexec")]; 2], &[], vec![green("workload/web", &["pod-network"])]);
    let results = vec![red("workload/web", &["pod-network"]), red("workload/other", &["exec-from-volume"])];
    let later = report(&[&[("f", "drop"), ("m", "noexec")]; 2], &[], results);
    let explanations = between(&earlier, &later, &network(), &[]);
    // The other failure is not new, as far as the earlier run tells.
    assert_eq!(brief(&explanations[0]), (vec!["likely forward 1".to_owned()], vec![]));
    assert_eq!(explanations[0].causes[0].change(), "f is drop, was accept");
    assert!(between(&later, &later, &network(), &[]).is_empty());
}

/// A control that the reference meets, or that an earlier run met, is lost by a fact that the file of the benchmark names.
#[test]
fn a_lost_control_is_explained_by_the_fact_that_it_requires() {
    let benchmark: crate::name::Benchmark = "cis-al2023-1.0.0".parse().unwrap();
    let entry = |number: &str, fact: &str| crate::controls::Entry {
        controls: vec![ControlId::new(&benchmark, number).unwrap()],
        part: None,
        title: "t".to_owned(),
        level: crate::name::Level::One,
        demand: crate::controls::Demand::Set(
            [(fact.to_owned(), crate::controls::Requirement::Is("0".to_owned()))].into(),
        ),
    };
    let controls = [Controls {
        benchmark: benchmark.clone(),
        entries: vec![entry("3.3.1", "sysctl.a"), entry("3.3.2", "sysctl.b"), entry("3.3.3", "sysctl.c")],
        sources: Vec::new(),
    }];
    let scanned = |number: &str, passes: bool| {
        let check = format!("os-cis/cis-al2023-1.0.0/{number}");
        let mut row = if passes { green(&check, &[]) } else { red(&check, &[]) };
        row["scanner"] = json!("inspector");
        row["control"] = json!(format!("cis-al2023-1.0.0/{number}"));
        row
    };
    let (met, lost) = (
        [("sysctl.a", "0"), ("sysctl.b", "1"), ("sysctl.c", "0")],
        [("sysctl.a", "1"), ("sysctl.b", "1"), ("sysctl.c", "0")],
    );
    let failed = || vec![scanned("3.3.1", false), scanned("3.3.2", false), scanned("3.3.3", false)];
    let mut report = report(&[&met, &lost], &met, failed());
    explain(&mut report, &[], &controls);
    let explanation = &report.explanations[0];
    let found: Vec<String> =
        explanation.lost.iter().map(|one| format!("{}: {}", one.control.number(), one.evidence())).collect();
    // The reference does not meet the second either, and the node meets the third as far as facts tell.
    assert_eq!(found, ["3.3.1: sysctl.a is 1, required 0; it is 0 where the control is met"]);
    assert_eq!(explanation.unexplained.len(), 2);

    let earlier = super::tests::report(&[&met, &met], &[], vec![scanned("3.3.1", true)]);
    let between = between(&earlier, &report, &[], &controls);
    assert_eq!(between[0].lost.len(), 1);
    assert_eq!((between[0].unexplained.len(), between[0].causes.len()), (0, 0));
}
