//! The files of a run.

use std::fs;

use amiproof_model::report::Report;
use amiproof_model::verdict::Outcome;
use amiproof_reports::{Format, Options, render, write_all, write_rendered};

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
    let hidden = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
    assert!(!fs::read_dir(folder.path()).unwrap().any(|entry| hidden(&entry.unwrap())), "no temporary file stays");
}

#[test]
fn rendering_leaves_the_report_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    fs::write(&path, "as it was").unwrap();
    let written = write_rendered(folder.path(), &fixture::green(), Some(&fixture::mixed()));
    let files = Format::ALL.iter().filter(|format| format.file_name().is_some()).count();
    assert_eq!(written.len(), files - 1, "all but the report");
    assert!(written.iter().all(|(format, path)| *format != Format::Json && path.as_ref().unwrap().is_file()));
    assert_eq!(fs::read_to_string(&path).unwrap(), "as it was");
}

#[test]
fn what_a_baseline_holds_open_is_shown_and_never_kept() {
    let report = fixture::gated();
    let mut base = report.clone();
    base.run.id = "r-base".parse().unwrap();
    let more = fixture::control(
        "os-cis",
        "cis-al2023-1.0.0",
        "9.9",
        "one more",
        fixture::of_variant("al2023-eks-l1"),
        Outcome::Pass,
    );
    base.results.push(more);
    let options = Options { baseline: Some(&base), ..Options::default() };
    let json = render(Format::Json, &report, &options).unwrap();
    assert_eq!(Report::parse(&json).unwrap(), report);
    for format in [Format::Csv, Format::Junit, Format::Html] {
        let text = render(format, &report, &options).unwrap();
        let expected = "166 controls of cis-al2023-1.0.0 were evaluated; run r-base evaluated 167";
        assert!(text.contains(expected), "{format:?}");
        assert!(!render(format, &report, &Options::default()).unwrap().contains(expected), "{format:?}");
    }
}

/// Two that write at once (jobs of a CI matrix) each have a temporary file of their own, and a link in the folder is not followed.
#[cfg(unix)]
#[test]
fn a_link_in_the_folder_is_replaced_and_what_it_names_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join("matrix.csv")).unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join(".matrix.csv.part")).unwrap();
    for (_, written) in write_rendered(folder.path(), &fixture::green(), None) {
        written.unwrap();
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(!fs::symlink_metadata(folder.path().join("matrix.csv")).unwrap().is_symlink());
}

#[test]
fn what_was_there_stays_whole_when_the_new_one_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("matrix.csv")).unwrap();
    fs::write(folder.path().join("matrix.csv/old"), "old").unwrap();
    let failed: Vec<Format> = write_all(folder.path(), &fixture::green(), None)
        .into_iter()
        .filter_map(|(format, written)| written.is_err().then_some(format))
        .collect();
    assert_eq!(failed, [Format::Csv]);
    assert_eq!(fs::read_to_string(folder.path().join("matrix.csv/old")).unwrap(), "old");
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let report = fixture::mixed();
    for &format in Format::ALL {
        let once = render(format, &report, &Options::default()).unwrap();
        assert_eq!(once, render(format, &report.clone(), &Options::default()).unwrap(), "{format:?}");
    }
}
