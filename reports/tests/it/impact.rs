//! What controls cost, in every format.

use amiproof_model::report::Impact;
use amiproof_reports::Style;
use amiproof_reports::impact::{ImpactFormat, render, terminal, write_all};
use serde_json::json;

use crate::fixture::{self, NASTY};

fn impact(title: &str) -> Impact {
    let cell = |check: &str, effect: serde_json::Value| json!({"check": check, "effect": effect});
    let control = |number: &str, title: &str, level: u8, settings: serde_json::Value, outcome: serde_json::Value| json!({"controls": [format!("cis-al2023-1.0.0/{number}")], "title": title, "level": level, "settings": settings, "outcome": outcome});
    let (pods, dns, logs) = ("workload/pod-to-pod", "workload/cluster-dns", "kubelet-path/logs");
    let forward = json!([{"fact": "sysctl.net.ipv4.ip_forward", "own": "1", "required": "0"}]);
    let martians = json!([
        {"fact": "sysctl.net.ipv4.conf.all.log_martians", "own": "0", "required": "1"},
        {"fact": "sysctl.net.ipv6.conf.all.x", "required": "1", "notSet": "the host does not have it"},
    ]);
    serde_json::from_value(json!({
        "variant": "al2023-stock",
        "benchmark": "cis-al2023-1.0.0",
        "level": 2,
        "host": ["Amazon Linux 2023", "kernel 6.12", "kubelet v1.35.1", "containerd://2.1.5"],
        "checks": [logs, dns, pods],
        "leftOut": [{"check": "workload/efs-volume", "why": "it fails on the nodes as they are"}],
        "controls": [
            control("3.2.1", title, 1, forward, json!({"measured": {"cells": [
                cell(logs, json!("works")), cell(dns, json!("breaks")), cell(pods, json!("breaks"))]}})),
            control("3.3.4", "packets with impossible addresses are logged", 1, martians, json!({"measured": {"cells": [
                cell(logs, json!("works")), cell(pods, json!({"undecided": {"why": "it fails as well once the setting is put back"}}))]}})),
            control("3.3.8", "SYN cookies are on", 1, json!([]), json!("asItIs")),
            control("3.1.3", "SCTP cannot be used", 2, json!([{"fact": "module.sctp", "required": "blocked"}]), json!({"measured": {"cells": [
                cell(logs, json!("works"))]}})),
            control("1.3.1", "AIDE is installed", 1, json!([]), json!({"notMeasured": {"why": "it adds a package"}})),
            control("2.3.1", "there is no telnet client", 1, json!([]), json!({"notMeasured": {"why": "it adds a package"}})),
        ],
        "pairs": {"controls": 12, "trials": 5, "broken": [
            {"check": dns, "controls": ["a (1.1)", "b (2.2)"]}, {"check": logs, "why": "they were not found within 40 runs"}]},
        "runs": 61,
        "unfinished": "its time is up, 3 of 9 settings were tried",
        "notRestored": ["node n1: sysctl.a (it is cordoned)"],
    }))
    .unwrap()
}

/// A page of a measurement.
pub(crate) fn page() -> String {
    render(ImpactFormat::Html, &impact("packets are dropped")).unwrap()
}

#[test]
fn every_form_of_a_measurement() {
    let impact = impact("the host forwards no packets");
    let mut all: Vec<String> = ImpactFormat::ALL
        .iter()
        .filter(|format| **format != ImpactFormat::Json)
        .map(|format| format!("== {}\n{}", format.ending(), render(*format, &impact).unwrap()))
        .collect();
    all.push(format!("== terminal\n{}", terminal(&impact, &Style::default())));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn the_measurement_itself_is_read_back_and_every_cell_is_a_line() {
    let impact = impact(NASTY);
    let json = render(ImpactFormat::Json, &impact).unwrap();
    assert_eq!(serde_json::from_str::<Impact>(&json).unwrap(), impact);
    let csv = render(ImpactFormat::Csv, &impact).unwrap();
    let lines = ::csv::Reader::from_reader(csv.as_bytes()).records().count();
    assert_eq!(lines, 3 + 2 + 1 + 1 + 2);
}

#[test]
fn text_from_outside_is_only_text() {
    let impact = impact(NASTY);
    let page = render(ImpactFormat::Html, &impact).unwrap();
    assert!(!page.contains("<img") && !page.contains("</script"), "{page}");
    let markdown = render(ImpactFormat::Markdown, &impact).unwrap();
    assert!(!markdown.contains("<img"), "{markdown}");
    let row = markdown.lines().find(|line| line.starts_with("| 3.2.1")).unwrap();
    assert!(!row.contains("`tick`"), "{row}");
    assert!(!terminal(&impact, &Style::default()).contains('\u{1b}'));
}

#[test]
fn each_form_has_a_file_named_after_variant_and_benchmark() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = fixture::empty();
    report.impacts.push(impact("a"));
    let names: Vec<String> = write_all(folder.path(), &report)
        .into_iter()
        .map(|path| path.unwrap().file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let name = "impact-al2023-stock-cis-al2023-1.0.0";
    assert_eq!(names, ["md", "csv", "json", "html"].map(|ending| format!("{name}.{ending}")));
}
