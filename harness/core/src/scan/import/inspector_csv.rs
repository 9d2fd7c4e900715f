//! The CSV of an Inspector CIS report (`GetCisScanReport` with the format CSV).
//!
//! AWS documents no column layout, so columns are found by the names in the header row, which follow the fields of
//! `GetCisScanResultDetails` more or less; a file whose header fits nothing is refused with the header in the message.

use std::collections::BTreeMap;
use std::io::BufRead;

use amiproof_model::name::Level;
use amiproof_model::verdict::Verdict;
use csv::{ReaderBuilder, StringRecord};

use super::ImportError;
use super::document::{Answer, Document, Index, fail, is_number, line};
use super::xml::clip;

/// What a column means, with the names that it may have: letters and digits only, lower case.
const COLUMNS: [(Column, &[&str]); 8] = [
    (
        Column::Number,
        &[
            "checkid",
            "controlid",
            "cischeckid",
            "recommendation",
            "recommendationnumber",
            "check",
            "control",
            "ruleid",
            "id",
        ],
    ),
    (Column::Status, &["status", "checkstatus", "findingstatus", "result", "checkresult"]),
    (Column::Title, &["title", "checktitle", "controltitle", "name", "checkname", "description", "checkdescription"]),
    (Column::Resource, &["targetresourceid", "resourceid", "instanceid", "ec2instanceid", "resource", "target"]),
    (Column::Level, &["level", "securitylevel", "cislevel", "checklevel"]),
    (Column::Reason, &["statusreason", "reason", "findingreason", "detail", "details"]),
    (Column::Remediation, &["remediation", "recommendedaction", "fix"]),
    (Column::Platform, &["platform", "os", "operatingsystem", "benchmark"]),
];

/// Text of a cell that is kept, bytes.
const MOST_CELL: usize = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Number,
    Status,
    Title,
    Resource,
    Level,
    Reason,
    Remediation,
    Platform,
}

/// Where each column stands.
struct Layout(BTreeMap<Column, usize>);

impl Layout {
    fn of(header: &StringRecord) -> Result<Self, ImportError> {
        let names: Vec<String> = header.iter().map(plain).collect();
        let place = |wanted: &[&str]| wanted.iter().find_map(|name| names.iter().position(|have| have == name));
        let layout = Self(COLUMNS.iter().filter_map(|(column, wanted)| Some((*column, place(wanted)?))).collect());
        let missing = match (layout.0.contains_key(&Column::Number), layout.0.contains_key(&Column::Status)) {
            (true, true) => return Ok(layout),
            (false, _) => "the control's number",
            (true, false) => "the result",
        };
        let header = header.iter().map(line).collect::<Vec<_>>().join(", ");
        Err(ImportError::Columns { missing, header: clip(header, 500) })
    }

    fn cell<'a>(&self, record: &'a StringRecord, column: Column) -> &'a str {
        self.0.get(&column).and_then(|at| record.get(*at)).unwrap_or_default().trim()
    }
}

/// `Check ID` and `check_id` are `checkid`.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Reads the CSV of an Inspector CIS report. A preface of lines before the header row is passed over.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let mut rows = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(reader).into_records();
    let layout = header(&mut rows)?;
    let mut document =
        Document { scanner: "inspector".to_owned(), content: "Inspector CIS report".to_owned(), ..Document::default() };
    let mut index = Index::new();
    let mut nameless = 0_usize;
    for row in rows {
        let row = row.map_err(|error| ImportError::Csv(error.to_string()))?;
        let number = layout.cell(&row, Column::Number);
        if !is_number(number) {
            nameless += usize::from(!row.iter().all(|cell| cell.trim().is_empty()));
            continue;
        }
        document.add(&mut index, answer(&layout, &row, number))?;
        let platform = layout.cell(&row, Column::Platform);
        if document.profile.is_empty() && !platform.is_empty() {
            document.profile = line(platform);
        }
    }
    if document.answers.is_empty() {
        return Err(ImportError::NoResults { what: "row with a control's number" });
    }
    if nameless > 0 {
        document.notes.push(format!("{nameless} of its rows have no control's number and were passed over"));
    }
    Ok(document)
}

/// The first row, among the first 20, that has the columns; when there is none, what the first one lacks.
fn header(rows: &mut impl Iterator<Item = csv::Result<StringRecord>>) -> Result<Layout, ImportError> {
    let mut first = None;
    for row in rows.take(20) {
        let row = row.map_err(|error| ImportError::Csv(error.to_string()))?;
        match Layout::of(&row) {
            Ok(layout) => return Ok(layout),
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or(ImportError::Empty))
}

fn answer(layout: &Layout, row: &StringRecord, number: &str) -> Answer {
    let title = line(layout.cell(row, Column::Title));
    let level = match layout
        .cell(row, Column::Level)
        .to_ascii_uppercase()
        .trim_start_matches("LEVEL")
        .trim_matches(['_', ' ', '-', 'L'])
    {
        "1" => Some(Level::One),
        "2" => Some(Level::Two),
        _ => None,
    };
    Answer {
        number: Some(number.to_owned()),
        level,
        verdict: verdict(layout, row),
        ..Answer::new(number, if title.is_empty() { format!("control {number}") } else { title }, Verdict::Pass)
    }
}

/// The words of `CisFindingStatus`, as the API gives them or as a person would write them.
fn verdict(layout: &Layout, row: &StringRecord) -> Verdict {
    let reason = clip(layout.cell(row, Column::Reason).to_owned(), MOST_CELL);
    let why = if reason.is_empty() { String::new() } else { format!(": {}", line(&reason)) };
    match plain(layout.cell(row, Column::Status)).as_str() {
        "passed" | "pass" => Verdict::Pass,
        "failed" | "fail" => {
            let summary = if reason.is_empty() { "the control is not met".to_owned() } else { line(&reason) };
            let remediation = clip(layout.cell(row, Column::Remediation).to_owned(), MOST_CELL);
            fail(layout.cell(row, Column::Resource), summary, reason, remediation)
        }
        "skipped" | "skip" | "manual" => Verdict::Manual(format!("Inspector leaves it to a human{why}")),
        "notapplicable" => Verdict::NotApplicable(format!("Inspector says that it does not apply{why}")),
        "" => Verdict::NotEvaluated("the row gives no result".to_owned()),
        _ => Verdict::NotEvaluated(format!(
            "the row gives the unknown result '{}'",
            line(layout.cell(row, Column::Status))
        )),
    }
}

#[cfg(test)]
mod tests;
