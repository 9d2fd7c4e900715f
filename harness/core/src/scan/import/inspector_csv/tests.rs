use amiproof_model::name::Level;
use amiproof_model::verdict::Verdict;

use super::*;

#[test]
fn columns_are_found_by_their_names_whatever_their_order_and_spelling() {
    for header in [
        "Status,Check ID,Title,Target Resource ID,Level,Status Reason",
        "status,checkId,title,targetResourceId,level,statusReason",
        "RESULT,control_id,Check Title,Instance-ID,Security Level,Reason",
    ] {
        let text = format!(
            "{header}\nPASSED,3.3.1,\"no, routing\",i-0aa,LEVEL_1,\nFAILED,3.3.1,\"no, routing\",i-0bb,LEVEL_1,it was 1\nSKIPPED,5.1,look,i-0aa,LEVEL_2,by hand\nODD,6.1,odd,i-0aa,,\n"
        );
        let document = read(text.as_bytes()).unwrap();
        assert_eq!(document.answers.len(), 3, "{header}");
        let first = &document.answers[0];
        assert_eq!((first.times, first.level, first.title.as_str()), (2, Some(Level::One), "no, routing"));
        let Verdict::Fail(findings) = &first.verdict else { panic!("{first:?}") };
        assert_eq!((findings[0].resource.as_str(), findings[0].summary.as_str()), ("i-0bb", "it was 1"));
        assert_eq!(document.answers[1].verdict, Verdict::NotEvaluated("Inspector skipped it: by hand".into()));
        assert!(matches!(document.answers[2].verdict, Verdict::NotEvaluated(_)));
    }
}

#[test]
fn a_preface_before_the_header_and_rows_without_a_number_do_not_matter() {
    let text = "Amazon Inspector CIS report\nScan,nightly\n\nCheck ID,Status\n3.3.1,PASSED\nTotal,1\n";
    let document = read(text.as_bytes()).unwrap();
    assert_eq!((document.answers.len(), document.notes.len()), (1, 1));
}

#[test]
fn a_header_that_fits_nothing_is_refused_with_its_columns() {
    let error = read("severity,package,fixed in\nHIGH,openssl,1.2\n".as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "has no column for the control's number; its columns are: severity, package, fixed in");
    let error = read("Check ID,Owner\n3.3.1,x\n".as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("has no column for the result"), "{error}");
    assert!(read("Check ID,Status\n".as_bytes()).unwrap_err().to_string().contains("no row"));
}

#[test]
fn no_row_with_a_result_is_dropped_whatever_stands_around_its_number() {
    let rows = ["1.1.1.1", "CIS 1.1.2.1", "1.1.2.2 Ensure TLS 1.2", "'1.1.2.3", "\"1.1.2.4\"", "somewhere else"];
    for separator in [",", ";", "\t"] {
        let lines = rows.map(|number| format!("{number}{separator}a title{separator}FAILED\n"));
        let text = format!("Check ID{separator}Title{separator}Status\n{}", lines.concat());
        let document = read(text.as_bytes()).unwrap();
        let numbers: Vec<String> = document.answers.iter().map(|answer| answer.numbers.concat()).collect();
        assert_eq!(numbers, ["1.1.1.1", "1.1.2.1", "1.1.2.2", "1.1.2.3", "1.1.2.4", ""], "{separator}");
        assert!(document.answers.iter().all(|answer| matches!(answer.verdict, Verdict::Fail(_))));
        assert_eq!(document.answers[5].id, "somewhere else");
    }
}

#[test]
fn a_table_that_is_cut_off_is_never_whole() {
    let text = "Check ID,Title,Status\n3.3.1,\"no,\nrouting\",PASSED\n3.3.2,b,PASSED\n";
    assert_eq!(read(text.as_bytes()).unwrap().answers.len(), 2);
    for cut in 1..text.len() {
        let Ok(document) = read(&text.as_bytes()[..cut]) else { continue };
        assert!(text[..cut].ends_with("PASSED\n"), "{:?}: {document:?}", &text[..cut]);
    }
    let error = read("Check ID,Title,Status\n3.3.1,a,PASSED\n3.3.2,b\n".as_bytes()).unwrap_err().to_string();
    assert!(error.contains("is truncated"), "{error}");
}

#[test]
fn two_columns_of_the_result_that_differ_are_no_pass() {
    for (first, second, wanted) in [
        ("PASSED", "PASSED", "pass"),
        ("PASSED", "PASS", "pass"),
        ("PASSED", "FAILED", "fail"),
        ("FAILED", "PASSED", "fail"),
        ("PASSED", "SKIPPED", "not evaluated"),
        ("PASSED", "", "not evaluated"),
        ("", "PASSED", "not evaluated"),
        ("PASSED", "MANUAL", "not evaluated"),
    ] {
        let text = format!("Check ID,Status,Result\n3.3.1,{first},{second}\n");
        let document = read(text.as_bytes()).unwrap();
        let outcome = amiproof_model::verdict::Outcome::from(document.answers[0].verdict.clone());
        assert_eq!(outcome.as_str(), wanted, "{first} {second}");
    }
}
