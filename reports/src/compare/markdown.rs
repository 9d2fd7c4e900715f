//! A comparison for a pull request.

use std::fmt::Write as _;

use super::{Change, Comparison, ResultChange, VariantChange};
use crate::csv::origin_word;
use crate::markdown::{Page, code, escape};
use crate::text;

/// The comparison as GitHub-flavoured Markdown, within the limit of [`crate::markdown::LIMIT`].
pub(super) fn render(comparison: &Comparison) -> String {
    let mut page = Page::new();
    page.push(&heading(comparison));
    for change in Change::ALL {
        push_change(&mut page, comparison, change);
    }
    push_benchmarks(&mut page, comparison);
    if !comparison.suites_not_run.is_empty() {
        let suites: Vec<String> = comparison.suites_not_run.iter().map(|suite| code(suite)).collect();
        page.push(&format!("Not compared: the candidate did not run {}.\n\n", suites.join(", ")));
    }
    for variant in &comparison.variants {
        push_variant(&mut page, variant);
    }
    page.finish("`amiproof compare --format json` has everything.")
}

fn heading(comparison: &Comparison) -> String {
    let (base, candidate) = (&comparison.base, &comparison.candidate);
    let verdict = if comparison.has_regression() { "❌ Regression" } else { "✅ No regression" };
    let mut heading =
        format!("## {verdict} {}\n\n| | base | candidate |\n|---|---|---|\n", escape(&comparison.headline()));
    for (what, old, new) in [
        ("run", code(base.run.as_str()), code(candidate.run.as_str())),
        ("started", text::moment(base.started), text::moment(candidate.started)),
        ("Kubernetes", base.kubernetes_version.clone(), candidate.kubernetes_version.clone()),
        ("amiproof", escape(&base.tool_version), escape(&candidate.tool_version)),
    ] {
        let _ = writeln!(heading, "| {what} | {old} | {new} |");
    }
    let _ = write!(heading, "\n{} decided as before.\n\n", text::count(comparison.unchanged, "result"));
    heading
}

fn push_change(page: &mut Page, comparison: &Comparison, change: Change) {
    let all: Vec<&ResultChange> = comparison.changes.iter().filter(|one| one.change == change).collect();
    if all.is_empty() {
        return;
    }
    page.push(&format!(
        "### {} ({})\n\n{}.\n\n| variant | check | was | is | origin | why |\n|---|---|---|---|---|---|\n",
        capitalised(change.word()),
        all.len(),
        capitalised(change.meaning()),
    ));
    for one in all {
        page.push(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            escape(one.subject.as_str()),
            code(one.check.as_str()),
            one.base.word(),
            one.candidate.word(),
            one.origin.map_or("", origin_word),
            escape(&text::short_line(&one.reason, 300)),
        ));
    }
    page.push("\n");
}

fn capitalised(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn push_benchmarks(page: &mut Page, comparison: &Comparison) {
    if comparison.benchmarks.is_empty() {
        return;
    }
    page.push(
        "### Benchmarks in another version\n\nControls are not compared across versions: numbers change their meaning.\n\n\
         | variant | suite | from | to | went (failing) | came (failing) |\n|---|---|---|---|---|---|\n",
    );
    for one in &comparison.benchmarks {
        page.push(&format!(
            "| {} | {} | {} | {} | {} ({}) | {} ({}) |\n",
            escape(one.subject.as_str()),
            escape(&one.suite),
            code(&one.from),
            code(&one.to),
            one.disappeared,
            one.disappeared_failing,
            one.appeared,
            one.appeared_failing,
        ));
    }
    page.push("\n");
}

fn push_variant(page: &mut Page, variant: &VariantChange) {
    let presence = match variant.presence.sentence() {
        "" => String::new(),
        sentence => format!(": {sentence}"),
    };
    page.push(&format!("### {}{presence}\n\n", escape(variant.variant.as_str())));
    if let Some(broken) = &variant.newly_broken {
        page.push(&format!("Newly broken at {}\n\n", escape(&text::short_line(broken, 500))));
    }
    if variant.facts.is_empty() {
        return;
    }
    page.push("| fact | base | candidate |\n|---|---|---|\n");
    for fact in &variant.facts {
        let shown = |value: &str| if value.is_empty() { "–".to_owned() } else { code(&text::short_line(value, 200)) };
        page.push(&format!(
            "| {} | {} | {} |\n",
            escape(&text::short_line(&fact.fact, 200)),
            shown(&fact.base),
            shown(&fact.candidate)
        ));
    }
    page.push("\n");
}
