//! The summary at the end of a run, for a terminal or a CI log. Readable at 80 columns, without colour, and in ASCII.

mod style;
mod table;

use std::collections::HashSet;
use std::fmt::Write as _;

use amiproof_model::judge::Disposition;
use amiproof_model::name::CheckId;
use amiproof_model::report::{CheckResult, Counts, Report, Subject};
use amiproof_model::threshold;

use crate::compare::{Comparison, compare};
use crate::csv::origin_word;
use crate::scans;
use crate::sheet::{self, Wanted};
use crate::text;
use crate::waivers;
pub use style::Style;
pub(crate) use style::{Ink, write_titled, write_wrapped};

/// The report as a summary for people, ending in a line feed.
pub fn render(report: &Report, baseline: Option<&Report>, style: &Style) -> String {
    let mut out = String::new();
    write_heading(&mut out, report, style);
    out.push_str(&table::matrix(report, style));
    out.push('\n');
    write_broken(&mut out, report, style);
    let comparison = baseline.map(|baseline| compare(baseline, report));
    let sections: [(&str, Ink, Wanted); 3] = [
        ("failed", Ink::Bad, |disposition| matches!(disposition, Disposition::Failed)),
        ("error: amiproof could not decide", Ink::Doubt, |disposition| matches!(disposition, Disposition::Error)),
        ("flaky: passed on a retry", Ink::Doubt, |disposition| matches!(disposition, Disposition::Flaky)),
    ];
    for (title, ink, wanted) in sections {
        let results = report.results.iter().filter(|result| wanted(&result.disposition));
        write_results(&mut out, style, (title, ink), results.collect(), comparison.as_ref());
    }
    let gaps = threshold::gaps(report).collect();
    write_results(&mut out, style, ("scans with a gap: not everything was evaluated", Ink::Doubt), gaps, None);
    write_scans(&mut out, report, style);
    write_waivers(&mut out, report, style);
    write_leftovers(&mut out, report, style);
    if let Some(comparison) = comparison {
        write_wrapped(&mut out, style, 0, &comparison.headline(), usize::MAX);
        out.push('\n');
    }
    write_closing(&mut out, report, style);
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
        out.push_str("The lab answered instead of AWS: this is a simulation.\n");
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
        let place = format!(" {} after {}", phase.phase.word(), text::duration(phase.seconds));
        write_titled(out, style, 2, subject.as_str(), &place);
        write_wrapped(out, style, 4, message, 3);
    }
    out.push('\n');
}

fn write_results(
    out: &mut String,
    style: &Style,
    (title, ink): (&str, Ink),
    mut results: Vec<&CheckResult>,
    comparison: Option<&Comparison>,
) {
    if results.is_empty() {
        return;
    }
    let news: HashSet<(&Subject, &CheckId)> =
        comparison.into_iter().flat_map(Comparison::news).map(|change| (&change.subject, &change.check)).collect();
    let is_news = |result: &CheckResult| news.contains(&(&result.subject, &result.check));
    results.sort_by_key(|result| !is_news(result));
    let _ = writeln!(out, "{}", style.paint(ink, &format!("{title} ({})", results.len())));
    for result in results.iter().take(style.limit) {
        let origin = result.origin.map(|origin| format!(" [{}]", origin_word(origin))).unwrap_or_default();
        let mark = if is_news(result) { " NEW" } else { "" };
        write_titled(out, style, 2, result.subject.as_str(), &format!("{}{origin}{mark}", result.check));
        write_wrapped(out, style, 4, &sheet::reason(result), 2);
    }
    if results.len() > style.limit {
        let _ = writeln!(out, "  and {} more: see matrix.html", results.len() - style.limit);
    }
    out.push('\n');
}

fn write_scans(out: &mut String, report: &Report, style: &Style) {
    let lines = scans::lines(report);
    if lines.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}", style.paint(Ink::Strong, &format!("scans ({})", lines.len())));
    for line in lines {
        let by = if line.benchmark.is_empty() { String::new() } else { format!(", {}", line.benchmark) };
        write_titled(out, style, 2, &line.subject, &format!("{} by {}{by}", line.suite, line.scanner));
        write_wrapped(out, style, 4, &line.sentence(), 3);
        if !line.note.is_empty() {
            write_wrapped(out, style, 4, &line.note, 2);
        }
    }
    out.push('\n');
}

fn write_waivers(out: &mut String, report: &Report, style: &Style) {
    let lines = waivers::lines(report);
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", style.paint(Ink::Doubt, &format!("waivers to look at ({})", lines.len())));
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

fn write_leftovers(out: &mut String, report: &Report, style: &Style) {
    let cleanup = &report.cleanup;
    if cleanup.leftovers.is_empty() {
        return;
    }
    let title = format!("left behind ({} of {} made)", cleanup.leftovers.len(), cleanup.created);
    let _ = writeln!(out, "{}", style.paint(Ink::Bad, &title));
    for leftover in &cleanup.leftovers {
        write_titled(out, style, 2, &leftover.kind, &leftover.id);
        write_wrapped(out, style, 4, &leftover.reason, 2);
        // Never wrapped and never cut: it is there to be copied.
        let _ = writeln!(out, "    {}", style.line(&leftover.mend));
    }
    out.push('\n');
}

fn write_closing(out: &mut String, report: &Report, style: &Style) {
    let (run, cleanup, counts) = (&report.run, &report.cleanup, report.counts());
    let words = counts_sentence(counts);
    let results = text::count(counts.total(), "result");
    let results = if words.is_empty() { results } else { format!("{results}: {words}") };
    write_wrapped(out, style, 0, &results, usize::MAX);
    let mut times =
        format!("took {}, critical path {}", text::duration(run.seconds), text::duration(run.critical_path_seconds));
    if run.critical_path_seconds > 0.0 && run.seconds.is_finite() {
        let _ = write!(times, " ({:.2} times)", run.seconds / run.critical_path_seconds);
    }
    write_wrapped(out, style, 0, &times, usize::MAX);
    let made = text::count(cleanup.created, "resource");
    if cleanup.ran {
        let _ = writeln!(out, "made {made}, {} verified gone", cleanup.gone);
    } else if cleanup.created > 0 {
        let _ = writeln!(out, "made {made}, kept on purpose");
    }
    if run.interrupted {
        let _ = writeln!(out, "{}", style.paint(Ink::Doubt, "interrupted: the results above are not complete"));
    }
}

/// `3 failed, 1 error, 40 passed`: what is zero is not said, what is worst comes first.
pub(crate) fn counts_sentence(counts: Counts) -> String {
    [
        (counts.failed, "failed"),
        (counts.error, "error"),
        (counts.not_evaluated, "not evaluated"),
        (counts.manual, "manual"),
        (counts.flaky, "flaky"),
        (counts.waived, "waived"),
        (counts.known, "known"),
        (counts.tolerated, "tolerated"),
        (counts.not_applicable, "not applicable"),
        (counts.passed, "passed"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| format!("{number} {word}"))
    .collect::<Vec<_>>()
    .join(", ")
}
