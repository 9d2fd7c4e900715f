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
    assert!(big.contains("have everything") && big.contains("### Failed (1200)"), "{big}");
}

#[test]
fn what_comes_from_outside_is_no_html() {
    let markdown = render(&fixture::mixed(), None);
    let outside_of_code: String = markdown.split("```").step_by(2).collect();
    assert!(!outside_of_code.contains("<img") && !outside_of_code.contains("</script>"), "{outside_of_code}");
    assert!(!outside_of_code.contains("@all"), "nobody is mentioned");
}
