use amiproof_model::judge::Disposition;
use amiproof_model::name::VariantName;
use amiproof_model::report::{ClusterRecord, RunRecord, VariantRecord};
use amiproof_model::waiver::WaiverState;

use super::super::{File, Kind, Source, Target, read};
use super::*;

const VARIANT: &str = "al2023-l1";

fn variant() -> VariantName {
    VARIANT.parse().unwrap()
}

/// A report with one variant and nothing in it.
pub(in crate::scan::import) fn report() -> Report {
    Report {
        variants: vec![VariantRecord::new(variant(), amiproof_model::matrix::Family::Al2023)],
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

fn junit(cases: &str, name: Option<&str>) -> Import {
    junit_of("results", cases, name)
}

/// The import of a file of that name.
fn junit_of(file: &str, cases: &str, name: Option<&str>) -> Import {
    let target = Target {
        subject: Subject::Variant(variant()),
        benchmark: None,
        hardened_to: None,
        level: None,
        name: name.map(str::to_owned),
        nodes: Vec::new(),
        copy: None,
        file: Some(File { name: file.into(), place: format!("/results/{file}.xml") }),
    };
    let text = format!("<testsuite name='e2e'>{cases}</testsuite>");
    read(Kind::Junit, Source::open(std::io::Cursor::new(text)).unwrap(), &target).unwrap()
}

fn checks(report: &Report) -> Vec<String> {
    report
        .results
        .iter()
        .filter(|result| result.check.suite() == "junit")
        .map(|result| result.check.to_string())
        .collect()
}

#[test]
fn a_file_that_is_imported_again_replaces_its_rows_and_no_others() {
    let now = Timestamp::UNIX_EPOCH;
    let mut report = report();
    let first = "<testcase name='t10'/><testcase name='t9'/><testcase name='gone'/>";
    assert_eq!(
        merge(&mut report, junit(first, None), &[], now),
        Change { added: 3, replaced: 0, removed: 0, no_longer_failed: 0 }
    );
    assert_eq!(merge(&mut report, junit("<testcase name='t9'/>", Some("other")), &[], now).added, 1);
    let again = "<testcase name='t9'><failure/></testcase><testcase name='t10'/><testcase name='new'/>";
    assert_eq!(
        merge(&mut report, junit(again, None), &[], now),
        Change { added: 1, replaced: 2, removed: 1, no_longer_failed: 0 }
    );
    let before = report.clone();
    assert_eq!(
        merge(&mut report, junit(again, None), &[], now),
        Change { added: 0, replaced: 3, removed: 0, no_longer_failed: 0 }
    );
    assert_eq!(report, before, "twice is once");
    let mut expected = vec!["junit/e2e/new", "junit/e2e/t10", "junit/e2e/t9", "junit/other/t9"];
    let mut have = checks(&report);
    have.sort();
    expected.sort_unstable();
    assert_eq!(have, expected);
    let scanners: Vec<&str> = report.scans.iter().map(|scan| scan.scanner.as_str()).collect();
    assert_eq!(scanners, ["e2e", "other"]);
    let change = merge(&mut report, junit("<testcase name='new'/>", None), &[], now);
    assert_eq!((change.removed, change.no_longer_failed), (2, 1), "a failure that the file does not hold any more");
}

#[test]
fn another_file_of_the_same_scanner_takes_nothing_away_and_both_are_told_apart() {
    let now = Timestamp::UNIX_EPOCH;
    let mut report = report();
    let bad = "<testcase name='t'><failure/></testcase>";
    merge(&mut report, junit_of("node-1", bad, None), &[], now);
    let change = merge(&mut report, junit_of("node-2", "<testcase name='t'/>", None), &[], now);
    assert_eq!(change, Change { added: 1, replaced: 0, removed: 0, no_longer_failed: 0 });
    let summary_of = |report: &Report| -> Vec<String> {
        let rows = report.results.iter().filter(|result| result.check.suite() == "junit");
        rows.map(|row| format!("{} {}", row.scanner.clone().unwrap_or_default(), row.outcome.as_str())).collect()
    };
    assert_eq!(summary_of(&report), ["e2e-node-1 fail", "e2e-node-2 pass"]);
    // The failure on the first node is fixed now, and its file shows it.
    let change = merge(&mut report, junit_of("node-1", "<testcase name='t'/>", None), &[], now);
    assert_eq!(change, Change { added: 0, replaced: 1, removed: 0, no_longer_failed: 1 });
    assert_eq!(summary_of(&report), ["e2e-node-1 pass", "e2e-node-2 pass"]);
}

#[test]
fn a_file_does_not_take_the_place_of_what_the_run_itself_scanned() {
    let now = Timestamp::UNIX_EPOCH;
    let mut report = report();
    let mut own = junit("<testcase name='t'><failure/></testcase>", None);
    own.source = None;
    own.scans.iter_mut().for_each(|scan| scan.source = None);
    merge(&mut report, own, &[], now);
    merge(&mut report, junit("<testcase name='t'/>", None), &[], now);
    let scanners: Vec<&str> = report.scans.iter().map(|scan| scan.scanner.as_str()).collect();
    assert_eq!(scanners, ["e2e", "e2e-results"]);
    let outcomes = report.results.iter().filter(|result| result.check.suite() == "junit");
    assert_eq!(outcomes.map(|result| result.outcome.as_str()).collect::<Vec<_>>(), ["fail", "pass"]);
}

#[test]
fn imported_failures_are_waived_like_all_others_and_the_report_says_what_waivers_did() {
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let waiver = |check: &str, expires: &str| Waiver {
        check: Some(check.into()),
        reason: "r".into(),
        owner: "o".into(),
        expires: expires.parse().unwrap(),
        ..Waiver::default()
    };
    let waivers =
        [waiver("junit/e2e/a", "2027-01-31"), waiver("junit/e2e/b", "2026-11-20"), waiver("junit/e2e/c", "2027-01-31")];
    let mut report = report();
    let cases = "<testcase name='a'><failure/></testcase><testcase name='b'><failure/></testcase><testcase name='c'/>";
    merge(&mut report, junit(cases, None), &waivers, now);
    let dispositions: Vec<&str> = report
        .results
        .iter()
        .filter(|result| result.check.suite() == "junit")
        .map(|result| result.disposition.as_str())
        .collect();
    assert_eq!(dispositions, ["waived", "failed", "passed"]);
    assert!(matches!(report.results[0].disposition, Disposition::Waived { .. }));
    let states: Vec<WaiverState> = report.waivers.iter().map(|record| record.state).collect();
    assert_eq!(states, [WaiverState::Used, WaiverState::Expired, WaiverState::Unused]);
    // The report knows its waivers, so that a later import needs no matrix.
    let kept: Vec<Waiver> = report.waivers.iter().map(|record| record.waiver.clone()).collect();
    merge(&mut report, junit(cases, None), &kept, now);
    assert_eq!(report.waivers.len(), 3);
}
