//! One verdict: every format says the word that the exit code stands for.

use amiproof_model::conclusion::{Conclusion, Scope, Summary};
use amiproof_model::exit::ExitCode;
use amiproof_model::judge::Disposition;
use amiproof_model::report::{Report, Subject};
use amiproof_model::verdict::Outcome;
use amiproof_reports::{Format, Options, Style, render};

use crate::fixture::{self, fail, of_variant, result};

fn one(outcome: Outcome) -> Report {
    let mut report = fixture::empty();
    report.variants = vec![fixture::variant("al2023-eks", amiproof_model::matrix::Family::Al2023, None)];
    report.results = vec![result("node/ready", "every node is Ready", of_variant("al2023-eks"), outcome)];
    report
}

/// Every state of a report, with the word and the exit code that it comes to, and the earlier run that it is compared with.
fn states() -> Vec<(Report, Option<Report>, Conclusion, ExitCode)> {
    let not_evaluated = Outcome::NotEvaluated { reason: "no scan".into() };
    let mut tolerated = one(fail("node 1", "not ready"));
    tolerated.results[0].disposition = Disposition::Tolerated;
    let mut shown = fixture::green();
    let control =
        fixture::control("os-cis", "cis-al2023-1.0.0", "1.1", "t", of_variant("al2023-eks"), fail("node 1", "no"));
    shown.results.push(control);
    shown.results.last_mut().unwrap().disposition = Disposition::Informational;
    vec![
        (fixture::green(), None, Conclusion::Passed, ExitCode::Passed),
        (tolerated, None, Conclusion::Passed, ExitCode::Passed),
        (shown, None, Conclusion::Passed, ExitCode::Passed),
        (one(fail("node 1", "not ready")), None, Conclusion::Failed, ExitCode::Failed),
        (one(fail("node 1", "not ready")), Some(one(Outcome::Pass)), Conclusion::Regression, ExitCode::Regression),
        (one(fail("node 1", "not ready")), Some(one(fail("node 1", "no"))), Conclusion::Failed, ExitCode::Failed),
        (one(Outcome::Pass), Some(one(fail("node 1", "no"))), Conclusion::Passed, ExitCode::Passed),
        (one(not_evaluated), Some(one(Outcome::Pass)), Conclusion::Inconclusive, ExitCode::Error),
        (one(Outcome::Error { message: "throttled".into() }), None, Conclusion::Inconclusive, ExitCode::Error),
        (one(Outcome::Manual { look_at: "it".into() }), None, Conclusion::NothingEvaluated, ExitCode::Error),
        (
            one(Outcome::NotApplicable { reason: "no".into() }),
            None,
            Conclusion::NothingSelected,
            ExitCode::NothingSelected,
        ),
        (fixture::empty(), None, Conclusion::NothingSelected, ExitCode::NothingSelected),
        (fixture::mixed(), None, Conclusion::Inconclusive, ExitCode::Error),
        (fixture::interrupted(), None, Conclusion::Interrupted, ExitCode::Interrupted),
        (fixture::leftovers(), None, Conclusion::LeftBehind, ExitCode::LeftBehind),
        (fixture::not_verified(), None, Conclusion::Inconclusive, ExitCode::Error),
    ]
}

#[test]
fn every_form_says_the_word_of_the_exit_code() {
    for (at, (report, baseline, conclusion, code)) in states().into_iter().enumerate() {
        let word = conclusion.as_str();
        assert_eq!(conclusion.exit_code(), code, "state {at}");
        if baseline.is_none() {
            assert_eq!(Summary::of(&report, Scope::Run, 0).conclusion, conclusion, "state {at}");
            assert_eq!(ExitCode::of(&report), code, "state {at}");
        }
        let style = Style { width: 400, ..Style::default() };
        let options = Options { baseline: baseline.as_ref(), style, ..Options::default() };
        let summary_of = |format| render(format, &report, &options).unwrap();
        let page = summary_of(Format::Html);
        assert!(page.contains(&format!("<title>{word} · nightly · amiproof</title>")), "state {at}: page");
        assert!(page.contains(&format!("<p><strong>{word}</strong>")), "state {at}: page");
        let heading = summary_of(Format::Markdown).lines().next().unwrap().to_owned();
        assert!(heading.contains(&format!(" nightly: {word}")), "state {at}: {heading}");
        let terminal = summary_of(Format::Terminal);
        let last = terminal.lines().last().unwrap();
        assert!(
            last.starts_with(word) && last.ends_with(&format!("(exit code {})", code.code())),
            "state {at}: {last}"
        );
        let junit = summary_of(Format::Junit);
        if !junit.contains("<testcase") {
            panic!("state {at}: a file without a case is an error to Jenkins");
        }
        assert!(junit.contains(&format!("<property name=\"runVerdict\" value=\"{word}\"/>")), "state {at}: JUnit");
        let is_red = junit.contains("<failure ") || junit.contains("<error ");
        assert_eq!(is_red, code != ExitCode::Passed, "state {at}: JUnit is green where the exit code is 0");
        let csv = summary_of(Format::Csv);
        let lines: Vec<::csv::StringRecord> =
            ::csv::Reader::from_reader(csv.as_bytes()).records().map(Result::unwrap).collect();
        assert!(lines.iter().all(|line| &line[21] == word), "state {at}: CSV");
    }
}

