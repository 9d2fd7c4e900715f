//! Markdown for a pull request or a step summary: what failed first, and never more than GitHub takes.

use std::fmt::Write as _;

use amiproof_model::judge::Disposition;
use amiproof_model::report::{CheckResult, Counts, Report, Subject};
use amiproof_model::verdict::Finding;

use crate::compare::{Comparison, compare};
use crate::csv::origin_word;
use crate::scans;
use crate::sheet::{self, Sheet, Standing, Wanted};
use crate::terminal::counts_sentence;
use crate::text;
use crate::waivers;

/// The most bytes of a document: GitHub takes 65,535 for the body of a check or a comment (and 1 MiB for a step summary).
pub const LIMIT: usize = 65_535;

/// What is kept free for the sentence that says that something was left out.
const RESERVE: usize = 400;

/// The most bytes of the detail of one finding.
const DETAIL_LIMIT: usize = 1_500;

/// The most characters of a line of text.
const LINE_LIMIT: usize = 300;

/// A zero-width space behind `@` and `#`: GitHub links `@name` and `#1` even where they are escaped.
const UNLINKED: char = '\u{200b}';

/// A document that takes whole blocks only, as long as there is room: a table row or a `<details>` is never cut in two.
pub(crate) struct Page {
    text: String,
    left_out: usize,
}

impl Page {
    pub(crate) fn new() -> Self {
        Self { text: String::new(), left_out: 0 }
    }

    /// Adds a block, or counts it as left out. After the first block that did not fit no other one is tried, so that what is
    /// there is the most important part and not a sieve.
    pub(crate) fn push(&mut self, block: &str) -> bool {
        if self.left_out > 0 || self.text.len() + block.len() > LIMIT - RESERVE {
            self.left_out += 1;
            return false;
        }
        self.text.push_str(block);
        true
    }

    /// The text, with a pointer to the rest if anything was left out.
    pub(crate) fn finish(mut self, pointer: &str) -> String {
        if self.left_out > 0 {
            let _ = write!(self.text, "\n> [!NOTE]\n> Cut here to stay below {LIMIT} bytes: {pointer}\n");
        }
        self.text
    }
}

/// The report as GitHub-flavoured Markdown, at most [`LIMIT`] bytes.
pub fn render(report: &Report, baseline: Option<&Report>) -> String {
    let mut page = Page::new();
    page.push(&heading(report));
    if let Some(baseline) = baseline {
        let comparison = compare(baseline, report);
        let mark = if comparison.has_regression() { "❌ Regression" } else { "✅ No regression" };
        page.push(&format!("{mark} {}.\n\n", escape(&Comparison::headline(&comparison))));
    }
    push_table(&mut page, report);
    push_scans(&mut page, report);
    push_waivers(&mut page, report);
    push_leftovers(&mut page, report);
    push_broken(&mut page, report);
    for (title, wanted) in SECTIONS {
        push_results(&mut page, report, title, wanted);
    }
    page.finish("`matrix.html` and `report.json` of the run have everything.")
}

/// What is told one by one, most urgent first. What passed or does not apply is in the table's numbers only.
const SECTIONS: [(&str, Wanted); 6] = [
    ("Failed", |disposition| matches!(disposition, Disposition::Failed)),
    ("Errors: amiproof could not decide", |disposition| matches!(disposition, Disposition::Error)),
    ("Not evaluated: no evidence", |disposition| matches!(disposition, Disposition::NotEvaluated)),
    ("Flaky: passed on a retry", |disposition| matches!(disposition, Disposition::Flaky)),
    ("Waived", |disposition| matches!(disposition, Disposition::Waived { .. })),
    ("Known from the baseline", |disposition| matches!(disposition, Disposition::Known)),
];

fn heading(report: &Report) -> String {
    let counts = report.counts();
    let (run, cluster, left) = (&report.run, &report.cluster, report.cleanup.leftovers.len());
    let mark = if counts.failed > 0 {
        "❌"
    } else if counts.error + counts.not_evaluated > 0
        || report.has_broken_pipeline()
        || run.interrupted
        || left > 0
        || counts.total() == 0
    {
        "⚠️"
    } else {
        "✅"
    };
    let mut words = counts_sentence(counts);
    if words.is_empty() {
        words.push_str("no results");
    }
    if left > 0 {
        let _ = write!(words, ", {left} left behind");
    }
    let mut heading = format!(
        "## {mark} {}: {}\n\nRun `{}` on cluster {}, Kubernetes {}, {}; took {} (critical path {}).\n\n",
        escape(&run.matrix),
        words,
        run.id,
        code(&cluster.name),
        cluster.kubernetes(),
        text::moment(run.started),
        text::duration(run.seconds),
        text::duration(run.critical_path_seconds),
    );
    if cluster.lab {
        heading.push_str("> [!NOTE]\n> The lab answered instead of AWS: this is a simulation.\n\n");
    }
    if run.interrupted {
        heading.push_str("> [!WARNING]\n> The run was interrupted: these results are not complete.\n\n");
    }
    heading
}

