//! A comparison for a pull request.

use std::collections::HashSet;
use std::fmt::Write as _;

use amiproof_model::report::Subject;

use super::comparison::{Comparison, ResultChange};
use super::facts::{FactChange, VariantChange};
use super::state::Change;
use crate::markdown::page::{Page, code, escape};
use crate::origin::origin_word;
use crate::text;

/// How many changed facts of a variant are shown.
const FACTS: usize = 30;

/// The comparison as GitHub-flavoured Markdown, within the limit of [`crate::markdown::LIMIT`].
pub(super) fn render(comparison: &Comparison) -> String {
    let mut page = Page::new();
    page.push(&heading(comparison));
    for (variant, line, values) in comparison.cause_lines() {
        page.push(&format!("- **{}**: {}\n  - {}\n", escape(variant), escape(&line), escape(&values)));
    }
    if !comparison.cause_lines().is_empty() {
        page.push("\n");
    }
    let mut reported = HashSet::new();
    for &change in Change::ALL {
        push_change(&mut page, comparison, change, &mut reported);
    }
    push_caveats(&mut page, comparison);
    for variant in &comparison.variants {
        push_variant(&mut page, variant, &reported);
    }
    page.finish("`amiproof compare --output json` has everything.")
}

fn heading(comparison: &Comparison) -> String {
    let (base, candidate) = (&comparison.base, &comparison.candidate);
    let verdict = if comparison.has_regression() { "❌ Regression" } else { "✅ No regression" };
    let mut heading =
        format!("## {verdict} {}\n\n| | baseline | candidate |\n|---|---|---|\n", escape(&comparison.headline()));
    for (what, old, new) in [
        ("run", code(base.run.as_str()), code(candidate.run.as_str())),
        ("started", text::moment(base.started), text::moment(candidate.started)),
        ("Kubernetes", base.kubernetes_version.clone(), candidate.kubernetes_version.clone()),
        ("amiproof", escape(&base.tool_version), escape(&candidate.tool_version)),
    ] {
        let _ = writeln!(heading, "| {what} | {old} | {new} |");
    }
    let _ = write!(heading, "\n{} unchanged.\n\n", text::count(comparison.unchanged, "result"));
    heading
}

/// The changes of one kind; after a variant's new failures, what changed on its nodes.
fn push_change<'a>(page: &mut Page, comparison: &'a Comparison, change: Change, reported: &mut HashSet<&'a Subject>) {
    let groups = comparison.by_subject(change);
    if groups.is_empty() {
        return;
    }
    let head = "| variant | check | was | is | origin | why |\n|---|---|---|---|---|---|\n";
    page.push(&format!(
        "### {} ({})\n\n{}.\n\n{head}",
        capitalised(change.as_str()),
        comparison.count(change),
        capitalised(change.meaning()),
    ));
    let last = groups.len();
    for (at, (subject, all)) in (1..).zip(groups) {
        for one in all {
            page.push(&row(one));
        }
        let facts = comparison.facts_of(subject);
        if change.is_worse() && !facts.is_empty() && reported.insert(subject) {
            let title = format!("\nChanged on **{}**:\n\n", escape(subject.as_str()));
            page.push(&format!("{title}{}\n{}", facts_table(facts), if at < last { head } else { "" }));
        }
    }
    page.push("\n");
}

fn row(one: &ResultChange) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {} |\n",
        escape(one.subject.as_str()),
        code(one.check.as_str()),
        one.base.as_str(),
        one.candidate.as_str(),
        one.origin.map_or("", origin_word),
        escape(&text::short_line(&one.reason, 300)),
    )
}

fn capitalised(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// What the runs did not test in the same way.
fn push_caveats(page: &mut Page, comparison: &Comparison) {
    for (compared, title) in [(false, "Not comparable"), (true, "Compared, although the runs differ")] {
        let lines = comparison.caveat_lines(compared);
        if lines.is_empty() {
            continue;
        }
        page.push(&format!("### {title} ({})\n\n", lines.len()));
        for line in lines {
            page.push(&format!("- {}\n", escape(&text::short_line(&line, 500))));
        }
        page.push("\n");
    }
}

/// What is different about a variant that has no new failures.
fn push_variant(page: &mut Page, variant: &VariantChange, reported: &HashSet<&Subject>) {
    let presence = match variant.presence.sentence() {
        "" => String::new(),
        sentence => format!(": {sentence}"),
    };
    let facts =
        if reported.contains(&Subject::Variant(variant.variant.clone())) { &[] } else { variant.facts.as_slice() };
    if presence.is_empty() && variant.newly_broken.is_none() && facts.is_empty() {
        return;
    }
    page.push(&format!("### {}{presence}\n\n", escape(variant.variant.as_str())));
    if let Some(broken) = &variant.newly_broken {
        page.push(&format!("Newly broken at {}\n\n", escape(&text::short_line(broken, 500))));
    }
    if !facts.is_empty() {
        page.push(&format!("{}\n", facts_table(facts)));
    }
}

fn facts_table(facts: &[FactChange]) -> String {
    let mut table = "| fact | baseline | candidate |\n|---|---|---|\n".to_owned();
    for fact in facts.iter().take(FACTS) {
        let shown = |value: &str| if value.is_empty() { "–".to_owned() } else { code(&text::short_line(value, 200)) };
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} |",
            escape(&text::short_line(&fact.fact, 200)),
            shown(&fact.base),
            shown(&fact.candidate)
        );
    }
    if facts.len() > FACTS {
        let _ = writeln!(table, "\nand {}", text::count(facts.len() - FACTS, "more fact"));
    }
    table
}
