//! A comparison as one self-contained page without scripts.

use askama::Template;

use super::comparison::{Comparison, ResultChange};
use super::facts::FactChange;
use super::state::Change;
use crate::error::RenderError;
use crate::origin::origin_word;
use crate::page::Frame;
use crate::text;

#[derive(Template)]
#[template(path = "compare.html")]
struct Page {
    frame: Frame,
    title: String,
    verdict: &'static str,
    headline: String,
    sides: Vec<(&'static str, String, String)>,
    causes: Vec<(String, String, String)>,
    sections: Vec<Section>,
    not_comparable: Vec<String>,
    compared_with_care: Vec<String>,
    variants: Vec<Variant>,
    unchanged: String,
}

/// The changes of one kind.
struct Section {
    id: String,
    title: String,
    meaning: &'static str,
    rows: Vec<Row>,
}

struct Row {
    subject: String,
    check: String,
    title: String,
    class: &'static str,
    states: String,
    origin: &'static str,
    reason: String,
}

/// What is different about a variant.
struct Variant {
    name: String,
    presence: &'static str,
    broken: String,
    facts: Vec<String>,
}

/// A comparison as a page, new failures first.
///
/// # Errors
/// When the template cannot be filled, which would be a bug in amiproof.
pub(super) fn render(comparison: &Comparison) -> Result<String, RenderError> {
    let (base, candidate) = (&comparison.base, &comparison.candidate);
    let line = |text: &str| text::short_line(text, 400);
    let row = |one: &ResultChange| Row {
        subject: one.subject.as_str().to_owned(),
        check: one.check.to_string(),
        title: line(&one.title),
        class: class(one.change),
        states: format!("{} → {}", one.base.as_str(), one.candidate.as_str()),
        origin: one.origin.map_or("", origin_word),
        reason: line(&one.reason),
    };
    let section = |&change: &Change| Section {
        id: change.as_str().replace(' ', "-"),
        title: format!("{} ({})", change.as_str(), comparison.count(change)),
        meaning: change.meaning(),
        rows: comparison.by_subject(change).into_values().flatten().map(row).collect(),
    };
    let caveats = |compared| comparison.caveat_lines(compared).iter().map(|text| line(text)).collect();
    let page = Page {
        frame: Frame::new(),
        title: format!("{}: {} against {}", candidate.matrix, candidate.run, base.run),
        verdict: if comparison.has_regression() { "Regression" } else { "No regression" },
        headline: line(&comparison.headline()),
        sides: vec![
            ("run", base.run.to_string(), candidate.run.to_string()),
            ("started", text::moment(base.started), text::moment(candidate.started)),
            ("Kubernetes", line(&base.kubernetes_version), line(&candidate.kubernetes_version)),
            ("amiproof", line(&base.tool_version), line(&candidate.tool_version)),
        ],
        causes: comparison
            .cause_lines()
            .into_iter()
            .map(|(variant, cause, values)| (variant.to_owned(), line(&cause), line(&values)))
            .collect(),
        sections: Change::ALL.iter().map(section).filter(|section| !section.rows.is_empty()).collect(),
        not_comparable: caveats(false),
        compared_with_care: caveats(true),
        variants: comparison
            .variants
            .iter()
            .map(|variant| Variant {
                name: variant.variant.to_string(),
                presence: variant.presence.sentence(),
                broken: variant.newly_broken.as_deref().map(line).unwrap_or_default(),
                facts: variant.facts.iter().map(FactChange::sentence).collect(),
            })
            .collect(),
        unchanged: text::count(comparison.unchanged, "result"),
    };
    Ok(page.render()?)
}

fn class(change: Change) -> &'static str {
    match change {
        Change::NewFailure
        | Change::AppearedFailing
        | Change::Revealed
        | Change::StillFailing
        | Change::WaiverEnded => "fail",
        Change::NewError | Change::NewlySkipped | Change::Disappeared | Change::Flaky | Change::NewlyWaived => "unsure",
        Change::Appeared | Change::Fixed | Change::NewlyDecided => "pass",
    }
}
