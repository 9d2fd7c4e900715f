//! The table as Markdown.

use std::fmt::Write as _;

use amiproof_model::name::CheckId;
use amiproof_model::report::Impact;
use amiproof_model::report::impact::{ControlRecord, Effect, ImpactOutcome};

use super::rows::{Kind, not_measured, numbers, of_kind, setting};
use crate::markdown::{code, escape};
use crate::text;

/// A measurement as GitHub-flavoured Markdown.
pub(super) fn render(impact: &Impact) -> String {
    let mut out = format!(
        "# What {} level {} breaks on {}\n\n{}.\n\n",
        escape(impact.benchmark.as_str()),
        u8::from(impact.level),
        escape(impact.variant.as_str()),
        escape(&impact.sentence())
    );
    // Writing to a String cannot fail.
    if !impact.host.is_empty() {
        let _ =
            writeln!(out, "Measured on: {}. Checks were run {} times.\n", escape(&impact.host.join(", ")), impact.runs);
    }
    if let Some(why) = &impact.unfinished {
        let _ = writeln!(out, "**Not finished:** {}.\n", escape(why));
    }
    for node in &impact.not_restored {
        let _ = writeln!(out, "**Not restored:** {}\n", escape(node));
    }
    push_breaking(&mut out, impact);
    push_pairs(&mut out, impact);
    push_grid(&mut out, impact);
    push_rest(&mut out, impact);
    out
}

fn push_breaking(out: &mut String, impact: &Impact) {
    let rows: Vec<&ControlRecord> = impact.controls.iter().filter(|row| row.affected().next().is_some()).collect();
    if rows.is_empty() {
        return;
    }
    out.push_str(
        "## What breaks\n\n| control | level | what it requires | settings | breaks |\n|---|---|---|---|---|\n",
    );
    for row in rows {
        let settings: Vec<String> = row.settings.iter().map(|one| code(&setting(one))).collect();
        let mut effects: Vec<String> = row.broken().map(|check| code(check.as_str())).collect();
        for cell in row.affected() {
            let check = code(cell.check.as_str());
            match &cell.effect {
                Effect::Works | Effect::Breaks => {}
                Effect::Unsteady => effects.push(format!("{check} passes and fails intermittently")),
                Effect::Undecided { why } => effects.push(format!("{check} undecided: {}", escape(why))),
            }
        }
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            escape(&row.number()),
            u8::from(row.level),
            escape(&row.title),
            settings.join("<br>"),
            effects.join("<br>")
        );
    }
    out.push('\n');
}

fn push_pairs(out: &mut String, impact: &Impact) {
    let Some(pairs) = &impact.pairs else { return };
    let _ = writeln!(
        out,
        "## Two at a time\n\n{} settings that break nothing alone were set together in {}.\n",
        pairs.controls,
        text::count(pairs.trials, "trial")
    );
    for one in &pairs.broken {
        let what = match &one.why {
            Some(why) => {
                format!("is broken by several settings together, which could not be narrowed down: {}", escape(why))
            }
            None => {
                let names: Vec<String> = one.controls.iter().map(|name| escape(name)).collect();
                format!("is broken by {} together", names.join(" and "))
            }
        };
        let _ = writeln!(out, "* {} {what}", code(one.check.as_str()));
    }
    for one in &pairs.not_tried {
        let _ = writeln!(out, "* not tried: {}", escape(one));
    }
    if pairs.broken.is_empty() && pairs.not_tried.is_empty() {
        out.push_str("Nothing broke.\n");
    }
    out.push('\n');
}

fn push_grid(out: &mut String, impact: &Impact) {
    if impact.checks.is_empty() {
        return;
    }
    out.push_str("## Every cell\n\n✗ breaks, · passes, ? undecided, empty: not run; (in part): some settings of the control could not be set, and the CSV says why.\n\n");
    for (at, check) in impact.checks.iter().enumerate() {
        let _ = writeln!(out, "{}. {}", at + 1, code(check.as_str()));
    }
    out.push_str("\n| control | level | what it requires |");
    for at in 1..=impact.checks.len() {
        let _ = write!(out, " {at} |");
    }
    out.push_str("\n|---|---|---|");
    impact.checks.iter().for_each(|_| out.push_str("---|"));
    out.push('\n');
    for row in &impact.controls {
        let ImpactOutcome::Measured { cells } = &row.outcome else { continue };
        let _ = write!(out, "| {} | {} | {} |", escape(&row.number()), u8::from(row.level), escape(&row.title));
        for check in &impact.checks {
            let cell = cells.iter().find(|cell| cell.check == *check);
            let _ = write!(out, " {} |", cell.map_or("", |cell| mark(&cell.effect)));
        }
        out.push('\n');
    }
    out.push('\n');
}

fn mark(effect: &Effect) -> &'static str {
    match effect {
        Effect::Works => "·",
        Effect::Breaks => "✗",
        Effect::Unsteady | Effect::Undecided { .. } => "?",
    }
}

fn push_rest(out: &mut String, impact: &Impact) {
    let as_it_is = of_kind(impact, Kind::AsItIs);
    if !as_it_is.is_empty() {
        let _ = writeln!(
            out,
            "## Already met\n\nThe nodes meet these controls already, and the checks of this table pass on them: {}.\n",
            escape(&numbers(&as_it_is))
        );
    }
    let reasons = not_measured(impact);
    if !reasons.is_empty() {
        out.push_str("## Not measurable here\n\n| why | controls |\n|---|---|\n");
        for (why, rows) in reasons {
            let _ = writeln!(out, "| {} | {} |", escape(why), escape(&numbers(&rows)));
        }
        out.push('\n');
    }
    if !impact.left_out.is_empty() {
        out.push_str("## Checks that were left out\n\n");
        for one in &impact.left_out {
            let check: &CheckId = &one.check;
            let _ = writeln!(out, "* {}: {}", code(check.as_str()), escape(&one.why));
        }
    }
}
