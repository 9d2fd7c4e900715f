//! Markdown for a pull request or a step summary: failures first, within GitHub's limit.

pub(crate) mod page;
mod results;

use std::fmt::Write as _;

use amiproof_model::report::{Report, Subject};

pub use self::page::LIMIT;
pub(crate) use self::page::{Page, code, escape};
use self::page::{fence, indented};
use self::results::limited;
use crate::cause::cause_line;
use crate::compare::comparison::Comparison;
use crate::compare::state::Change;
use crate::context::{Context, mark, sentence};
use crate::decisions::Decisions;
use crate::scans::Numbered;
use crate::sheet::{self, Sheet, Status, Tally};
use crate::{cost, text, waivers};

/// The most bytes of a command or a message in a list.
const DETAIL_LIMIT: usize = 1_500;

/// The report as GitHub-flavoured Markdown, at most [`LIMIT`] bytes. With a baseline, what is worse than in it comes first.
pub fn render(report: &Report, baseline: Option<&Report>) -> String {
    of(&Context::of(report, baseline))
}

/// As [`render`].
pub(crate) fn of(context: &Context<'_>) -> String {
    let report = &*context.report;
    let sheet = Sheet::of(report);
    let mut page = Page::new();
    page.push(&heading(context, &sheet));
    push_decisions(&mut page, context, &sheet);
    push_table(&mut page, context, &sheet);
    if let Some(comparison) = &context.comparison {
        push_since(&mut page, comparison);
    }
    push_leftovers(&mut page, report);
    push_not_verified(&mut page, report);
    push_broken(&mut page, report);
    // What is below the results is short; its space is reserved.
    let mut tail = Page::new();
    push_tail(&mut tail, report);
    page.keep(tail.finish("").len().min(TAIL));
    results::push(&mut page, context, &sheet);
    page.keep(0);
    push_tail(&mut page, report);
    page.finish("`matrix.html` and `report.json` of the run contain everything.")
}

/// The most bytes that results leave for what is below them.
const TAIL: usize = 12 * 1024;

fn heading(context: &Context<'_>, sheet: &Sheet<'_>) -> String {
    let report = &*context.report;
    let (run, cluster) = (&report.run, &report.cluster);
    let verdict = context.verdict();
    let mut heading =
        format!("## {} {}: {}\n\n", mark(verdict.conclusion), escape(&run.matrix), escape(&sentence(&verdict)));
    for note in &verdict.notes {
        let _ = writeln!(heading, "- {}", escape(note));
    }
    if !verdict.notes.is_empty() {
        heading.push('\n');
    }
    let words = sheet.tally().sentence();
    let path = run.critical_path().map(|path| format!(" (critical path {})", text::duration(path)));
    let path = path.unwrap_or_default();
    let _ = write!(
        heading,
        "{}. Run `{}` on cluster {}, Kubernetes {}, {}; took {}{path}.\n\n",
        if words.is_empty() { "No results".to_owned() } else { words },
        run.id,
        code(&cluster.name),
        cluster.kubernetes(),
        text::moment(run.started),
        text::duration(run.seconds),
    );
    if let Some(sentence) = cost::sentence(report) {
        let shares = cost::by_variant(report);
        let shares = if shares.is_empty() { shares } else { format!(" ({})", escape(&shares)) };
        let _ = write!(heading, "It {}{shares}.\n\n", escape(&sentence));
    }
    if cluster.lab {
        heading.push_str("> [!NOTE]\n> Simulated run: the embedded lab, not AWS.\n\n");
    }
    if run.interrupted {
        heading.push_str("> [!WARNING]\n> The run was interrupted: these results are not complete.\n\n");
    }
    heading
}

/// Which candidates may ship; of the others the causes, and what else failed.
fn push_decisions(page: &mut Page, context: &Context<'_>, sheet: &Sheet<'_>) {
    let decisions = Decisions::of(context, sheet);
    if decisions.candidates.is_empty() {
        return;
    }
    page.push(&format!("### {}\n\n", escape(&decisions.headline())));
    for candidate in &decisions.candidates {
        let mark = mark(candidate.verdict.conclusion);
        let rest = candidate.rest();
        let mut block = format!("- {mark} **{}** {}", escape(candidate.name), candidate.decision.as_str());
        block.push('\n');
        for cause in candidate.causes {
            let _ = writeln!(block, "  - {}", limited(&cause_line(cause)));
            let _ = writeln!(block, "    - {}", limited(&cause.evidence()));
            for help in &cause.help {
                let _ = writeln!(block, "    - {}", limited(help));
            }
        }
        for line in rest {
            let _ = writeln!(block, "  - {}", limited(&line));
        }
        page.push(&block);
    }
    page.push("\n");
}

fn push_table(page: &mut Page, context: &Context<'_>, sheet: &Sheet<'_>) {
    let suites = sheet.suite_names();
    let mut head = "| variant | verdict | nodes |".to_owned();
    let mut rule = "|---|---|---:|".to_owned();
    for suite in &suites {
        let _ = write!(head, " {} |", escape(suite));
        rule.push_str("---|");
    }
    page.push(&format!("{head}\n{rule}\n"));
    let mut seen = Tally::default();
    for (at, column) in sheet.columns.iter().enumerate() {
        let nodes = column.variant.map_or_else(|| "–".to_owned(), |variant| variant.nodes.len().to_string());
        let verdict = context.verdict_of(&column.subject);
        let mut row = format!(
            "| {} | {} {} | {nodes} |",
            escape(column.subject.as_str()),
            mark(verdict.conclusion),
            limited(&sentence(&verdict)),
        );
        for suite in &suites {
            let tally = sheet.tally_in(at, suite);
            tally.parts().for_each(|(status, _)| seen.add(status));
            let _ = write!(row, " {} |", figures(&tally));
        }
        row.push('\n');
        page.push(&row);
    }
    let legend: Vec<String> = seen.parts().map(|(status, _)| format!("{} {}", sign(status), status.as_str())).collect();
    page.push(&format!("\n{}\n\n", legend.join(", ")));
}

