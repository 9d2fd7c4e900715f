//! Why variants failed: each cause with what speaks for and against it, as text for a terminal.

use amiproof_model::report::cause::{Explanation, LostControl, RuledOut, counted};
use amiproof_model::report::{Cause, Certainty};

use crate::terminal::{Style, write_titled, write_wrapped};

/// The explanations, or only those of a cell if one is named.
pub fn render(explanations: &[&Explanation], cell: Option<&str>, style: &Style) -> String {
    let mut out = String::new();
    for explanation in explanations {
        write_explanation(&mut out, explanation, cell, style);
    }
    out
}

fn write_explanation(out: &mut String, explanation: &Explanation, cell: Option<&str>, style: &Style) {
    let is_meant = |check: &amiproof_model::name::CheckId| cell.is_none_or(|cell| check.as_str() == cell);
    let causes: Vec<&Cause> = explanation.causes.iter().filter(|cause| cause.cells.iter().any(is_meant)).collect();
    let unexplained: Vec<&str> =
        explanation.unexplained.iter().filter(|check| is_meant(check)).map(|check| check.as_str()).collect();
    let lost: Vec<&LostControl> = explanation.lost.iter().filter(|one| is_meant(&one.check)).collect();
    if causes.is_empty() && unexplained.is_empty() && lost.is_empty() {
        return;
    }
    let cells: usize = explanation.causes.iter().map(|cause| cause.cells.len()).sum();
    let open = explanation.unexplained.len();
    let count = format!("{cells} explained, {open} unexplained");
    write_titled(out, style, 0, explanation.variant.as_str(), &count);
    for cause in &causes {
        write_cause(out, cause, style);
    }
    for one in lost {
        write_titled(out, style, 2, "lost", &format!("{}: {}", one.control, one.evidence()));
    }
    if !unexplained.is_empty() {
        let why =
            explanation.note.as_deref().unwrap_or("no setting that differs from the reference is known to break them");
        write_titled(out, style, 2, "unexplained", &format!("({why})"));
        write_wrapped(out, style, 4, &unexplained.join(", "), usize::MAX);
    }
    if cell.is_none() {
        for one in &explanation.hidden {
            write_titled(out, style, 2, "also suspected", &one.headline());
        }
        write_ruled_out(out, &explanation.ruled_out, style);
    }
    out.push('\n');
}

fn write_cause(out: &mut String, cause: &Cause, style: &Style) {
    write_titled(out, style, 2, cause.certainty.as_str(), &cause.headline());
    write_wrapped(out, style, 4, &cause.evidence(), usize::MAX);
    if !cause.controls.is_empty() {
        let controls: Vec<&str> = cause.controls.iter().map(|control| control.as_str()).collect();
        write_wrapped(out, style, 4, &format!("required by {}", controls.join(", ")), usize::MAX);
    }
    let why = match (cause.certainty, cause.alternatives.as_slice()) {
        (Certainty::Possible, []) => {
            "no other setting fits, but this one breaks such checks only in part or only sometimes".to_owned()
        }
        (Certainty::Possible, others) => format!("{} would explain the same failures", others.join(", ")),
        (Certainty::Likely, _) => "no other setting that differs from the reference explains them".to_owned(),
        (Certainty::Proven, _) => "they passed when only this was put back".to_owned(),
    };
    write_wrapped(out, style, 4, &why, usize::MAX);
    if !cause.against.is_empty() {
        write_wrapped(out, style, 4, &format!("against it: {} passed", counted(&cause.against)), usize::MAX);
    }
    for help in &cause.help {
        write_wrapped(out, style, 4, help, usize::MAX);
    }
    let cells: Vec<&str> = cause.cells.iter().map(|cell| cell.as_str()).collect();
    write_wrapped(out, style, 4, &format!("checks: {}", cells.join(", ")), usize::MAX);
}

fn write_ruled_out(out: &mut String, ruled_out: &[RuledOut], style: &Style) {
    for one in ruled_out {
        let words = format!("{} ({}): {} passed", one.title, one.setting, one.by);
        write_titled(out, style, 2, "ruled out", &words);
    }
}
