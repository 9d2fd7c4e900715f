//! The files of a run.

use std::fs;

use amiproof_model::report::Report;
use amiproof_reports::{Format, Options, render, write_all};

use crate::fixture;

#[test]
fn every_form_with_a_file_is_written_and_no_temporary_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let written = write_all(folder.path(), &fixture::mixed(), Some(&fixture::green()));
    let mut names: Vec<String> = Vec::new();
    for (format, path) in written {
        let path = path.unwrap();
        assert!(fs::metadata(&path).unwrap().len() > 0, "{format:?}");
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    assert_eq!(names, ["report.json", "junit.xml", "matrix.html", "matrix.md", "matrix.csv"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), names.len());
}

#[test]
fn the_report_reads_back_as_it_was() {
    for (name, report) in fixture::all() {
        let json = render(Format::Json, &report, &Options::default()).unwrap();
        assert_eq!(Report::parse(&json).unwrap(), report, "{name}");
    }
}

#[test]
fn one_form_that_cannot_be_written_stops_no_other_and_names_its_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("junit.xml/occupied")).unwrap();
    for (format, written) in write_all(folder.path(), &fixture::green(), None) {
        match format {
            Format::Junit => {
                let message = written.unwrap_err().to_string();
                assert!(message.contains("junit.xml") && message.contains("amiproof report"), "{message}");
            }
            _ => assert!(written.unwrap().is_file(), "{format:?}"),
        }
    }
    assert!(!folder.path().join(".junit.xml.part").exists());
}

#[test]
fn an_older_file_stays_whole_when_the_new_one_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("matrix.csv"), "old").unwrap();
    fs::create_dir(folder.path().join(".matrix.csv.part")).unwrap();
    let failed: Vec<Format> = write_all(folder.path(), &fixture::green(), None)
        .into_iter()
        .filter_map(|(format, written)| written.is_err().then_some(format))
        .collect();
    assert_eq!(failed, [Format::Csv]);
    assert_eq!(fs::read_to_string(folder.path().join("matrix.csv")).unwrap(), "old");
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let report = fixture::mixed();
    for format in Format::ALL {
        let once = render(format, &report, &Options::default()).unwrap();
        assert_eq!(once, render(format, &report.clone(), &Options::default()).unwrap(), "{format:?}");
    }
}
