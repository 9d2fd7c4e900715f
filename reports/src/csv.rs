//! CSV: one line per result, for a spreadsheet or a query; then one per waiver that somebody should look at (suite `waiver`).

use amiproof_model::judge::Origin;
use amiproof_model::report::{CheckResult, Report, Severity, Subject};

use crate::{RenderError, sheet, text, waivers};

/// The first line. Columns are only ever added at the end.
pub const HEADER: [&str; 19] = [
    "run",
    "variant",
    "family",
    "variant_level",
    "suite",
    "check",
    "title",
    "control",
    "control_level",
    "outcome",
    "disposition",
    "origin",
    "reason",
    "seconds",
    "nodes",
    "ami",
    "scanner",
    "severity",
    "disagreement",
];

/// The longest field: spreadsheets cut a cell at 32,767 characters.
const FIELD_LIMIT: usize = 32_000;

/// The results as CSV (RFC 4180, UTF-8, header line).
///
/// # Errors
/// When the CSV cannot be written, which would be a defect of amiproof.
pub fn render(report: &Report) -> Result<String, RenderError> {
    let broken = |error: String| RenderError::Csv(error);
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER).map_err(|error| broken(error.to_string()))?;
    for result in &report.results {
        writer.write_record(record(report, result)).map_err(|error| broken(error.to_string()))?;
    }
    for line in waivers::lines(report) {
        writer.write_record(of_waiver(report, &line)).map_err(|error| broken(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| broken(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| broken(error.to_string()))
}

fn record(report: &Report, result: &CheckResult) -> [String; HEADER.len()] {
    let variant = match &result.subject {
        Subject::Variant(name) => report.variants.iter().find(|variant| &variant.name == name),
        Subject::Cluster => None,
    };
    let level = |level: Option<amiproof_model::name::Level>| level.map(|level| u8::from(level).to_string());
    let mut nodes: Vec<&str> = result.placements.iter().map(|placement| placement.node.as_str()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    [
        field(report.run.id.as_str()),
        field(result.subject.as_str()),
        variant.map_or_else(String::new, |variant| variant.family.word().to_owned()),
        variant.and_then(|variant| level(variant.level)).unwrap_or_default(),
        field(result.check.suite()),
        field(result.check.as_str()),
        field(&result.title),
        result.control.as_ref().map_or_else(String::new, |control| field(control.as_str())),
        level(result.level).unwrap_or_default(),
        result.outcome.word().to_owned(),
        result.disposition.word().to_owned(),
        result.origin.map_or("", origin_word).to_owned(),
        field(&sheet::reason(result)),
        seconds(result.seconds),
        field(&nodes.join(" ")),
        variant.and_then(|variant| variant.ami.as_ref()).map_or_else(String::new, |ami| ami.id.to_string()),
        field(result.scanner.as_deref().unwrap_or_default()),
        result.severity.map_or("", Severity::word).to_owned(),
        field(result.disagreement.as_deref().unwrap_or_default()),
    ]
}

/// An expired or unused waiver, its scope in place of a check, its owner in place of a title.
fn of_waiver(report: &Report, line: &waivers::Line) -> [String; HEADER.len()] {
    let mut record = [const { String::new() }; HEADER.len()];
    for (column, value) in [
        ("run", report.run.id.as_str()),
        ("suite", "waiver"),
        ("check", &line.scope),
        ("title", &line.owner),
        ("disposition", line.state),
        ("reason", &line.note),
    ] {
        let at = HEADER.iter().position(|name| *name == column);
        if let Some(cell) = at.and_then(|at| record.get_mut(at)) {
            *cell = field(value);
        }
    }
    record
}

/// One line that no spreadsheet runs as a formula: what begins with `=`, `+`, `-` or `@` gets an apostrophe in front, which
/// spreadsheets show as text (OWASP, "CSV injection"). Their full-width twins count too, because some spreadsheets fold them.
fn field(value: &str) -> String {
    let line = text::short_line(value, FIELD_LIMIT);
    if line.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) { format!("'{line}") } else { line }
}

/// A number that a formula may use, never in exponent form; empty where there is none.
fn seconds(seconds: f64) -> String {
    if seconds.is_finite() && seconds >= 0.0 { format!("{:.3}", seconds.abs()) } else { String::new() }
}

pub(crate) fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Hardening => "hardening",
        Origin::Environment => "environment",
        Origin::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text() {
        for (value, expected) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("  +1", "'+1"),
            ("-rw-r--r-- root", "'-rw-r--r-- root"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'=1"),
            ("\u{1b}[0m=1", "'=1"),
            ("a=1", "a=1"),
        ] {
            assert_eq!(field(value), expected);
        }
    }

    #[test]
    fn seconds_are_plain_numbers_or_nothing() {
        assert_eq!(seconds(1e-9), "0.000");
        assert_eq!(seconds(1e12), "1000000000000.000");
        assert_eq!(seconds(f64::NAN), "");
    }
}
