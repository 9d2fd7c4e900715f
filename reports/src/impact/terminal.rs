//! The table as text for a terminal.

use amiproof_model::report::Impact;
use amiproof_model::report::impact::Effect;

use super::rows::{Kind, not_measured, numbers, of_kind, setting};
use crate::terminal::{Style, write_titled, write_wrapped};

/// A measurement: what breaks first, then what was not measured and why.
pub fn render(impact: &Impact, style: &Style) -> String {
    let mut out = String::new();
    write_titled(&mut out, style, 0, "impact", &impact.sentence());
    out.push('\n');
    for row in of_kind(impact, Kind::Breaks) {
        let checks: Vec<&str> = row.broken().map(amiproof_model::name::CheckId::as_str).collect();
        write_titled(&mut out, style, 0, "breaks", &format!("{}: {} ({})", checks.join(", "), row.title, row.number()));
        for one in &row.settings {
            write_wrapped(&mut out, style, 2, &setting(one), usize::MAX);
        }
    }
    for row in &impact.controls {
        for cell in row.affected() {
            let why = match &cell.effect {
                Effect::Works | Effect::Breaks => continue,
                Effect::Unsteady => "passes and fails intermittently",
                Effect::Undecided { why } => why,
            };
            let text = format!("{}: {} ({}): {why}", cell.check, row.title, row.number());
            write_titled(&mut out, style, 0, "undecided", &text);
        }
    }
    for one in impact.pairs.iter().flat_map(|pairs| &pairs.broken) {
        let text = match &one.why {
            Some(why) => {
                format!("{}: several settings together, which could not be narrowed down: {why}", one.check)
            }
            None => format!("{}: {} together", one.check, one.controls.join(" and ")),
        };
        write_titled(&mut out, style, 0, "breaks", &text);
    }
    for one in impact.pairs.iter().flat_map(|pairs| &pairs.not_tried) {
        write_titled(&mut out, style, 0, "not tried", one);
    }
    let harmless = of_kind(impact, Kind::Harmless);
    if !harmless.is_empty() {
        write_titled(&mut out, style, 0, "harmless", &numbers(&harmless));
    }
    let as_it_is = of_kind(impact, Kind::AsItIs);
    if !as_it_is.is_empty() {
        write_titled(&mut out, style, 0, "already met", &numbers(&as_it_is));
    }
    for (why, rows) in not_measured(impact) {
        write_titled(&mut out, style, 0, "not measured", &format!("{}: {why}", numbers(&rows)));
    }
    for one in &impact.left_out {
        write_titled(&mut out, style, 0, "check left out", &format!("{}: {}", one.check, one.why));
    }
    if let Some(why) = &impact.unfinished {
        write_titled(&mut out, style, 0, "not finished", why);
    }
    for node in &impact.not_restored {
        write_titled(&mut out, style, 0, "not restored", node);
    }
    out
}
