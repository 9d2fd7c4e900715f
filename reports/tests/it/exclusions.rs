//! Lists of exclusions, read back by what reads such lists.

use amiproof_model::name::VariantName;
use amiproof_model::report::{Certainty, Report};
use amiproof_model::waiver_file;
use amiproof_model::waiver_import::{Defaults, inspec, table};
use amiproof_reports::exclusions::{Form, Responsible, of, render};
use jiff::civil::date;

use crate::fixture;

fn l1() -> VariantName {
    "al2023-eks-l1".parse().unwrap()
}

fn text(report: &Report, form: Form) -> String {
    let responsible = Responsible { owner: "platform", expires: date(2027, 1, 31) };
    render(form, &l1(), &of(report, &l1(), Certainty::Possible), Some(responsible))
}

#[test]
fn every_form_of_a_list() {
    let report = fixture::mixed();
    let all: Vec<String> =
        Form::ALL.iter().map(|form| format!("== {}\n{}", form.as_str(), text(&report, *form))).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn what_is_less_certain_than_asked_for_is_left_alone() {
    let report = fixture::mixed();
    assert_eq!(of(&report, &l1(), Certainty::Possible).len(), 1);
    assert!(of(&report, &l1(), Certainty::Likely).is_empty());
    assert!(of(&report, &"bottlerocket-l2".parse().unwrap(), Certainty::Possible).is_empty());
}

#[test]
fn lists_are_read_back_as_the_same_controls() {
    let report = fixture::mixed();
    let written = waiver_file::parse("w", text(&report, Form::Waivers).as_bytes()).unwrap();
    assert_eq!(written[0].control.as_ref().unwrap().as_str(), "cis-al2023-1.0.0/3.4.2.7");
    assert_eq!(written[0].variants, ["al2023-eks-l1"]);
    let defaults = Defaults {
        benchmark: "cis-al2023-1.0.0".parse().unwrap(),
        owner: "platform".to_owned(),
        expires: Some(date(2027, 1, 31)),
        reason: Some("r".to_owned()),
        ticket: None,
        variants: Vec::new(),
    };
    for form in [Form::Markdown, Form::BuildKit] {
        let read = table("t", &text(&report, form), &defaults).unwrap();
        assert_eq!(read.len(), 1, "{}", form.as_str());
        assert_eq!(read[0].control, written[0].control, "{}", form.as_str());
    }
    let read = inspec("i", text(&report, Form::Inspec).as_bytes(), &defaults).unwrap();
    assert_eq!(read[0].control, written[0].control);
    assert_eq!(read[0].expires, date(2027, 1, 31));
}
