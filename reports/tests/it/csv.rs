//! CSV is read back by a CSV reader.

use amiproof_reports::csv::{HEADER, render};

use crate::fixture;

#[test]
fn a_mixed_run() {
    insta::assert_snapshot!(render(&fixture::mixed()).unwrap());
}

#[test]
fn there_is_one_line_per_result_and_no_field_is_a_formula() {
    for (name, report) in fixture::all() {
        let text = render(&report).unwrap();
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), HEADER, "{name}");
        let mut lines = 0;
        for (record, result) in reader.records().zip(&report.results) {
            let record = record.unwrap();
            lines += 1;
            assert_eq!(&record[5], result.check.as_str(), "{name}");
            assert_eq!(&record[10], result.disposition.word(), "{name}");
            for field in &record {
                assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r']), "{name}: {field}");
                assert!(!field.chars().any(char::is_control), "{name}: {field:?}");
            }
        }
        assert_eq!(lines, report.results.len(), "{name}");
    }
}
