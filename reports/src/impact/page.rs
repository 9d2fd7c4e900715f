//! The table as one self-contained page without scripts.

use amiproof_model::report::Impact;
use amiproof_model::report::impact::{Effect, ImpactOutcome};
use askama::Template;

use super::rows::{Kind, not_measured, numbers, of_kind, setting};
use crate::error::RenderError;
use crate::page::Frame;

#[derive(Template)]
#[template(path = "impact.html")]
struct Page<'a> {
    frame: Frame,
    title: String,
    sentence: String,
    host: String,
    runs: usize,
    warnings: Vec<String>,
    checks: Vec<&'a str>,
    rows: Vec<Row>,
    pairs: Vec<String>,
    as_it_is: String,
    not_measured: Vec<(&'a str, String)>,
    left_out: Vec<(&'a str, &'a str)>,
}

struct Row {
    number: String,
    level: u8,
    title: String,
    settings: Vec<String>,
    cells: Vec<Cell>,
}

/// Class, mark and the words after it.
struct Cell {
    class: &'static str,
    mark: &'static str,
    words: String,
}

/// A measurement as a page. Controls that break something come first.
///
/// # Errors
/// When the template cannot be filled, which would be a bug in amiproof.
pub(super) fn render(impact: &Impact) -> Result<String, RenderError> {
    let mut rows = Vec::new();
    for wanted in [Kind::Breaks, Kind::Unclear, Kind::Harmless] {
        for row in of_kind(impact, wanted) {
            let ImpactOutcome::Measured { cells } = &row.outcome else { continue };
            let cell = |check: &amiproof_model::name::CheckId| {
                let effect = cells.iter().find(|cell| cell.check == *check).map(|cell| &cell.effect);
                let (class, mark, words) = match effect {
                    None => ("none", "", "not run".to_owned()),
                    Some(Effect::Works) => ("pass", "·", "passes".to_owned()),
                    Some(Effect::Breaks) => ("fail", "✗", "breaks".to_owned()),
                    Some(Effect::Unsteady) => ("unsure", "?", "passes and fails intermittently".to_owned()),
                    Some(Effect::Undecided { why }) => ("unsure", "?", why.clone()),
                };
                Cell { class, mark, words }
            };
            rows.push(Row {
                number: row.number(),
                level: u8::from(row.level),
                title: row.title.clone(),
                settings: row.settings.iter().map(setting).collect(),
                cells: impact.checks.iter().map(cell).collect(),
            });
        }
    }
    let pair = |one: &amiproof_model::report::impact::Together| match &one.why {
        Some(why) => {
            format!("{} is broken by several settings together, which could not be narrowed down: {why}", one.check)
        }
        None => format!("{} is broken by {} together", one.check, one.controls.join(" and ")),
    };
    let not_tried = impact.pairs.iter().flat_map(|pairs| pairs.not_tried.iter().map(|one| format!("not tried: {one}")));
    let pairs = impact.pairs.iter().flat_map(|pairs| pairs.broken.iter().map(pair)).chain(not_tried);
    let unfinished = impact.unfinished.iter().map(|why| format!("Not finished: {why}."));
    let left = impact.not_restored.iter().map(|node| format!("Not restored: {node}"));
    let page = Page {
        frame: Frame::new(),
        title: format!("What {} level {} breaks on {}", impact.benchmark, u8::from(impact.level), impact.variant),
        sentence: impact.sentence(),
        host: impact.host.join(", "),
        runs: impact.runs,
        warnings: unfinished.chain(left).collect(),
        checks: impact.checks.iter().map(amiproof_model::name::CheckId::as_str).collect(),
        rows,
        pairs: pairs.collect(),
        as_it_is: numbers(&of_kind(impact, Kind::AsItIs)),
        not_measured: not_measured(impact).into_iter().map(|(why, rows)| (why, numbers(&rows))).collect(),
        left_out: impact.left_out.iter().map(|one| (one.check.as_str(), one.why.as_str())).collect(),
    };
    Ok(page.render()?)
}
