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
        assert_eq!(document.answers[1].verdict, Verdict::Manual("Inspector leaves it to a human: by hand".into()));
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
