//! The CSV of an Inspector CIS report (`GetCisScanReport` with the format CSV).
//!
//! AWS documents no column layout, so columns are found by the names in the header row, which follow the fields of
//! `GetCisScanResultDetails` more or less; a file whose header fits nothing is refused with the header in the message.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use amiproof_model::verdict::Verdict;
use amiproof_model::vocabulary::number_in;
use csv::{ReaderBuilder, StringRecord};

use super::ImportError;
use super::document::{Answer, Document, Index, badness, line, title};
use super::inspector::{self, Scope, Statement, plain};
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
            "cisid",
            "cisnumber",
            "controlnumber",
            "recommendationid",
            "number",
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

/// Maximum length of a cell, bytes.
const MAX_CELL: usize = 2_000;

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

/// The position of each column, and every one that looks like a result.
struct Layout {
    places: BTreeMap<Column, usize>,
    results: Vec<usize>,
}

impl Layout {
    fn of(header: &StringRecord) -> Result<Self, ImportError> {
        let names: Vec<String> = header.iter().map(plain).collect();
        let place = |wanted: &[&str]| wanted.iter().find_map(|name| names.iter().position(|have| have == name));
        let places: BTreeMap<Column, usize> =
            COLUMNS.iter().filter_map(|(column, wanted)| Some((*column, place(wanted)?))).collect();
        let status = COLUMNS.iter().find(|(column, _)| *column == Column::Status).map_or(&[][..], |(_, names)| names);
        let results = (0..names.len()).filter(|at| status.contains(&names[*at].as_str())).collect();
        let layout = Self { places, results };
        let has = |column| layout.places.contains_key(&column);
        let missing = match (has(Column::Number), has(Column::Status)) {
            (true, true) => return Ok(layout),
            (false, _) => "the control's number",
            (true, false) => "the result",
        };
        let header = header.iter().map(line).collect::<Vec<_>>().join(", ");
        Err(ImportError::Columns { missing, header: clip(header, 500) })
    }

    fn cell<'a>(&self, record: &'a StringRecord, column: Column) -> &'a str {
        self.places.get(&column).and_then(|at| record.get(*at)).unwrap_or_default().trim()
    }

    /// The texts of every result column.
    fn results<'a>(&self, record: &'a StringRecord) -> Vec<&'a str> {
        self.results.iter().map(|at| record.get(*at).unwrap_or_default().trim()).collect()
    }
}

/// Maximum number of rows before the header row.
const MAX_PREFACE: usize = 20;

/// Whether a text has the header row of such a CSV.
pub(super) fn has_header(head: &str) -> bool {
    separator(head.as_bytes()).is_some()
}

/// What separates the columns of the header row; `None` if there is no such row.
fn separator(head: &[u8]) -> Option<u8> {
    let has_layout = |separator: &u8| {
        let rows = ReaderBuilder::new().delimiter(*separator).has_headers(false).flexible(true).from_reader(head);
        rows.into_records().take(MAX_PREFACE).flatten().any(|row| Layout::of(&row).is_ok())
    };
    [b',', b';', b'\t'].into_iter().find(has_layout)
}

/// How a CSV ends: a complete one ends with a line end, outside of quotes.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    bytes: u64,
    last: u8,
    quoted: bool,
}

/// Passes a CSV on and records how it ends.
struct Watched<'a, R> {
    inner: R,
    end: &'a std::cell::Cell<End>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        let mut end = self.end.get();
        for byte in &into[..count] {
            end.quoted ^= *byte == b'"';
            end.last = *byte;
        }
        end.bytes += count as u64;
        self.end.set(end);
        Ok(count)
    }
}

