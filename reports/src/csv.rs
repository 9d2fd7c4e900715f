//! CSV: one line per cell of the matrix, for a spreadsheet or a query; then one per waiver that someone should look at (suite
//! `waiver`). Lines add up to the same numbers as every other format: if several scanners evaluate a control, the line
//! is that of the most urgent result, and `answers` has the others.

use amiproof_model::report::{CheckResult, Report, Severity, Subject};

use crate::context::Context;
use crate::error::RenderError;
use crate::origin::origin_word;
use crate::sheet::{self, Sheet};
use crate::target::{self, Target};
use crate::times::{self, Times};
use crate::{text, waivers};

/// The first line. Columns are only ever added at the end.
pub const HEADER: [&str; 24] = [
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
    "answers",
    "verdict",
    "run_verdict",
    "cause",
    "certainty",
];

/// The longest field: spreadsheets cut a cell at 32,767 characters.
const FIELD_LIMIT: usize = 32_000;

/// The cells as CSV (RFC 4180, UTF-8, header line).
///
/// # Errors
/// When the CSV cannot be written, which would be a bug in amiproof.
pub fn render(report: &Report, baseline: Option<&Report>) -> Result<String, RenderError> {
    target::text(|out| write_to(&Context::of(report, baseline), out))
}

/// As [`render`], line by line.
pub(crate) fn write_to(context: &Context<'_>, out: &mut dyn Target) -> Result<(), RenderError> {
    let sheet = Sheet::of(&context.report);
    let times = Times::of(sheet.decisive());
    let run = context.verdict().conclusion.as_str();
    let verdicts: Vec<&str> =
        sheet.columns.iter().map(|column| context.verdict_of(&column.subject).conclusion.as_str()).collect();
    let mut writer = ::csv::Writer::from_writer(out);
    writer.write_record(HEADER).map_err(broken)?;
    for row in sheet.suites.iter().flat_map(|suite| &suite.rows) {
        for (cell, verdict) in row.cells.iter().zip(&verdicts) {
            let Some(result) = sheet::decisive(cell) else { continue };
            let context_of_line =
                LineContext { answers: answers(cell, result), verdict, run, seconds: times.own(result) };
            writer.write_record(record(&context.report, result, context_of_line)).map_err(broken)?;
        }
    }
    for line in waivers::lines(&context.report) {
        writer.write_record(of_waiver(&context.report, &line)).map_err(broken)?;
    }
    writer.flush().map_err(RenderError::Write)
}

fn broken(error: ::csv::Error) -> RenderError {
    let sentence = error.to_string();
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => RenderError::Write(error),
        _ => RenderError::Csv(sentence),
    }
}

/// The context of a line.
struct LineContext<'a> {
    /// The results of other scanners.
    answers: String,
    /// The verdict of the variant.
    verdict: &'a str,
    /// The verdict of the run.
    run: &'a str,
    seconds: f64,
}

/// `openscap: passed (os-cis/cis-al2023-1.0.0/3.3.1); …`: the answers of a cell that do not decide it.
fn answers(cell: &[&CheckResult], decisive: &CheckResult) -> String {
    let others = cell.iter().filter(|result| !std::ptr::eq(**result, decisive));
    let context_of_line = others.map(|result| {
        let scanner = result.scanner.as_deref().unwrap_or("amiproof");
        format!("{scanner}: {} ({})", result.disposition.as_str(), result.check)
    });
    context_of_line.collect::<Vec<_>>().join("; ")
}

fn record(report: &Report, result: &CheckResult, context_of_line: LineContext<'_>) -> [String; HEADER.len()] {
    let variant = match &result.subject {
        Subject::Variant(name) => report.variants.iter().find(|variant| &variant.name == name),
        Subject::Cluster => None,
    };
    let cause = report.explained_by(result);
    let level = |level: Option<amiproof_model::name::Level>| level.map(|level| u8::from(level).to_string());
    let mut nodes: Vec<&str> = result.placements.iter().map(|placement| placement.node.as_str()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    [
        field(report.run.id.as_str()),
        field(result.subject.as_str()),
        variant.map_or_else(String::new, |variant| variant.family.as_str().to_owned()),
        variant.and_then(|variant| level(variant.level)).unwrap_or_default(),
        field(result.check.suite()),
        field(result.check.as_str()),
        field(&result.title),
        result.control.as_ref().map_or_else(String::new, |control| field(control.as_str())),
        level(result.level).unwrap_or_default(),
        result.outcome.as_str().to_owned(),
        result.disposition.as_str().to_owned(),
        result.origin.map_or("", origin_word).to_owned(),
        field(&sheet::reason(result)),
        format!("{:.3}", times::legal(context_of_line.seconds)),
        field(&nodes.join(" ")),
        variant.and_then(|variant| variant.ami.as_ref()).map_or_else(String::new, |ami| ami.id.to_string()),
        field(result.scanner.as_deref().unwrap_or_default()),
        result.severity.map_or("", Severity::as_str).to_owned(),
        field(result.disagreement.as_deref().unwrap_or_default()),
        field(&context_of_line.answers),
        context_of_line.verdict.to_owned(),
        context_of_line.run.to_owned(),
        cause.map_or_else(String::new, |cause| field(&cause.setting)),
        cause.map_or("", |cause| cause.certainty.as_str()).to_owned(),
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
/// spreadsheets show as text (OWASP, "CSV injection"). Their full-width twins count too, because some spreadsheets fold them, and so
/// does what follows a semicolon, which separates cells where the comma is the decimal sign.
fn field(value: &str) -> String {
    const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let line = text::short_line(value, FIELD_LIMIT);
    let mut safe = String::with_capacity(line.len() + 1);
    let mut is_start = true;
    for c in line.chars() {
        if is_start && FORMULA.contains(&c) {
            safe.push('\'');
        }
        is_start = c == ';' || is_start && c == ' ';
        safe.push(c);
    }
    safe
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
            ("a;=1; -2;b", "a;'=1; '-2;b"),
        ] {
            assert_eq!(field(value), expected);
        }
    }
}
