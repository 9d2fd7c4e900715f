//! The summary at several widths, with and without colour, in ASCII.

use amiproof_model::report::Cleanup;
use amiproof_reports::terminal::{Style, render};
use unicode_width::UnicodeWidthStr;

use crate::fixture;

const PLAIN: Style = Style { width: 80, colour: false, ascii: false, limit: 20 };

#[test]
fn a_mixed_run_at_80_columns() {
    insta::assert_snapshot!(render(&fixture::mixed(), None, &PLAIN));
}

#[test]
fn a_mixed_run_at_140_columns() {
    insta::assert_snapshot!(render(&fixture::mixed(), None, &Style { width: 140, ..PLAIN }));
}

#[test]
fn an_interrupted_run_at_80_columns() {
    insta::assert_snapshot!(render(&fixture::interrupted(), None, &PLAIN));
}

/// A command that continues a run took less time than all phases of the run, and most of what the run created is deleted already.
#[test]
fn a_continued_run_says_what_it_took_and_what_is_kept() {
    let mut report = fixture::mixed();
    (report.run.seconds, report.run.critical_path_seconds) = (14.0, 57.0);
    report.cleanup = Cleanup { created: 182, deleted: 168, ..Cleanup::default() };
    let summary = render(&report, None, &PLAIN);
    let at = summary.lines().position(|line| line.starts_with("took ")).unwrap();
    let numbers: Vec<&str> = summary.lines().skip(at).take(2).collect();
    assert_eq!(numbers, ["took 14 s", "keeps 14 resources on purpose (182 created so far, 168 deleted)"]);
}

#[test]
fn leftovers_against_a_baseline() {
    insta::assert_snapshot!(render(&fixture::leftovers(), Some(&fixture::mixed()), &Style { width: 100, ..PLAIN }));
}

#[test]
fn what_is_new_against_the_baseline_is_marked_and_comes_first() {
    let base = fixture::mixed();
    let mut candidate = base.clone();
    let joined = candidate.results.iter_mut().find(|one| one.check.as_str() == "node/joined").unwrap();
    *joined = fixture::result(
        "node/joined",
        "every node joins",
        joined.subject.clone(),
        fixture::fail("node 1", "never came"),
    );
    let moved = candidate.results.remove(0);
    candidate.results.push(moved);
    let summary = render(&candidate, Some(&base), &PLAIN);
    let mut failed = summary.lines().skip_while(|line| !line.starts_with("failed (3, 1 of them new)")).skip(1);
    assert_eq!(failed.next(), Some("  al2023-eks node/joined [unknown] NEW"));
    assert_eq!(summary.matches(" NEW").count(), 1);
}

#[test]
fn no_line_is_wider_than_the_terminal_but_commands_to_copy() {
    for (name, report) in fixture::all() {
        for width in [60, 80, 140] {
            for line in render(&report, None, &Style { width, ..PLAIN }).lines() {
                let command = line.starts_with("    amiproof ") || line.starts_with("    aws ");
                assert!(command || line.width() <= usize::from(width), "{name} at {width}: {line}");
            }
        }
    }
}

#[test]
fn ascii_is_ascii_and_nothing_from_outside_moves_the_cursor() {
    for (name, report) in fixture::all() {
        let ascii = render(&report, None, &Style { ascii: true, ..PLAIN });
        assert!(ascii.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "{name}: {ascii}");
        let plain = render(&report, None, &PLAIN);
        assert!(!plain.chars().any(|c| c != '\n' && c.is_control()), "{name}: {plain:?}");
    }
}

#[test]
fn colour_adds_escape_sequences_and_changes_no_word() {
    for (name, report) in fixture::all() {
        let coloured = render(&report, None, &Style { colour: true, ..PLAIN });
        assert!(coloured.contains("\u{1b}["), "{name}");
        let mut words = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once("\u{1b}[") {
            words.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        words.push_str(rest);
        let words: Vec<&str> = words.lines().map(str::trim_end).collect();
        let plain = render(&report, None, &PLAIN);
        assert_eq!(words, plain.lines().map(str::trim_end).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn a_long_list_is_cut_and_says_how_much_is_missing() {
    let summary = render(&fixture::big(), None, &Style { limit: 3, ..PLAIN });
    assert!(summary.contains("failed (1200)"), "{summary}");
    assert!(summary.contains("  and 39 more of al2023-eks-variant-02: see matrix.html"), "{summary}");
    assert!(summary.contains("  and 40 more of al2023-eks-variant-03: see matrix.html"), "{summary}");
}

#[test]
fn the_table_of_verdicts_and_the_verdict_are_the_end_of_the_summary() {
    for (name, report) in fixture::all() {
        let summary = render(&report, None, &PLAIN);
        let lines: Vec<&str> = summary.lines().collect();
        let head = lines.iter().position(|line| line.starts_with(" variant")).unwrap();
        let behind = ["failed (", "inconclusive (", "scans (", "left behind ("];
        assert!(
            lines[head..].iter().all(|line| !behind.iter().any(|title| line.starts_with(title))),
            "{name}: {summary}"
        );
        let code = amiproof_model::exit::ExitCode::of(&report).code();
        let words: Vec<&str> = summary.split_whitespace().collect();
        assert!(words.join(" ").ends_with(&format!("(exit code {code})")), "{name}: {summary}");
    }
}

#[test]
fn of_every_variant_some_failures_are_shown() {
    let summary = render(&fixture::big(), None, &Style { limit: 60, ..PLAIN });
    for number in 0..30 {
        let own = format!("  al2023-eks-variant-{number:02} os-cis");
        assert_eq!(summary.lines().filter(|line| line.starts_with(&own)).count(), 2, "{own}");
    }
}

#[test]
fn what_explains_a_run_is_told_with_what_speaks_for_and_against_it() {
    let report = fixture::mixed();
    let all: Vec<_> = report.explanations.iter().collect();
    insta::assert_snapshot!(amiproof_reports::explain::render(&all, None, &PLAIN));
    let one = amiproof_reports::explain::render(&all, Some("workload/pod-to-pod"), &PLAIN);
    assert!(
        one.contains("forwarded packets are dropped")
            && !one.contains("kubelet-path/exec")
            && !one.contains("ruled out")
    );
    assert_eq!(amiproof_reports::explain::render(&all, Some("node/ready"), &PLAIN), "");
}
