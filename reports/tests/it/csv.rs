//! CSV is read back by a CSV reader.

use amiproof_reports::csv::{HEADER, render};

use crate::fixture;

#[test]
fn a_mixed_run() {
    insta::assert_snapshot!(render(&fixture::mixed(), None).unwrap());
}

/// The lines by their cells: variant and check, with all fields.
fn lines(report: &amiproof_model::report::Report) -> Vec<::csv::StringRecord> {
    let text = render(report, None).unwrap();
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), HEADER);
    reader.records().map(Result::unwrap).collect()
}

#[test]
fn there_is_one_line_per_cell_and_no_field_is_a_formula() {
    for (name, report) in fixture::all() {
        let lines = lines(&report);
        for (line, result) in lines.iter().zip(&report.results) {
            for field in line {
                assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r']), "{name}: {field}");
                assert!(!field.chars().any(char::is_control), "{name}: {field:?}");
            }
            let is_there = |one: &::csv::StringRecord| {
                (&one[1], &one[5], &one[10])
                    == (result.subject.as_str(), result.check.as_str(), result.disposition.as_str())
            };
            assert!(lines.iter().any(is_there), "{name}: {} of {}", result.check, result.subject.as_str());
        }
        assert_eq!(lines.len(), report.results.len(), "{name}: no two scanners share a cell here");
    }
}

#[test]
fn scanners_that_share_a_cell_share_a_line_which_is_that_of_the_worse_answer() {
    let report = fixture::disagreeing();
    let lines = lines(&report);
    assert_eq!(lines.len(), report.results.len() - 1);
    let line = lines.iter().find(|line| &line[5] == "os-cis/cis-al2023-1.0.0/3.3.1").unwrap();
    assert_eq!((&line[10], &line[16]), ("failed", "openscap"));
    assert_eq!(&line[19], "inspector: passed (os-cis/cis-al2023-1.0.0/3.3.1)");
    assert_eq!((&line[20], &line[21]), ("failed", "failed"), "the verdicts of the variant and of the run");
}

/// A spreadsheet adds them up, and a scan of 200 controls took its time once.
#[test]
fn the_seconds_of_a_scan_stand_in_one_line() {
    let mut report = fixture::green();
    for number in 0..200 {
        let number = format!("1.{number}");
        let subject = fixture::of_variant("al2023-eks-l1");
        let mut control = fixture::control(
            "os-cis",
            "cis-al2023-1.0.0",
            &number,
            "a control",
            subject,
            amiproof_model::verdict::Outcome::Pass,
        );
        control.seconds = 6.607;
        report.results.push(control);
    }
    let lines = lines(&report);
    let seconds: Vec<&str> = lines.iter().filter(|line| &line[4] == "os-cis").map(|line| &line[13]).collect();
    assert_eq!((seconds.len(), seconds[0]), (200, "6.607"));
    assert!(seconds[1..].iter().all(|seconds| *seconds == "0.000"), "{seconds:?}");
}
