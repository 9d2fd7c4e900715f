//! A comparison for people at a terminal.

use std::fmt::Write as _;

use super::{Change, Comparison, ResultChange, VariantChange};
use crate::csv::origin_word;
use crate::terminal::{Ink, Style, write_titled, write_wrapped};

/// The comparison as text, ending in a line feed.
pub(super) fn render(comparison: &Comparison, style: &Style) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail, here and below.
    let (base, candidate) = (&comparison.base, &comparison.candidate);
    let _ =
        writeln!(out, "{} {}", style.paint(Ink::Strong, candidate.run.as_str()), style.line(&comparison.headline()));
    if base.kubernetes_version != candidate.kubernetes_version {
        let _ = writeln!(out, "Kubernetes {}, was {}", candidate.kubernetes_version, base.kubernetes_version);
    }
    out.push('\n');
    for change in Change::ALL {
        write_change(&mut out, comparison, change, style);
    }
    write_benchmarks(&mut out, comparison);
    if !comparison.suites_not_run.is_empty() {
        let _ = writeln!(out, "not compared: the candidate did not run {}\n", comparison.suites_not_run.join(", "));
    }
    for variant in &comparison.variants {
        write_variant(&mut out, variant, style);
    }
    let verdict = if comparison.has_regression() {
        style.paint(Ink::Bad, "regression")
    } else {
        style.paint(Ink::Good, "no regression")
    };
    let _ = writeln!(out, "{verdict}; {} unchanged", comparison.unchanged);
    out
}

fn write_change(out: &mut String, comparison: &Comparison, change: Change, style: &Style) {
    let all: Vec<&ResultChange> = comparison.changes.iter().filter(|one| one.change == change).collect();
    if all.is_empty() {
        return;
    }
    let ink = match change {
        Change::NewFailure => Ink::Bad,
        Change::Fixed | Change::NewlyDecided => Ink::Good,
        Change::StillFailing | Change::Appeared | Change::NewlyWaived => Ink::Faint,
        _ => Ink::Doubt,
    };
    let title = format!("{} ({}): {}", change.word(), all.len(), change.meaning());
    let _ = writeln!(out, "{}", style.paint(ink, &title));
    for one in all.iter().take(style.limit) {
        let origin = one.origin.map(|origin| format!(" [{}]", origin_word(origin))).unwrap_or_default();
        let words = format!("{} {} -> {}{origin}", one.check, one.base.word(), one.candidate.word());
        write_titled(out, style, 2, one.subject.as_str(), &words);
        // What is fixed or gone needs no reason: it would be that of the base, which no longer holds.
        if !matches!(change, Change::Fixed | Change::Disappeared | Change::NewlyDecided) {
            write_wrapped(out, style, 4, &one.reason, 2);
        }
    }
    if all.len() > style.limit {
        let _ = writeln!(out, "  and {} more", all.len() - style.limit);
    }
    out.push('\n');
}

fn write_benchmarks(out: &mut String, comparison: &Comparison) {
    for one in &comparison.benchmarks {
        let _ = writeln!(
            out,
            "{}/{}: benchmark changed from {} to {}, not compared: {} controls went ({} failing), {} came ({} failing)\n",
            one.subject.as_str(),
            one.suite,
            one.from,
            one.to,
            one.disappeared,
            one.disappeared_failing,
            one.appeared,
            one.appeared_failing,
        );
    }
}

fn write_variant(out: &mut String, variant: &VariantChange, style: &Style) {
    let mut title = style.paint(Ink::Strong, variant.variant.as_str());
    let presence = variant.presence.sentence();
    if !presence.is_empty() {
        let _ = write!(title, "  {presence}");
    }
    let _ = writeln!(out, "{title}");
    if let Some(broken) = &variant.newly_broken {
        let _ = writeln!(out, "  {}", style.paint(Ink::Doubt, "newly broken"));
        write_wrapped(out, style, 4, broken, 2);
    }
    for fact in variant.facts.iter().take(style.limit) {
        let shown = |value: &str| if value.is_empty() { "none".to_owned() } else { style.line(value) };
        let _ = writeln!(out, "  {}: {} -> {}", style.line(&fact.fact), shown(&fact.base), shown(&fact.candidate));
    }
    if variant.facts.len() > style.limit {
        let _ = writeln!(out, "  and {} more facts", variant.facts.len() - style.limit);
    }
    out.push('\n');
}