/// `**✕ 1** ? 2 ✓ 44`: narrow, so that a row of suites fits on a page.
fn figures(tally: &Tally) -> String {
    if tally.total() == 0 {
        return "–".to_owned();
    }
    let shown = tally.parts().map(|(status, number)| {
        let figure = format!("{} {number}", sign(status));
        if status == Status::Failed || status.is_undecided() { format!("**{figure}**") } else { figure }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// The symbol, where Markdown takes it for text.
fn sign(status: Status) -> String {
    escape(status.symbol())
}

/// The regressions by name, with the changes of the nodes.
fn push_since(page: &mut Page, comparison: &Comparison) {
    let mark = if comparison.has_regression() { "❌ Regression" } else { "✅ No regression" };
    page.push(&format!("### {mark} {}\n\n", escape(&comparison.headline())));
    for change in Change::ALL.iter().copied().filter(|change| change.is_worse()) {
        for (subject, changes) in comparison.by_subject(change) {
            let mut block = String::new();
            for one in changes.iter().take(NEWS) {
                let why = limited(&one.reason);
                let why = if why.is_empty() { why } else { format!(": {why}") };
                let _ = writeln!(
                    block,
                    "- **{}** {} {}{why}",
                    escape(subject.as_str()),
                    code(one.check.as_str()),
                    change.as_str()
                );
            }
            if changes.len() > NEWS {
                let _ = writeln!(block, "- and {} more of {}", changes.len() - NEWS, escape(subject.as_str()));
            }
            for fact in comparison.facts_of(subject).iter().take(NEWS) {
                let _ = writeln!(block, "  - changed: {}", limited(&fact.sentence()));
            }
            page.push(&block);
        }
    }
    page.push("\n");
}

/// How many changes of a variant and how many of its facts are named below the headline.
const NEWS: usize = 10;

/// The part below the results.
fn push_tail(page: &mut Page, report: &Report) {
    push_scans(page, report);
    push_waivers(page, report);
}

fn push_scans(page: &mut Page, report: &Report) {
    let scans = Numbered::of(report);
    if scans.lines.is_empty() {
        return;
    }
    let statuses = scans.statuses();
    let mut head = "### Scans\n\n| subject | suite | scanner | benchmark | all |".to_owned();
    let mut rule = "|---|---|---|---|---:|".to_owned();
    for status in &statuses {
        let _ = write!(head, " {} |", status.as_str());
        rule.push_str("---:|");
    }
    page.push(&format!("{head}\n{rule}\n"));
    for (line, note) in &scans.lines {
        let note = note.map(|number| format!(" ({number})")).unwrap_or_default();
        let mut row = format!(
            "| {} | {} | {}{note} | {} | {} |",
            escape(&line.subject),
            escape(&line.suite),
            escape(&line.scanner),
            escape(&line.benchmark),
            line.tally.total()
        );
        for status in &statuses {
            let _ = write!(row, " {} |", line.tally.get(*status));
        }
        row.push('\n');
        page.push(&row);
    }
    page.push("\n");
    for (number, note) in (1..).zip(&scans.notes) {
        page.push(&format!("{number}. {}\n", limited(note)));
    }
    page.push("\n");
}

fn push_waivers(page: &mut Page, report: &Report) {
    let lines = waivers::lines(report);
    if lines.is_empty() {
        return;
    }
    page.push("### Waivers to review\n\n| state | scope | owner | |\n|---|---|---|---|\n");
    for line in lines {
        let (scope, owner) = (escape(&line.scope), escape(&line.owner));
        page.push(&format!("| {} | {scope} | {owner} | {} |\n", line.state, escape(&line.note)));
    }
    page.push("\n");
}

fn push_not_verified(page: &mut Page, report: &Report) {
    let sentences: Vec<String> = report.cleanup.not_verified().collect();
    if sentences.is_empty() {
        return;
    }
    page.push(&format!("### ⚠️ Not verified: {}\n\n", sentences.len()));
    for sentence in &sentences {
        page.push(&format!("- {}\n", limited(sentence)));
    }
    page.push("\n");
}

fn push_leftovers(page: &mut Page, report: &Report) {
    let leftovers = &report.cleanup.leftovers;
    if leftovers.is_empty() {
        return;
    }
    page.push(&format!("### ⚠️ Left behind: {} of {} created\n\n", leftovers.len(), report.cleanup.created));
    for leftover in leftovers {
        let what = escape(&format!("{} {}", leftover.kind, leftover.id));
        let block = format!(
            "- **{what}**: {}\n{}\n",
            limited(&leftover.reason),
            indented(&fence(&leftover.help, DETAIL_LIMIT), "  ")
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
                page.push("### Phase errors\n\n");
                titled = true;
            }
            let place = escape(subject.as_str());
            page.push(&format!("- **{place}** at {}: {}\n", phase.phase.as_str(), limited(message)));
        }
    }
    if titled {
        page.push("\n");
    }
}
