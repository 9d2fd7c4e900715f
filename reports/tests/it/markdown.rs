//! Markdown for pull requests.

use amiproof_reports::markdown::{LIMIT, render};

use crate::fixture;

#[test]
fn a_mixed_run() {
    insta::assert_snapshot!(render(&fixture::mixed(), None));
}

#[test]
fn leftovers_against_a_baseline() {
    insta::assert_snapshot!(render(&fixture::leftovers(), Some(&fixture::mixed())));
}

#[test]
fn an_interrupted_run() {
    insta::assert_snapshot!(render(&fixture::interrupted(), None));
}

#[test]
fn a_document_is_never_larger_than_github_takes_and_never_cut_inside_a_block() {
    for (name, report) in fixture::all() {
        let markdown = render(&report, None);
        assert!(markdown.len() <= LIMIT, "{name}: {} bytes", markdown.len());
        assert_eq!(markdown.matches("<details>").count(), markdown.matches("</details>").count(), "{name}");
        let columns = |line: &str| line.replace("\\|", "").matches('|').count();
        let mut lines = markdown.lines().skip_while(|line| !line.starts_with("| variant"));
        let head = columns(lines.next().unwrap());
        assert!(lines.take_while(|line| line.starts_with('|')).all(|line| columns(line) == head), "{name}");
    }
    let big = render(&fixture::big(), None);
    assert!(big.contains("contain everything") && big.contains("### Failed (1200)"), "{big}");
    for number in 0..30 {
        let name = format!("**al2023-eks-variant-{number:02}** (40)");
        let own = big.split_once(&name).unwrap_or_else(|| panic!("{name}: {big}")).1;
        let own = own.split_once("and ").unwrap().0;
        assert!(own.matches("- `os-cis").count() > 3, "every variant has its failures: {name}: {own}");
    }
}

#[test]
fn what_comes_from_outside_is_no_html() {
    let markdown = render(&fixture::mixed(), None);
    let outside_of_code: String = markdown.split("```").step_by(2).collect();
    assert!(!outside_of_code.contains("<img") && !outside_of_code.contains("</script>"), "{outside_of_code}");
    assert!(!outside_of_code.contains("@all"), "nobody is mentioned");
}

#[test]
fn what_is_new_comes_first_and_smoke_tests_before_controls() {
    let base = fixture::mixed();
    let mut candidate = base.clone();
    candidate.run.id = "r-new".parse().unwrap();
    let control = fixture::control(
        "os-cis",
        "cis-al2023-1.0.0",
        "3.3.2",
        "redirects are not sent",
        fixture::of_variant("al2023-eks-l1"),
        fixture::fail("node 1", "sent"),
    );
    let old = candidate.results.iter_mut().find(|one| one.check == control.check).unwrap();
    *old = control;
    let markdown = render(&candidate, Some(&base));
    let failed = markdown.split_once("### Failed (3)").unwrap().1;
    let at = |part: &str| failed.find(part).unwrap_or_else(|| panic!("{part}: {failed}"));
    assert!(at("3.3.2") < at("workload/pod-to-pod") && at("workload/pod-to-pod") < at("os-cis/nasty"), "{failed}");
    assert!(markdown.contains("- **al2023-eks-l1** `os-cis/cis-al2023-1.0.0/3.3.2` new failure: sent"), "{markdown}");
}

#[test]
fn variants_whose_smoke_tests_fail_come_before_those_with_failed_controls_only() {
    let mut report = fixture::green();
    let first = fixture::of_variant("al2023-eks");
    let fail = || fixture::fail("node 1", "no");
    report.results.push(fixture::control("os-cis", "cis-al2023-1.0.0", "1.1", "t", first, fail()));
    report.results.push(fixture::result("workload/dns", "t", fixture::of_variant("bottlerocket-l2"), fail()));
    let markdown = render(&report, None);
    let failed = markdown.split_once("### Failed (2)").unwrap().1;
    assert!(failed.find("workload/dns").unwrap() < failed.find("os-cis/cis").unwrap(), "{failed}");
    let page = amiproof_reports::html::render(&report, None, None).unwrap();
    let failing = page.split_once("id=\"failing\"").unwrap().1;
    assert!(failing.find("workload/dns").unwrap() < failing.find("os-cis/cis").unwrap());
}
