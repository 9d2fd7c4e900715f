//! The table as CSV: one line per cell, and one for each control without cells.

use amiproof_model::report::Impact;
use amiproof_model::report::impact::{ControlRecord, Effect, ImpactCell, ImpactOutcome};

use super::rows::setting;
use crate::error::RenderError;

const HEADER: [&str; 10] =
    ["variant", "benchmark", "control", "part", "level", "title", "settings", "check", "effect", "reason"];

/// A measurement as CSV (RFC 4180, UTF-8, header line).
///
/// # Errors
/// When the CSV cannot be written, which would be a bug in amiproof.
pub(super) fn render(impact: &Impact) -> Result<String, RenderError> {
    let broken = |error: ::csv::Error| RenderError::Csv(error.to_string());
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER).map_err(broken)?;
    for row in &impact.controls {
        match &row.outcome {
            ImpactOutcome::Measured { cells } => {
                for cell in cells {
                    let (effect, reason) = words(cell);
                    writer.write_record(line(impact, row, cell.check.as_str(), effect, reason)).map_err(broken)?;
                }
            }
            ImpactOutcome::AsItIs => writer.write_record(line(impact, row, "", "as it is", "")).map_err(broken)?,
            ImpactOutcome::NotMeasured { why } => {
                writer.write_record(line(impact, row, "", "not measured", why)).map_err(broken)?;
            }
        }
    }
    let bytes = writer.into_inner().map_err(|error| RenderError::Csv(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| RenderError::Csv(error.to_string()))
}

fn words(cell: &ImpactCell) -> (&'static str, &str) {
    match &cell.effect {
        Effect::Works => ("works", ""),
        Effect::Breaks => ("breaks", ""),
        Effect::Unsteady => ("unsteady", ""),
        Effect::Undecided { why } => ("undecided", why),
    }
}

fn line(impact: &Impact, row: &ControlRecord, check: &str, effect: &str, reason: &str) -> [String; 10] {
    let numbers: Vec<&str> = row.controls.iter().map(amiproof_model::name::ControlId::number).collect();
    let settings: Vec<String> = row.settings.iter().map(setting).collect();
    [
        impact.variant.to_string(),
        impact.benchmark.to_string(),
        numbers.join(" "),
        row.part.clone().unwrap_or_default(),
        u8::from(row.level).to_string(),
        row.title.clone(),
        settings.join("; "),
        check.to_owned(),
        effect.to_owned(),
        reason.to_owned(),
    ]
}
