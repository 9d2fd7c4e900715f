//! The summary at the end of a run, for a terminal or a CI log. Readable at 80 columns, without colour, and in ASCII.
//!
//! The verdict comes last, because the end of a long text is what stays on the screen: first what went wrong one by one, then the
//! scans, then the table of variants with their verdicts, then the verdict of the run.

mod decisions;
pub(crate) mod style;
mod table;

use std::fmt::Write as _;

use amiproof_model::report::{CheckResult, Report, Subject};

pub use self::style::Style;
use self::style::ink;
pub(crate) use self::style::{Ink, write_titled, write_wrapped};
use crate::context::{Context, class, sentence};
use crate::origin::origin_word;
use crate::scans::Numbered;
use crate::sheet::{self, IsMeant, Sheet, Status};
use crate::{cost, text, waivers};

/// The report as a text summary, ending in a line feed.
pub fn render(report: &Report, baseline: Option<&Report>, style: &Style) -> String {
    of(&Context::of(report, baseline), style)
}

/// As [`render`].
pub(crate) fn of(context: &Context<'_>, style: &Style) -> String {
    let report = &*context.report;
    let sheet = Sheet::of(report);
    let mut out = String::new();
    write_heading(&mut out, report, style);
    decisions::write(&mut out, context, &sheet, style);
    write_broken(&mut out, report, style);
    let sections: [(&str, Ink, IsMeant); 3] = [
        ("failed", Ink::Bad, |status| status == Status::Failed),
        ("inconclusive", Ink::Doubt, Status::is_undecided),
        ("flaky: passed on a retry", Ink::Doubt, |status| status == Status::Flaky),
    ];
    for (title, ink, wanted) in sections {
        write_results(&mut out, style, (title, ink), context, &sheet, wanted);
    }
    write_scans(&mut out, report, style);
    write_waivers(&mut out, report, style);
    write_leftovers(&mut out, report, style);
    write_not_verified(&mut out, report, style);
    write_numbers(&mut out, context, &sheet, style);
    out.push_str(&table::matrix(context, &sheet, style));
    write_verdict(&mut out, context, style);
    out
}

/// Only the conclusion of the run with its exit code: the last lines of [`render`].
pub fn verdict(report: &Report, baseline: Option<&Report>, style: &Style) -> String {
    let mut out = String::new();
    write_verdict(&mut out, &Context::of(report, baseline), style);
    out
}

fn write_heading(out: &mut String, report: &Report, style: &Style) {
    let cluster = &report.cluster;
    let place: Vec<&str> =
        [cluster.region.as_str(), cluster.account.as_str()].into_iter().filter(|place| !place.is_empty()).collect();
    let place = if place.is_empty() { String::new() } else { format!(" in {}", place.join(", ")) };
    let words = format!("{} on cluster {}{place}, Kubernetes {}", report.run.id, cluster.name, cluster.kubernetes());
    write_titled(out, style, 0, &report.run.matrix, &words);
    if cluster.lab {
        out.push_str("Simulated run: the embedded lab, not AWS.\n");
    }
    out.push('\n');
}

fn write_broken(out: &mut String, report: &Report, style: &Style) {
    let mut subjects: Vec<Subject> = vec![Subject::Cluster];
    subjects.extend(report.variants.iter().map(|variant| Subject::Variant(variant.name.clone())));
    let broken: Vec<_> = subjects
        .iter()
        .flat_map(|subject| sheet::broken_phases(report, subject).map(move |phase| (subject, phase)))
        .collect();
    if broken.is_empty() {
        return;
    }
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{}", style.paint(Ink::Doubt, &format!("broken ({})", broken.len())));
    for (subject, (phase, message)) in broken {
        let place = format!(" {} after {}", phase.phase.as_str(), text::duration(phase.seconds));
        write_titled(out, style, 2, subject.as_str(), &place);
        write_wrapped(out, style, 4, message, 3);
    }
    out.push('\n');
}

