use amiproof_model::verdict::Outcome;

use super::super::{inspector_csv, inspector_json};
use super::*;

/// A row: control, status, instance, platform.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str);

/// The same rows as CSV and as JSON.
fn both(rows: &[Row<'_>]) -> [Result<Document, ImportError>; 2] {
    let lines: String = rows.iter().map(|(id, status, on, os)| format!("{id},{status},{on},{os}\n")).collect();
    let csv = format!("Check ID,Status,Target Resource ID,Platform\n{lines}");
    let detail = |(id, status, on, os): &Row<'_>| {
        format!(r#"{{"checkId":"{id}","status":"{status}","targetResourceId":"{on}","platform":"{os}"}}"#)
    };
    let details = rows.iter().map(detail).collect::<Vec<_>>().join(",");
    let json = format!(r#"{{"scanResultDetails":[{details}]}}"#);
    [inspector_csv::read(csv.as_bytes()), inspector_json::read(json.as_bytes())]
}

fn words(document: &Document) -> String {
    let word = |verdict: &Verdict| Outcome::from(verdict.clone()).as_str();
    document.answers.iter().map(|answer| word(&answer.verdict)).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_one_instance_answers_and_another_does_not_has_no_answer() {
    let os = "AMAZON_LINUX_2023";
    for (rows, wanted) in [
        (vec![("1.1", "PASSED", "i-0aa", os), ("1.2", "PASSED", "i-0aa", os)], "pass, pass"),
        (
            vec![("1.1", "PASSED", "i-0aa", os), ("1.2", "PASSED", "i-0aa", os), ("1.1", "PASSED", "i-0bb", os)],
            "pass, not evaluated",
        ),
        (
            vec![("1.1", "PASSED", "i-0aa", os), ("1.2", "FAILED", "i-0aa", os), ("1.1", "PASSED", "i-0bb", os)],
            "pass, fail",
        ),
        (vec![("1.1", "PASSED", "i-0aa", os), ("1.2", "PASSED", "i-0bb", os)], "not evaluated, not evaluated"),
        (vec![("1.1", "PASSED", "i-0aa", os), ("1.1", "PASSED", "i-0bb", os)], "pass"),
        (vec![("1.1", "PASSED", "", ""), ("1.2", "PASSED", "", "")], "pass, pass"),
        (vec![("1.1", "PASSED", "i-0aa", os), ("1.2", "PASSED", "", os)], "not evaluated, not evaluated"),
    ] {
        for document in both(&rows) {
            assert_eq!(words(&document.unwrap()), wanted, "{rows:?}");
        }
    }
}

#[test]
fn a_file_of_several_platforms_is_refused_and_two_spellings_are_one() {
    let row = |os| ("1.1", "PASSED", "i-0aa", os);
    for document in both(&[row("AMAZON_LINUX_2023"), row(""), row("Amazon Linux 2023")]) {
        assert_eq!(document.unwrap().platform, "AMAZON_LINUX_2023");
    }
    for (one, other) in [("AMAZON_LINUX_2023", "AMAZON_LINUX_2"), ("DEBIAN_12", "AMAZON_LINUX_2023"), ("A_1", "A_2")] {
        for document in both(&[row(one), row(other)]) {
            let error = document.unwrap_err().to_string();
            assert!(error.contains("several platforms") && error.contains(one) && error.contains(other), "{error}");
        }
    }
}

#[test]
fn only_what_is_for_a_human_is_manual() {
    for (reason, wanted) in [
        ("Manual", "manual"),
        ("manual check", "manual"),
        ("Manual review is needed", "manual"),
        ("the check timed out; run it manually", "not evaluated"),
        ("the manual page is missing", "not evaluated"),
        ("automatic evaluation failed, manual check", "not evaluated"),
        ("", "not evaluated"),
    ] {
        let statement = Statement { status: "SKIPPED", reason, remediation: "", resource: "" };
        assert_eq!(Outcome::from(verdict(&statement)).as_str(), wanted, "{reason}");
    }
}

/// A check with the numbers of instances that passed, failed and were skipped.
fn aggregated(scan: &str, id: &str, [passed, failed, skipped]: [u32; 3]) -> String {
    format!(
        r#"{{"scanArn":"{scan}","checkId":"{id}","title":"t","level":"LEVEL_1","platform":"AMAZON_LINUX_2023","statusCounts":{{"passed":{passed},"failed":{failed},"skipped":{skipped}}}}}"#
    )
}

fn by_check(all: &[String], more: &str) -> Result<Document, ImportError> {
    inspector_json::read(format!(r#"{{"checkAggregations":[{}]{more}}}"#, all.join(",")).as_bytes())
}

#[test]
fn a_check_passed_where_all_instances_of_the_scan_passed_it() {
    for (counts, wanted) in [
        (vec![[2, 0, 0], [2, 0, 0]], "pass, pass"),
        (vec![[2, 0, 0], [1, 1, 0]], "pass, fail"),
        (vec![[2, 0, 0], [1, 0, 1]], "pass, not evaluated"),
        (vec![[2, 0, 0], [1, 0, 0]], "pass, not evaluated"),
        (vec![[2, 0, 0], [0, 0, 0]], "pass, not evaluated"),
        (vec![[1, 0, 0], [0, 1, 1]], "not evaluated, fail"),
    ] {
        let all: Vec<String> =
            counts.iter().enumerate().map(|(at, counts)| aggregated("a", &format!("1.{}", at + 1), *counts)).collect();
        assert_eq!(words(&by_check(&all, "").unwrap()), wanted, "{counts:?}");
    }
    let none = r#"{"checkId":"1.1"}"#.to_owned();
    assert_eq!(words(&by_check(&[none], "").unwrap()), "not evaluated");
}

#[test]
fn of_two_scans_in_one_file_the_worse_answer_counts_and_a_page_is_not_all() {
    let (good, bad) = (aggregated("a", "1.1", [3, 0, 0]), aggregated("b", "1.1", [0, 1, 0]));
    for all in [[good.clone(), bad.clone()], [bad, good.clone()]] {
        assert_eq!(words(&by_check(&all, "").unwrap()), "fail");
    }
    assert_eq!(words(&by_check(std::slice::from_ref(&good), r#","nextToken":"x""#).unwrap()), "pass, not evaluated");
    let document = by_check(&[good], "").unwrap();
    assert_eq!(
        (document.platform.as_str(), document.answers[0].numbers.as_slice()),
        ("AMAZON_LINUX_2023", &["1.1".to_owned()][..])
    );
    assert!(by_check(&[], "").unwrap_err().to_string().contains("contains no check"));
}
