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

/// A journal with one check of each outcome, a scan whose rows came in between, and one check that never ended.
fn written() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let folder = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    let mut journal = Journal::open(&folder);
    let (one, two) = (on("one"), on("two"));
    let mut note = |subject: &Subject, kind| {
        journal.note(&Event { at: Timestamp::UNIX_EPOCH, subject: subject.clone(), kind });
    };
    let ended = |check: &str| EventKind::CheckEnded { check: check.to_owned() };
    note(&one, EventKind::NodeGroup("one-r-1".to_owned()));
    note(&one, row(&one, "node/ready", Outcome::Pass));
    note(&one, ended("node/ready"));
    note(&one, row(&one, "node/ami", failed()));
    note(&one, ended("node/ami"));
    note(&one, row(&one, "host/facts", undecided()));
    note(&one, ended("host/facts"));
    note(&one, row(&one, "os-cis/inspector/1.1.1", Outcome::Pass));
    note(&two, row(&two, "node/ready", Outcome::Pass));
    note(&one, row(&one, "os-cis/inspector/1.1.2", failed()));
    note(&one, ended("os-cis/inspector"));
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
    let mut lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    lines[7] = b"{\"at\":\n";
    let torn = read(&lines.concat(), Keep::Decided).answered;
    assert!(torn.contains(&(on("one"), "node/ready".parse().unwrap())));
    let scan = read(&lines.concat(), Keep::Decided);
    let rows = scan
        .events
        .iter()
        .filter(|event| matches!(&event.kind, EventKind::Result(row) if row.check.as_str().starts_with("os-cis")));
    assert_eq!(rows.count(), 0, "a scan without all of its rows is not an answer");
}

#[test]
fn a_later_answer_replaces_an_earlier_one() {
    let (_guard, folder) = written();
    let one = on("one");
    let mut journal = Journal::open(&folder);
    let at = Timestamp::UNIX_EPOCH;
    journal.note(&Event { at, subject: one.clone(), kind: row(&one, "host/facts", Outcome::Pass) });
    journal.note(&Event { at, subject: one.clone(), kind: EventKind::CheckEnded { check: "host/facts".to_owned() } });
    let answers = answers(&folder, Keep::Decided).unwrap();
    assert!(answers.answered.contains(&(one, "host/facts".parse().unwrap())));
}
