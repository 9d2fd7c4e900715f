use amiproof_model::report::Subject;
use amiproof_model::verdict::Finding;
use camino::Utf8PathBuf;

use super::*;

fn on(variant: &str) -> Subject {
    super::super::event::of_variant(&variant.parse().unwrap())
}

fn row(subject: &Subject, check: &str, outcome: Outcome) -> EventKind {
    EventKind::Result(Box::new(CheckResult::new(check.parse().unwrap(), subject.clone(), outcome)))
}

fn failed() -> Outcome {
    Outcome::Fail { findings: vec![Finding::new("node-0", "no")] }
}

fn undecided() -> Outcome {
    Outcome::NotEvaluated { reason: "the node was gone".to_owned() }
}

fn end(check: &str, rows: &[&str]) -> EventKind {
    let rows = rows.iter().map(|row| (row.parse().unwrap(), None)).collect();
    EventKind::CheckEnded { check: check.to_owned(), rows }
}

/// A journal with one check of each outcome, a scan whose rows came in between, and one check that never ended.
fn written() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let folder = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    let mut journal = Journal::open(&folder);
    let (one, two) = (on("one"), on("two"));
    let mut note = |subject: &Subject, kind| {
        journal.note(&Event { at: Timestamp::UNIX_EPOCH, subject: subject.clone(), kind });
    };
    let ended = |check: &str| end(check, &[check]);
    note(&one, EventKind::NodeGroup("one-r-1".to_owned()));
    note(&one, row(&one, "node/ready", Outcome::Pass));
    note(&one, ended("node/ready"));
    note(&one, row(&one, "node/ami", failed()));
    note(&one, ended("node/ami"));
    // Results of two checks of one subject, in between.
    note(&one, row(&one, "os-cis/inspector/1.1.1", Outcome::Pass));
    note(&one, row(&one, "host/facts", undecided()));
    note(&one, ended("host/facts"));
    note(&two, row(&two, "node/ready", Outcome::Pass));
    note(&one, row(&one, "os-cis/inspector/1.1.2", failed()));
    note(&one, end("os-cis/inspector", &["os-cis/inspector/1.1.1", "os-cis/inspector/1.1.2"]));
    note(&two, ended("node/ready"));
    note(&two, row(&two, "node/ami", Outcome::Pass));
    (guard, folder)
}

fn answered(answers: &Answers) -> Vec<String> {
    answers.answered.iter().map(|(subject, check)| format!("{subject:?} {check}")).collect()
}

#[test]
fn what_is_answered_is_kept_and_what_is_open_is_not() {
    let (_guard, folder) = written();
    let decided = answers(&folder, Keep::Decided).unwrap();
    insta::assert_snapshot!(answered(&decided).join("\n"), @r#"
    Variant(VariantName("one")) node/ami
    Variant(VariantName("one")) node/ready
    Variant(VariantName("one")) os-cis/inspector
    Variant(VariantName("two")) node/ready
    "#);
    let rows = decided.events.iter().filter(|event| matches!(event.kind, EventKind::Result(_))).count();
    assert_eq!(rows, 5, "those of the checks that are kept");
    let passed = answers(&folder, Keep::Passed).unwrap();
    insta::assert_snapshot!(answered(&passed).join("\n"), @r#"
    Variant(VariantName("one")) node/ready
    Variant(VariantName("two")) node/ready
    "#);
}

#[test]
fn a_line_that_is_torn_costs_its_check_and_nothing_else() {
    let (_guard, folder) = written();
    let whole = std::fs::read(folder.join(FILE_NAME)).unwrap();
    let all = read(&whole, Keep::Decided).answered;
    for cut in 0..whole.len() {
        assert!(read(&whole[..cut], Keep::Decided).answered.is_subset(&all), "cut at {cut}");
    }
    let text = String::from_utf8(whole).unwrap();
    for torn in text.lines() {
        let rest = read(text.replace(torn, "{\"at\":").as_bytes(), Keep::Decided);
        assert!(rest.answered.is_subset(&all) && rest.answered.len() + 1 >= all.len(), "without {torn}");
    }
}

#[test]
fn what_follows_a_torn_last_line_is_read() {
    let (_guard, folder) = written();
    let path = folder.join(FILE_NAME);
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.truncate(text.len() - 9);
    std::fs::write(&path, text).unwrap();
    let mut journal = Journal::open(&folder);
    let one = on("one");
    journal.note(&Event {
        at: Timestamp::UNIX_EPOCH,
        subject: one.clone(),
        kind: row(&one, "node/age", Outcome::Pass),
    });
    journal.note(&Event { at: Timestamp::UNIX_EPOCH, subject: one.clone(), kind: end("node/age", &["node/age"]) });
    assert!(answers(&folder, Keep::Decided).unwrap().answered.contains(&(one, "node/age".parse().unwrap())));
}

#[test]
fn a_later_answer_replaces_an_earlier_one() {
    let (_guard, folder) = written();
    let one = on("one");
    let mut journal = Journal::open(&folder);
    let at = Timestamp::UNIX_EPOCH;
    journal.note(&Event { at, subject: one.clone(), kind: row(&one, "host/facts", Outcome::Pass) });
    journal.note(&Event { at, subject: one.clone(), kind: end("host/facts", &["host/facts"]) });
    let answers = answers(&folder, Keep::Decided).unwrap();
    assert!(answers.answered.contains(&(one, "host/facts".parse().unwrap())));
}