/// The wanted cells: those that are worse than in the baseline first, and of every variant some.
fn write_results(
    out: &mut String,
    style: &Style,
    (title, ink): (&str, Ink),
    context: &Context<'_>,
    sheet: &Sheet<'_>,
    wanted: IsMeant,
) {
    let all: Vec<Vec<&CheckResult>> =
        (0..sheet.columns.len()).map(|at| context.worse_first(sheet.listed(at, wanted))).collect();
    let number: usize = all.iter().map(Vec::len).sum();
    if number == 0 {
        return;
    }
    // What one cause explains is one entry.
    let columns: Vec<Vec<&CheckResult>> = all
        .iter()
        .map(|results| results.iter().copied().filter(|result| context.report.explained_by(result).is_none()).collect())
        .collect();
    let news: usize = all.iter().flatten().filter(|result| context.is_new(result)).count();
    let new = if news > 0 { format!(", {news} of them new") } else { String::new() };
    let _ = writeln!(out, "{}", style.paint(ink, &format!("{title} ({number}{new})")));
    let shown = dealt(&columns, style.limit, |result| context.is_new(result));
    for ((results, count), whole) in columns.iter().zip(shown).zip(&all) {
        decisions::write_causes(out, context, whole, style);
        for result in results.iter().take(count) {
            let origin = result.origin.map(|origin| format!(" [{}]", origin_word(origin))).unwrap_or_default();
            let mark = if context.is_new(result) { " NEW" } else { "" };
            write_titled(out, style, 2, result.subject.as_str(), &format!("{}{origin}{mark}", result.check));
            write_wrapped(out, style, 4, &sheet::reason(result), 2);
        }
        if results.len() > count
            && let Some(result) = results.first()
        {
            let more = format!("and {} more of {}: see matrix.html", results.len() - count, result.subject.as_str());
            write_wrapped(out, style, 2, &more, 2);
        }
    }
    out.push('\n');
}

/// How many results of each column are shown: all that are new as far as they fit, then one of each column in turn.
fn dealt(columns: &[Vec<&CheckResult>], limit: usize, is_new: impl Fn(&CheckResult) -> bool) -> Vec<usize> {
    let mut shown = vec![0; columns.len()];
    let mut left = limit;
    for news in [true, false] {
        loop {
            let before = left;
            for (results, shown) in columns.iter().zip(&mut shown) {
                let next = results.get(*shown).filter(|result| !news || is_new(result));
                if left > 0 && next.is_some() {
                    (*shown, left) = (*shown + 1, left - 1);
                }
            }
            if left == before {
                break;
            }
        }
    }
    shown
}

fn write_scans(out: &mut String, report: &Report, style: &Style) {
    let scans = Numbered::of(report);
    if scans.lines.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}", style.paint(Ink::Strong, &format!("scans ({})", scans.lines.len())));
    for (line, note) in &scans.lines {
        let by = if line.benchmark.is_empty() { String::new() } else { format!(", {}", line.benchmark) };
        let note = note.map(|number| format!(" ({number})")).unwrap_or_default();
        write_titled(out, style, 2, &line.subject, &format!("{} by {}{by}{note}", line.suite, line.scanner));
        write_wrapped(out, style, 4, &line.sentence(), 3);
    }
    for (number, note) in (1..).zip(&scans.notes) {
        write_wrapped(out, style, 2, &format!("({number}) {note}"), 3);
    }
    out.push('\n');
}

fn write_waivers(out: &mut String, report: &Report, style: &Style) {
    let lines = waivers::lines(report);
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", style.paint(Ink::Doubt, &format!("waivers to review ({})", lines.len())));
    for line in lines.iter().take(style.limit) {
        write_titled(out, style, 2, line.state, &format!("{} ({})", line.scope, line.owner));
        write_wrapped(out, style, 4, &line.note, 2);
    }
    if lines.len() > style.limit {
        let _ =
            writeln!(out, "  and {} more: amiproof waiver audit --run {}", lines.len() - style.limit, report.run.id);
    }
    out.push('\n');
}