/// Reads the CSV of an Inspector CIS report, whose columns are separated by commas, semicolons or tabs. A preface of lines before the header
/// row is skipped. A file that does not end with a complete row is truncated.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(mut reader: impl BufRead) -> Result<Document, ImportError> {
    let separator = separator(reader.fill_buf()?).unwrap_or(b',');
    let end = std::cell::Cell::new(End::default());
    let mut csv = ReaderBuilder::new();
    csv.delimiter(separator).has_headers(false).flexible(true);
    let mut rows = csv.from_reader(Watched { inner: reader, end: &end }).into_records();
    let (layout, columns) = header(&mut rows)?;
    let mut document = Document {
        scanner: inspector::SCANNER.to_owned(),
        content: "Inspector CIS report".to_owned(),
        ..Document::default()
    };
    let (mut index, mut scope) = (Index::new(), Scope::default());
    let (mut nameless, mut has) = (0_usize, columns);
    for row in rows {
        let row = row.map_err(|error| ImportError::Csv(error.to_string()))?;
        if row.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        has = row.len();
        match answer(&layout, &row) {
            Some(answer) => {
                scope.add(layout.cell(&row, Column::Resource), layout.cell(&row, Column::Platform), &answer.id);
                document.add(&mut index, answer)?;
            }
            None => nameless += 1,
        }
    }
    let end = end.get();
    // A row that is cut within its last cell looks whole but for its line end.
    if end.quoted || end.last != b'\n' || has < columns {
        return Err(ImportError::CutTable { at: end.bytes });
    }
    if document.answers.is_empty() {
        return Err(ImportError::NoResults { what: "row with a control's number" });
    }
    scope.complete(&mut document)?;
    if nameless > 0 {
        document.notes.push(format!("rows skipped because they name neither a control nor a result: {nameless}"));
    }
    Ok(document)
}

/// The first row, among the first ones, that has the columns, and how many it has; when there is none, what the first one lacks.
fn header(rows: &mut impl Iterator<Item = csv::Result<StringRecord>>) -> Result<(Layout, usize), ImportError> {
    let mut first = None;
    for row in rows.take(MAX_PREFACE) {
        let row = row.map_err(|error| ImportError::Csv(error.to_string()))?;
        match Layout::of(&row) {
            Ok(layout) => return Ok((layout, row.len())),
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or(ImportError::Empty))
}

/// The result of a row. One that gives a result without a control's number keeps it under its own name; `None` for
/// headings and sums.
fn answer(layout: &Layout, row: &StringRecord) -> Option<Answer> {
    let name = layout.cell(row, Column::Number);
    let number = number_in(name);
    let statement = Statement {
        status: "",
        reason: &clip(layout.cell(row, Column::Reason).to_owned(), MAX_CELL),
        remediation: &clip(layout.cell(row, Column::Remediation).to_owned(), MAX_CELL),
        resource: layout.cell(row, Column::Resource),
    };
    let results = layout.results(row);
    let is_sum = results.iter().all(|text| text.bytes().all(|byte| byte.is_ascii_digit() || b".%".contains(&byte)));
    if number.is_none() && is_sum {
        return None;
    }
    let heading = title(layout.cell(row, Column::Title));
    let id = number.map_or_else(|| if name.is_empty() { title(&heading) } else { title(name) }, str::to_owned);
    let id = if id.is_empty() { "unnamed".to_owned() } else { id };
    let heading = match (heading.is_empty(), number) {
        (false, _) => heading,
        (true, Some(number)) => format!("control {number}"),
        (true, None) => id.clone(),
    };
    Some(Answer {
        numbers: number.map(str::to_owned).into_iter().collect(),
        level: inspector::level(layout.cell(row, Column::Level)),
        ..Answer::new(id, heading, verdict(&statement, &results))
    })
}

/// The verdict of all columns that look like a result. If two differ, a failure counts.
fn verdict(statement: &Statement<'_>, results: &[&str]) -> Verdict {
    let verdicts = || results.iter().map(|status| inspector::verdict(&Statement { status, ..*statement }));
    let worst = verdicts().max_by_key(badness).unwrap_or_else(|| inspector::verdict(statement));
    if matches!(worst, Verdict::Fail(_)) || verdicts().all(|one| badness(&one) == badness(&worst)) {
        return worst;
    }
    let texts = results.iter().map(|text| format!("'{}'", line(text))).collect::<Vec<_>>().join(" and ");
    Verdict::NotEvaluated(format!("the result columns contradict each other: {texts}"))
}

#[cfg(test)]
mod tests;