#[test]
fn a_column_has_the_same_verdict_in_every_form() {
    let report = fixture::mixed();
    let summary_of = |format| render(format, &report, &Options::default()).unwrap();
    for subject in
        ["al2023-eks", "al2023-eks-l1", "bottlerocket-l2"].map(of_variant).into_iter().chain([Subject::Cluster])
    {
        let word = Summary::of(&report, Scope::Of(&subject), 0).conclusion.as_str();
        let name = subject.as_str();
        let page = summary_of(Format::Html);
        let tile = page.split_once(&format!("title=\"Show only this column\">{name}</button>")).unwrap().1;
        assert!(tile.trim_start().starts_with("<span class=\"pill"), "{name}");
        assert!(tile.split_once("</span>").unwrap().0.ends_with(word), "{name}");
        let markdown = summary_of(Format::Markdown);
        let row = markdown.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap();
        assert!(row.split('|').nth(2).unwrap().contains(word), "{name}: {row}");
        let terminal = summary_of(Format::Terminal);
        let row = terminal.lines().find(|line| line.starts_with(&format!(" {name} "))).unwrap();
        assert!(row.contains(word), "{name}: {row}");
        let csv = summary_of(Format::Csv);
        let mut lines = ::csv::Reader::from_reader(csv.as_bytes());
        let mut own = lines.records().map(Result::unwrap).filter(|line| &line[1] == name);
        assert!(own.all(|line| &line[20] == word), "{name}");
    }
}

#[test]
fn every_form_counts_the_same_cells() {
    for report in [fixture::mixed(), fixture::disagreeing(), fixture::judged_twice(), fixture::big()] {
        let summary_of = |format| render(format, &report, &Options::default()).unwrap();
        let csv = summary_of(Format::Csv);
        let failed = ::csv::Reader::from_reader(csv.as_bytes())
            .records()
            .map(Result::unwrap)
            .filter(|line| &line[10] == "failed")
            .count();
        let page = summary_of(Format::Html);
        assert!(page.contains(&format!("</b> {failed} <span>failed</span>")), "the legend says {failed} failed");
        let (_, json) = page.split_once("id=\"data\">").unwrap();
        let data: serde_json::Value = serde_json::from_str(json.split_once("</script>").unwrap().0).unwrap();
        let cells = data["suites"].as_array().unwrap().iter().flat_map(|suite| suite["rows"].as_array().unwrap());
        let cells = cells.flat_map(|row| row["cells"].as_array().unwrap()).filter(|cell| cell[0] == 0);
        assert_eq!(cells.count(), failed, "the chips count the cells of the grid");
        assert!(summary_of(Format::Markdown).contains(&format!("{failed} failed")));
        assert!(summary_of(Format::Terminal).contains(&format!("results: {failed} failed")));
    }
}

/// Where nothing is left and nothing failed, the sentence is all that says why the run is inconclusive.
#[test]
fn what_could_not_be_verified_is_said_by_every_form_that_people_read() {
    let report = fixture::not_verified();
    for format in [Format::Html, Format::Markdown, Format::Junit] {
        let text = render(format, &report, &Options::default()).unwrap();
        for part in ["iam:ListRoles", "is owned by run r-2: left alone"] {
            assert!(text.contains(part), "{format:?}: {part}");
        }
        assert!(!text.contains("Nothing was left behind"), "{format:?}");
    }
    let text = amiproof_reports::terminal::render(&report, None, &Style::default());
    assert!(text.contains("iam:ListRoles") && text.contains("is owned by run r-2: left alone"), "{text}");
}