/// What the teardown could not verify: nothing else says why such a run is inconclusive.
fn write_not_verified(out: &mut String, report: &Report, style: &Style) {
    let sentences: Vec<String> = report.cleanup.not_verified().collect();
    if sentences.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", style.paint(Ink::Bad, &format!("not verified ({})", sentences.len())));
    for sentence in &sentences {
        write_wrapped(out, style, 2, sentence, 3);
    }
    out.push('\n');
}

fn write_leftovers(out: &mut String, report: &Report, style: &Style) {
    let cleanup = &report.cleanup;
    if cleanup.leftovers.is_empty() {
        return;
    }
    let title = format!("left behind ({} of {} created)", cleanup.leftovers.len(), cleanup.created);
    let _ = writeln!(out, "{}", style.paint(Ink::Bad, &title));
    for leftover in &cleanup.leftovers {
        write_titled(out, style, 2, &leftover.kind, &leftover.id);
        write_wrapped(out, style, 4, &leftover.reason, 2);
        // Never wrapped and never cut: it is there to be copied.
        let _ = writeln!(out, "    {}", style.line(&leftover.help));
    }
    out.push('\n');
}

/// Counts, times and resources: the part above the table of verdicts.
fn write_numbers(out: &mut String, context: &Context<'_>, sheet: &Sheet<'_>, style: &Style) {
    let report = &*context.report;
    let (run, cleanup, tally) = (&report.run, &report.cleanup, sheet.tally());
    let words = tally.sentence();
    let results = text::count(tally.total(), "result");
    let results = if words.is_empty() { results } else { format!("{results}: {words}") };
    write_wrapped(out, style, 0, &results, usize::MAX);
    let mut times = format!("took {}", text::duration(run.seconds));
    if let Some(path) = run.critical_path() {
        let (length, ratio) = (text::duration(path), run.seconds / path);
        let _ = write!(times, ", critical path {length} ({ratio:.2} times the critical path)");
    }
    write_wrapped(out, style, 0, &times, usize::MAX);
    let made = text::count(cleanup.created, "resource");
    if cleanup.ran {
        let _ = writeln!(out, "created {made}, deleted {}", cleanup.deleted);
    } else if cleanup.created > 0 {
        let kept = text::count(cleanup.created.saturating_sub(cleanup.deleted), "resource");
        let _ = match cleanup.deleted {
            0 => writeln!(out, "created {made}, kept on purpose"),
            deleted => writeln!(out, "keeps {kept} on purpose ({} created so far, {deleted} deleted)", cleanup.created),
        };
    }
    if let Some(sentence) = cost::sentence(report) {
        write_wrapped(out, style, 0, &sentence, usize::MAX);
        let shares = cost::by_variant(report);
        if !shares.is_empty() {
            write_wrapped(out, style, 2, &shares, usize::MAX);
        }
    }
    out.push('\n');
}

/// The last line: the conclusion of the run with its reason and exit code.
fn write_verdict(out: &mut String, context: &Context<'_>, style: &Style) {
    if let Some(comparison) = &context.comparison {
        write_wrapped(out, style, 0, &comparison.headline(), usize::MAX);
    }
    if context.report.run.interrupted {
        let _ = writeln!(out, "{}", style.paint(Ink::Doubt, "interrupted: the results above are not complete"));
    }
    let verdict = context.verdict();
    for note in &verdict.notes {
        write_wrapped(out, style, 0, note, 3);
    }
    let word = verdict.conclusion.as_str();
    let line = format!("{} (exit code {})", sentence(&verdict), verdict.conclusion.exit_code().code());
    let mut lines = String::new();
    write_wrapped(&mut lines, style, 0, &line, usize::MAX);
    let _ = match lines.strip_prefix(word) {
        Some(rest) => write!(out, "{}{rest}", style.paint(ink(class(verdict.conclusion)), word)),
        None => write!(out, "{lines}"),
    };
}