fn push_table(page: &mut Page, report: &Report) {
    let sheet = Sheet::of(report);
    let suites = sheet.suite_names();
    let mut head = "| variant | verdict | nodes |".to_owned();
    let mut rule = "|---|---|---:|".to_owned();
    for suite in &suites {
        let _ = write!(head, " {} |", escape(suite));
        rule.push_str("---|");
    }
    page.push(&format!("{head}\n{rule}\n"));
    for column in &sheet.columns {
        let nodes = column.variant.map_or_else(|| "–".to_owned(), |variant| variant.nodes.len().to_string());
        let standing = Standing::of(report, &column.subject);
        let mark = match standing {
            Standing::Passed => "✅",
            Standing::Failed => "❌",
            Standing::Broken | Standing::Error | Standing::Partly => "⚠️",
            Standing::Empty => "➖",
        };
        let mut row = format!("| {} | {mark} {} | {nodes} |", escape(column.subject.as_str()), standing.word());
        for suite in &suites {
            let counts = report.counts_where(|r| r.subject == column.subject && r.check.suite() == *suite);
            let _ = write!(row, " {} |", tally(counts));
        }
        row.push('\n');
        page.push(&row);
    }
    page.push("\n");
}

fn tally(counts: Counts) -> String {
    if counts.total() == 0 {
        return "–".to_owned();
    }
    if counts.total() == counts.not_applicable {
        return "n/a".to_owned();
    }
    let mut parts = vec![format!("{} passed", counts.passed + counts.flaky)];
    for (number, word) in [
        (counts.failed, "failed"),
        (counts.error, "error"),
        (counts.not_evaluated, "not evaluated"),
        (counts.manual, "manual"),
        (counts.waived, "waived"),
        (counts.known, "known"),
        (counts.tolerated, "tolerated"),
    ] {
        if number > 0 {
            parts.push(if word == "failed" { format!("**{number} {word}**") } else { format!("{number} {word}") });
        }
    }
    parts.join(", ")
}

fn push_scans(page: &mut Page, report: &Report) {
    let lines = scans::lines(report);
    if lines.is_empty() {
        return;
    }
    page.push("### Scans\n\n| subject | suite | scanner | benchmark | passed | failed | waived | tolerated | manual | not applicable | not evaluated | error | all |\n|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for line in lines {
        let counts = line.counts;
        let note = if line.note.is_empty() { String::new() } else { format!("<br>{}", escape(&line.note)) };
        page.push(&format!(
            "| {} | {} | {}{note} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            escape(&line.subject),
            escape(&line.suite),
            escape(&line.scanner),
            escape(&line.benchmark),
            counts.passed + counts.flaky,
            counts.failed + counts.known,
            counts.waived,
            counts.tolerated,
            counts.manual,
            counts.not_applicable,
            counts.not_evaluated,
            counts.error,
            counts.total()
        ));
    }
    page.push("\n");
}

fn push_waivers(page: &mut Page, report: &Report) {
    let lines = waivers::lines(report);
    if lines.is_empty() {
        return;
    }
    page.push("### Waivers to look at\n\n| state | scope | owner | |\n|---|---|---|---|\n");
    for line in lines {
        let (scope, owner) = (escape(&line.scope), escape(&line.owner));
        page.push(&format!("| {} | {scope} | {owner} | {} |\n", line.state, escape(&line.note)));
    }
    page.push("\n");
}

fn push_leftovers(page: &mut Page, report: &Report) {
    let leftovers = &report.cleanup.leftovers;
    if leftovers.is_empty() {
        return;
    }
    page.push(&format!("### ⚠️ Left behind: {} of {} made\n\n", leftovers.len(), report.cleanup.created));
    for leftover in leftovers {
        let what = escape(&format!("{} {}", leftover.kind, leftover.id));
        let block = format!(
            "- **{what}**: {}\n{}\n",
            limited(&leftover.reason),
            indented(&fence(&leftover.mend, DETAIL_LIMIT), "  ")
        );
        page.push(&block);
    }
    page.push("\n");
}

