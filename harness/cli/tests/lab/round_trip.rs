//! amiproof's own formats for other programs, imported again: the same control has the same status.

use std::collections::BTreeMap;
use std::io::Cursor;

use amiproof_core::scan::import::{self, ImportError, Kind, Source, Target};
use amiproof_model::report::{Report, Subject};
use amiproof_model::verdict::Outcome;
use amiproof_reports::{Format, Options};
use serde_json::Value;

use crate::process::{matrix, run, stderr};

/// The formats that are read again, and the kinds that they are read as.
const FORMS: [(Format, Kind); 5] = [
    (Format::Sarif, Kind::Sarif),
    (Format::Hdf, Kind::Hdf),
    (Format::Ocsf, Kind::Ocsf),
    (Format::Asff, Kind::Asff),
    (Format::Ctrf, Kind::Ctrf),
];

fn rendered(report: &Report, format: Format) -> String {
    amiproof_reports::render(format, report, &Options::default()).unwrap()
}

fn imported(kind: Kind, text: &str, subject: &Subject) -> Result<import::Import, ImportError> {
    let target = Target {
        subject: subject.clone(),
        benchmark: None,
        hardened_to: None,
        level: None,
        name: None,
        nodes: Vec::new(),
        copy: None,
        file: None,
    };
    import::read(kind, Source::open(Cursor::new(text.as_bytes().to_vec()))?, &target)
}

/// The report's own words for each control of each subject, as CTRF has them.
fn words(report: &Report) -> BTreeMap<(String, String), Vec<String>> {
    let document: Value = serde_json::from_str(&rendered(report, Format::Ctrf)).unwrap();
    let mut words: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for test in document["results"]["tests"].as_array().unwrap() {
        if let Some(control) = test["extra"]["control"].as_str() {
            let subject = test["extra"]["subject"].as_str().unwrap();
            let word = test["rawStatus"].as_str().unwrap().to_owned();
            words.entry((subject.to_owned(), control.to_owned())).or_default().push(word);
        }
    }
    words
}

/// What a word of the report comes back as.
fn outcomes(word: &str) -> &'static [&'static str] {
    match word {
        "passed" | "flaky" => &["pass"],
        // What accepts a failure there does not accept it here.
        "failed" | "waived" | "tolerated" => &["fail"],
        "not applicable" => &["not applicable"],
        "manual" => &["manual"],
        "error" | "not evaluated" | "blocked" | "allowed" => &["not evaluated"],
        // A failure where nothing is required, which formats say in different ways.
        "informational" => &["fail", "not applicable", "not evaluated"],
        other => panic!("{other} is a new word"),
    }
}

#[test]
fn a_form_that_is_imported_again_says_the_same_of_every_control() {
    let dir = tempfile::tempdir().unwrap();
    let demo = matrix("demo.yaml");
    let output = run(dir.path(), &["run", "--lab", "--no-fail", "--file", demo.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = crate::process::report(dir.path());
    let words = words(&report);
    assert!(words.len() > 500, "{} controls", words.len());
    let mut subjects: Vec<Subject> =
        report.variants.iter().map(|variant| Subject::Variant(variant.name.clone())).collect();
    subjects.push(Subject::Cluster);
    for (format, kind) in FORMS {
        let text = rendered(&report, format);
        let source = Source::open(Cursor::new(text.clone().into_bytes())).unwrap();
        assert_eq!(import::detect(source).unwrap(), kind);
        let mut compared = 0;
        for subject in &subjects {
            let of_subject: BTreeMap<&str, &Vec<String>> = words
                .iter()
                .filter(|((name, _), _)| name == subject.as_str())
                .map(|((_, control), words)| (control.as_str(), words))
                .collect();
            let import = imported(kind, &text, subject).unwrap();
            let mut found: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
            for (_, row) in &import.rows {
                if let Some(control) = &row.control {
                    let outcome = Outcome::from(row.decision.verdict.clone());
                    found.entry(control.to_string()).or_default().push(outcome);
                }
            }
            let controls: Vec<&str> = found.keys().map(String::as_str).collect();
            assert_eq!(controls, of_subject.keys().copied().collect::<Vec<_>>(), "{kind:?} {}", subject.as_str());
            for (control, outcomes_of) in &found {
                let own = of_subject[control.as_str()];
                for outcome in outcomes_of {
                    let fits = own.iter().any(|word| outcomes(word).contains(&outcome.as_str()));
                    assert!(fits, "{kind:?} {} {control}: {own:?} is {outcome:?}", subject.as_str());
                }
                // Of several rows about one control none gets lost behind a better one.
                let is_bad = |word: &String| outcomes(word) == ["fail"];
                let has_failed = outcomes_of.iter().any(|outcome| matches!(outcome, Outcome::Fail { .. }));
                assert!(!own.iter().any(is_bad) || has_failed, "{kind:?} {control}: {own:?}");
                compared += 1;
            }
        }
        assert_eq!(compared, words.len(), "{kind:?}");
        let elsewhere = Subject::Variant("no-such-variant".parse().unwrap());
        let error = imported(kind, &text, &elsewhere).unwrap_err().to_string();
        assert!(error.contains("has nothing about no-such-variant"), "{kind:?}: {error}");
    }
}
