//! A comparison for people at a terminal.

use std::collections::HashSet;
use std::fmt::Write as _;

use amiproof_model::report::Subject;

use super::comparison::Comparison;
use super::facts::{FactChange, VariantChange};
use super::state::{Change, State};
use crate::origin::origin_word;
use crate::terminal::style::{Ink, Style, write_titled, write_wrapped};
use crate::text;

/// How many changed facts are shown with the failures of a variant.
const FACTS: usize = 8;

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
    for (variant, line, values) in comparison.cause_lines() {
        write_titled(&mut out, style, 0, variant, &line);
        write_wrapped(&mut out, style, 2, &values, 2);
    }
    if !comparison.cause_lines().is_empty() {
        out.push('\n');
    }
    let mut reported = HashSet::new();
    for &change in Change::ALL {
        write_change(&mut out, comparison, change, style, &mut reported);
    }
    write_caveats(&mut out, comparison, style);
    for variant in &comparison.variants {
        write_variant(&mut out, variant, style, &reported);
    }
    let verdict = if comparison.has_regression() {
        style.paint(Ink::Bad, "regression")
    } else {
        style.paint(Ink::Good, "no regression")
    };
    let _ = writeln!(out, "{verdict}; {} unchanged", comparison.unchanged);
    out
}

/// The changes of one kind. For changes for the worse it adds what is different about the variant's nodes.
fn write_change<'a>(
    out: &mut String,
    comparison: &'a Comparison,
    change: Change,
    style: &Style,
    reported: &mut HashSet<&'a Subject>,
) {
    let groups = comparison.by_subject(change);
    if groups.is_empty() {
        return;
    }
    let ink = match change {
        Change::NewFailure | Change::AppearedFailing => Ink::Bad,
        Change::Fixed | Change::NewlyDecided => Ink::Good,
        Change::StillFailing | Change::Appeared | Change::NewlyWaived => Ink::Faint,
        _ => Ink::Doubt,
    };
    let title = format!("{} ({}): {}", change.as_str(), comparison.count(change), change.meaning());
    let _ = writeln!(out, "{}", style.paint(ink, &title));
    let mut space = style.limit;
    for (subject, all) in groups {
        for one in all.iter().take(space) {
            let origin = one.origin.map(|origin| format!(" [{}]", origin_word(origin))).unwrap_or_default();
            // The heading already says what is still failing.
            let states = match (one.base, one.candidate) {
                (State::Failing, State::Failing) => String::new(),
                (base, candidate) => format!(" {} -> {}", base.as_str(), candidate.as_str()),
            };
            write_titled(out, style, 2, subject.as_str(), &format!("{}{states}{origin}", one.check));
            // What is fixed or gone needs no reason: it would be that of the baseline, which no longer holds.
            if !matches!(change, Change::Fixed | Change::Disappeared | Change::NewlyDecided) {
                write_wrapped(out, style, 4, &one.reason, 2);
            }
        }
        space = space.saturating_sub(all.len());
        let facts = comparison.facts_of(subject);
        if change.is_worse() && !facts.is_empty() && reported.insert(subject) {
            let _ = writeln!(out, "  changed on {}:", style.paint(Ink::Strong, &style.line(subject.as_str())));
            write_facts(out, facts, FACTS, style);
        }
    }
    let number = comparison.count(change);
    if number > style.limit {
        let _ = writeln!(out, "  and {} more", number - style.limit);
    }
    out.push('\n');
}

fn write_facts(out: &mut String, facts: &[FactChange], limit: usize, style: &Style) {
    for fact in facts.iter().take(limit) {
        write_wrapped(out, style, 4, &fact.sentence(), 2);
    }
    if facts.len() > limit {
        let _ = writeln!(out, "    and {}", text::count(facts.len() - limit, "more fact"));
    }
}

/// What the runs did not test in the same way.
fn write_caveats(out: &mut String, comparison: &Comparison, style: &Style) {
    for (compared, title) in [(false, "not comparable"), (true, "compared, although the runs differ")] {
        let lines = comparison.caveat_lines(compared);
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(out, "{}", style.paint(Ink::Doubt, &format!("{title} ({})", lines.len())));
        lines.iter().take(style.limit).for_each(|line| write_wrapped(out, style, 2, line, 2));
        if lines.len() > style.limit {
            let _ = writeln!(out, "  and {} more", lines.len() - style.limit);
        }
        out.push('\n');
    }
}

/// What is different about a variant that had no bad news.
fn write_variant(out: &mut String, variant: &VariantChange, style: &Style, reported: &HashSet<&Subject>) {
    let presence = variant.presence.sentence();
    let facts =
        if reported.contains(&Subject::Variant(variant.variant.clone())) { &[] } else { variant.facts.as_slice() };
    if presence.is_empty() && variant.newly_broken.is_none() && facts.is_empty() {
        return;
    }
    let mut title = style.paint(Ink::Strong, variant.variant.as_str());
    if !presence.is_empty() {
        let _ = write!(title, "  {presence}");
    }
    let _ = writeln!(out, "{title}");
    if let Some(broken) = &variant.newly_broken {
        let _ = writeln!(out, "  {}", style.paint(Ink::Doubt, "newly broken"));
        write_wrapped(out, style, 4, broken, 2);
    }
    write_facts(out, facts, style.limit, style);
    out.push('\n');
}