fn push_broken(page: &mut Page, report: &Report) {
    let mut subjects = vec![Subject::Cluster];
    subjects.extend(report.variants.iter().map(|variant| Subject::Variant(variant.name.clone())));
    let mut titled = false;
    for subject in &subjects {
        for (phase, message) in sheet::broken_phases(report, subject) {
            if !titled {
                page.push("### Broken phases\n\n");
                titled = true;
            }
            let place = escape(subject.as_str());
            page.push(&format!("- **{place}** at {}: {}\n", phase.phase.word(), limited(message)));
        }
    }
    if titled {
        page.push("\n");
    }
}

fn push_results(page: &mut Page, report: &Report, title: &str, wanted: Wanted) {
    let results: Vec<&CheckResult> = report.results.iter().filter(|result| wanted(&result.disposition)).collect();
    if results.is_empty() {
        return;
    }
    page.push(&format!("### {title} ({})\n\n", results.len()));
    for result in results {
        page.push(&details(result));
    }
    page.push("\n");
}

fn details(result: &CheckResult) -> String {
    let origin = result.origin.map(|origin| format!(" · {}", origin_word(origin))).unwrap_or_default();
    let mut block = format!(
        "<details><summary><b>{}</b> <code>{}</code>{origin}: {}</summary>\n\n",
        html(result.subject.as_str()),
        html(result.check.as_str()),
        html(&text::short_line(&sheet::reason(result), LINE_LIMIT)),
    );
    let _ = writeln!(block, "{}", limited(&result.title));
    if let Some(control) = &result.control {
        let _ = writeln!(block, "\nControl {}.", code(control.as_str()));
    }
    for finding in result.outcome.findings() {
        let _ = write!(block, "\n{}", finding_block(finding));
    }
    block.push_str("\n</details>\n");
    block
}

fn finding_block(finding: &Finding) -> String {
    let mut block = format!("**{}**: {}\n", limited(&finding.resource), limited(&finding.summary));
    for (label, words) in [("", &finding.detail), ("Remedy:\n\n", &finding.remediation)] {
        if !text::clean(words).trim().is_empty() {
            let _ = write!(block, "\n{label}{}", fence(words, DETAIL_LIMIT));
        }
    }
    block
}

/// One escaped line of at most [`LINE_LIMIT`] characters.
fn limited(text: &str) -> String {
    escape(&text::short_line(text, LINE_LIMIT))
}

/// Text inside a block of HTML, where Markdown means nothing and a backslash would be seen.
fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text::line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' | '#' => {
                out.push(c);
                out.push(UNLINKED);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Text as text: no Markdown, no HTML, no mention of a person, no reference to an issue, no end of a table cell.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text::line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '@' | '#' => {
                out.push(c);
                out.push(UNLINKED);
            }
            _ => out.push(c),
        }
    }
    out
}

/// The text as inline code, whatever it holds.
pub(crate) fn code(text: &str) -> String {
    let line = text::line(text).replace('|', "\\|");
    let ticks = "`".repeat(longest_run(&line, '`') + 1);
    if ticks.len() == 1 { format!("`{line}`") } else { format!("{ticks} {line} {ticks}") }
}

/// The text as a code block with a fence longer than any in it.
fn fence(text: &str, limit: usize) -> String {
    let clean = text::clean(text);
    let cut = text::head_and_tail(clean.trim_end(), limit, "see report.json");
    let ticks = "`".repeat((longest_run(&cut, '`') + 1).max(3));
    format!("{ticks}text\n{cut}\n{ticks}\n")
}

fn longest_run(text: &str, wanted: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn indented(block: &str, indent: &str) -> String {
    block.lines().map(|line| format!("{indent}{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_neither_markdown_nor_html_nor_a_mention() {
        assert_eq!(
            escape("a|b\n<img onerror=x> [l](u) **b** `c`"),
            "a\\|b &lt;img onerror=x&gt; \\[l\\](u) \\*\\*b\\*\\* \\`c\\`"
        );
        assert_eq!(escape("@org/team #12"), "@\u{200b}org/team #\u{200b}12");
    }

    #[test]
    fn code_and_fences_are_longer_than_what_they_hold() {
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(fence("````\nend", 100), "`````text\n````\nend\n`````\n");
    }

    #[test]
    fn a_page_stops_at_the_first_block_that_does_not_fit() {
        let mut page = Page::new();
        assert!(page.push("first\n"));
        assert!(!page.push(&"x".repeat(LIMIT)));
        assert!(!page.push("small\n"));
        let text = page.finish("see the rest");
        assert!(text.starts_with("first\n") && text.contains("see the rest") && !text.contains("small"));
    }
}
