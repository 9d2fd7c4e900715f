//! What a run cost, in each form.

use amiproof_model::cost::{Instances, Prices, Usd};
use amiproof_model::matrix::{Capacity, Family};
use amiproof_model::report::{Cost, Report};
use amiproof_reports::terminal::Style;
use amiproof_reports::{Format, Options, render};

use crate::fixture;

const STYLE: Style = Style { width: 100, colour: false, ascii: false, limit: 20 };

/// The mixed run, whose first two variants and network are paid for.
fn paid(capacity: Capacity, per_hour: f64) -> Report {
    let mut report = fixture::mixed();
    report.cluster.lab = false;
    let prices = Prices::builtin().unwrap();
    let tariff = prices.tariff("us-west-2");
    let types = ["m6i.large".to_owned()];
    let mut lines = Vec::new();
    for variant in &report.variants[..2] {
        let variant = &variant.name;
        let of = Instances { variant, family: Family::Al2023, types: &types, capacity, count: 2 };
        lines.extend([
            tariff.instances(&of).during(1800.0),
            tariff.volumes(variant, 30, 2).during(1800.0),
            tariff.assessments(variant, 2).during(0.0),
        ]);
    }
    let version = "1.36".parse().ok();
    let shared = [tariff.control_plane(version.as_ref(), fixture::start()), tariff.nat_gateway(), tariff.address()];
    lines.extend(shared.map(|item| item.during(2160.0)));
    report.cost = Some(Cost::of("2026-09-29", lines, Usd::of(per_hour)));
    report
}

fn text(format: Format, report: &Report) -> String {
    render(format, report, &Options { style: STYLE, ..Options::default() }).unwrap()
}

fn lines(report: &Report, format: Format, is_meant: impl Fn(&str) -> bool) -> String {
    let text = text(format, report);
    text.lines().filter(|line| is_meant(line)).map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_form_for_people_says_what_the_run_cost() {
    let report = paid(Capacity::OnDemand, 0.0);
    let terminal = text(Format::Terminal, &report);
    let at = terminal.find("cost about").unwrap();
    insta::assert_snapshot!("terminal", terminal[at..].split("\n\n").next().unwrap());
    insta::assert_snapshot!("markdown", lines(&report, Format::Markdown, |line| line.starts_with("It cost")));
    insta::assert_snapshot!(
        "page",
        lines(&report, Format::Html, |line| line.contains("ost</dt>") || line.contains("The run cost"))
            .replace(char::is_whitespace, " ")
    );
    let json: serde_json::Value = serde_json::from_str(&text(Format::Json, &report)).unwrap();
    insta::assert_snapshot!("json", format!("{:#}", json["cost"]["lines"][0]));
}

#[test]
fn a_run_in_the_lab_costs_nothing_and_what_is_kept_goes_on_costing() {
    let mut report = paid(Capacity::Spot, 0.34);
    let said = |report: &Report| lines(report, Format::Markdown, |line| line.starts_with("It ")).replace('\\', "");
    assert!(said(&report).starts_with("It cost at most $0.31"), "{}", said(&report));
    assert!(said(&report).contains("; what it keeps costs $0.34 per hour;"), "{}", said(&report));
    report.cluster.lab = true;
    assert!(
        said(&report).starts_with("It would have cost at most $0.31 in AWS, not counting items without a known price"),
        "{}",
        said(&report)
    );
    assert!(said(&report).contains("; the lab bills nothing ("), "{}", said(&report));
    report.cost = None;
    assert_eq!(said(&report), "");
}
