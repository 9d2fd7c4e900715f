use super::*;
use crate::judge::Disposition;
use crate::matrix::Family;
use crate::report::{CheckResult, ClusterRecord, RunRecord, Subject, VariantRecord};
use crate::verdict::{Finding, Outcome};
use crate::waiver::WaiverRecord;

const NOW: &str = "2026-11-21T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn result(number: &str, fails_on: &[&str]) -> CheckResult {
    let findings: Vec<Finding> = fails_on.iter().map(|node| Finding::new(*node, "not met")).collect();
    CheckResult {
        title: "t".into(),
        control: Some(format!("cis-al2023-1.0.0/{number}").parse().unwrap()),
        scanner: Some("inspector".into()),
        disposition: Disposition::Passed,
        ..CheckResult::new(
            format!("os-cis/cis-al2023-1.0.0/{number}").parse().unwrap(),
            Subject::Variant("al2023-l1".parse().unwrap()),
            if findings.is_empty() { Outcome::Pass } else { Outcome::Fail { findings } },
        )
    }
}

fn report(results: Vec<CheckResult>) -> Report {
    Report {
        variants: vec![VariantRecord::new("al2023-l1".parse().unwrap(), Family::Al2023)],
        results,
        ..Report::new(
            "0",
            RunRecord {
                seconds: 1.0,
                critical_path_seconds: 1.0,
                ..RunRecord::new("r-1".parse().unwrap(), "nightly", Timestamp::UNIX_EPOCH)
            },
            ClusterRecord { kubernetes_version: "1.36".parse().ok(), lab: true, ..ClusterRecord::new("c") },
        )
    }
}

fn control(number: &str, expires: &str) -> Waiver {
    Waiver {
        control: Some(format!("cis-al2023-1.0.0/{number}").parse().unwrap()),
        reason: "r".into(),
        owner: "o".into(),
        ticket: Some("SEC-1".into()),
        expires: expires.parse().unwrap(),
        ..Waiver::default()
    }
}

fn summary_of(remarks: &[Remark]) -> Vec<String> {
    remarks.iter().map(|remark| format!("{} {}: {}", remark.index, remark.kind.as_str(), remark.message)).collect()
}

#[test]
fn expired_expiring_and_unsigned_waivers_are_named_without_any_run() {
    let waivers = [
        control("3.3.1", "2026-11-20"),
        control("3.3.2", "2026-11-21"),
        control("3.3.3", "2026-12-21"),
        control("3.3.4", "2026-12-22"),
        Waiver { ticket: None, ..control("3.3.5", "2027-06-30") },
        control("3.3.6", "2029-01-01"),
    ];
    assert_eq!(
        summary_of(&audit(&waivers, None, 30, now())),
        [
            "0 expired: it no longer applies: renew or remove it",
            "5 too broad: it ends more than 400 days from now: choose an earlier day",
            "1 expiring: it expires in 0 days",
            "2 expiring: it expires in 30 days",
            "4 no ticket: no ticket is given",
        ]
    );
}

#[test]
fn a_whole_suite_or_benchmark_on_every_variant_is_too_wide_and_on_named_ones_it_is_not() {
    let base = Waiver { control: None, ..control("1", "2027-01-31") };
    let wide = [
        Waiver { check: Some("os-cis/*".into()), ..base.clone() },
        Waiver { suite: Some("os-cis".into()), ..base.clone() },
        Waiver { benchmark: Some("cis-al2023".into()), level: Some(crate::name::Level::Two), ..base.clone() },
    ];
    for remark in audit(&wide, None, 0, now()) {
        assert_eq!(remark.kind, RemarkKind::TooBroad, "{remark:?}");
    }
    assert_eq!(audit(&wide, None, 0, now()).len(), 3);
    let narrow = [
        Waiver { suite: Some("os-cis".into()), variants: vec!["al2023-l1".into()], ..base.clone() },
        Waiver { suite: Some("os-cis".into()), check: Some("os-cis/cis-al2023-1.0.0/3.3.1".into()), ..base },
    ];
    assert_eq!(summary_of(&audit(&narrow, None, 0, now())), [""; 0]);
}

#[test]
fn a_run_shows_what_is_unused_what_counts_again_and_what_covers_too_much() {
    let mut results: Vec<CheckResult> = (1..=12).map(|at| result(&format!("5.{at}"), &["node 1"])).collect();
    results.extend([result("3.3.1", &["node 1"]), result("3.3.2", &[])]);
    let report = report(results);
    let waivers = [
        control("3.3.1", "2026-11-20"),
        control("3.3.2", "2027-01-31"),
        control("3.4.4.2.3", "2027-01-31"),
        control("5.1", "2027-01-31"),
        Waiver {
            suite: Some("os-cis".into()),
            variants: vec!["al2023-l1".into()],
            control: None,
            ..control("1", "2027-01-31")
        },
        Waiver { variants: vec!["other".into()], ..control("3.3.2", "2027-01-31") },
        Waiver { control: Some("cis-al2-3.0.0/3.3.1".parse().unwrap()), ..control("1", "2027-01-31") },
    ];
    assert_eq!(
        summary_of(&audit(&waivers, Some(&report), 0, now())),
        [
            "0 expired: 1 failure of the run is no longer waived",
            "4 too broad: it waives failures of 13 checks of the run",
            "1 unused: what it waives does not fail: remove it",
            "2 unused: the run has no check or control that it names",
        ]
    );
    let states: Vec<WaiverState> =
        records(&report, &waivers, now()).iter().map(|record: &WaiverRecord| record.state).collect();
    use WaiverState as S;
    assert_eq!(states, [S::Expired, S::Unused, S::Unused, S::Used, S::Used, S::NotRun, S::NotRun]);
}

#[test]
fn a_waiver_for_one_node_covers_nothing_on_another() {
    let report = report(vec![result("3.3.1", &["node 2"])]);
    let for_node = |node| Waiver { node: Some(node), ..control("3.3.1", "2027-01-31") };
    let states: Vec<WaiverState> =
        records(&report, &[for_node(1), for_node(2)], now()).iter().map(|record| record.state).collect();
    assert_eq!(states, [WaiverState::Unused, WaiverState::Used]);
}
