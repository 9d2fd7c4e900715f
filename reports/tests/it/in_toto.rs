//! Statements about images: one per image, and nothing is stated better than it is.

use amiproof_model::judge::Disposition;
use amiproof_model::report::Report;
use amiproof_model::verdict::Outcome;
use amiproof_reports::{Format, Options, RenderError, render};
use serde_json::Value;

use crate::fixture;

fn statements(report: &Report, digest: Option<&str>) -> Vec<Value> {
    let text = render(Format::InToto, report, &Options { digest, ..Options::default() }).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn results(report: &Report) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |one: &Value| (text(&one["subject"][0]["annotations"]["variant"]), text(&one["predicate"]["result"]));
    statements(report, None).iter().map(of).collect()
}

#[test]
fn every_image_has_a_statement_of_its_own_about_the_report() {
    let report = fixture::mixed();
    let digest = "d".repeat(64);
    let all = statements(&report, Some(&digest));
    assert_eq!(all.len(), report.variants.len());
    for (statement, variant) in all.iter().zip(&report.variants) {
        let subject = &statement["subject"][0];
        let arn = format!("arn:aws:ec2:us-west-2::image/{}", variant.ami.as_ref().unwrap().id);
        assert_eq!(subject["name"], arn.as_str());
        assert_eq!(subject["digest"]["sha256"], digest.as_str());
    }
    let l1 = all.iter().find(|one| one["subject"][0]["annotations"]["variant"] == "al2023-eks-l1").unwrap();
    insta::assert_json_snapshot!(l1);
}

#[test]
fn without_a_file_the_digest_is_that_of_the_report_as_it_would_be_written() {
    use sha2::{Digest as _, Sha256};
    let report = fixture::green();
    let written = render(Format::Json, &report, &Options::default()).unwrap();
    let digest: String = Sha256::digest(written).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(statements(&report, None)[0]["subject"][0]["digest"]["sha256"], digest.as_str());
}

#[test]
fn only_a_variant_that_passed_is_stated_to_have_passed() {
    let passed = |report: &Report| results(report).into_iter().filter(|(_, word)| word == "PASSED").count();
    let green = fixture::green();
    assert_eq!(passed(&green), green.variants.len());
    for outcome in [
        Outcome::NotEvaluated { reason: "no answer".to_owned() },
        Outcome::Error { message: "no connection".to_owned() },
    ] {
        let mut report = fixture::green();
        let result = &mut report.results[0];
        result.disposition =
            if matches!(outcome, Outcome::Error { .. }) { Disposition::Error } else { Disposition::NotEvaluated };
        result.outcome = outcome;
        let name = result.subject.as_str().to_owned();
        let own: Vec<String> =
            results(&report).into_iter().filter(|(of, _)| *of == name).map(|(_, word)| word).collect();
        assert_eq!(own, ["FAILED"], "{name}");
    }
    for report in [fixture::interrupted(), fixture::mixed()] {
        let named = |name: &str| results(&report).into_iter().find(|(of, _)| of == name).unwrap().1;
        for variant in &report.variants {
            let name = variant.name.as_str();
            let is_bad = report.results.iter().any(|result| {
                result.subject.as_str() == name
                    && matches!(
                        result.disposition,
                        Disposition::Failed
                            | Disposition::Error
                            | Disposition::NotEvaluated
                            | Disposition::Blocked { .. }
                    )
            });
            assert!(!is_bad || named(name) == "FAILED", "{name}");
        }
    }
}

#[test]
fn a_variant_without_a_single_answer_is_not_stated_to_have_passed() {
    let mut report = fixture::green();
    report.results.clear();
    assert!(results(&report).iter().all(|(_, word)| word == "FAILED"), "{:?}", results(&report));
}

#[test]
fn a_run_without_images_has_nothing_to_state() {
    let mut report = fixture::green();
    for variant in &mut report.variants {
        variant.ami = None;
    }
    let error = render(Format::InToto, &report, &Options::default()).unwrap_err();
    assert!(matches!(&error, RenderError::NoImage { .. }), "{error}");
}
