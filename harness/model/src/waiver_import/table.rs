//! Tables of exclusions: Markdown, CSV, and the lists of build kits.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::source::{Defaults, Source, collect, last_day, non_empty};
use crate::problem::Problem;
use crate::vocabulary::{is_number, number_in};
use crate::waiver::Waiver;

/// Reads a table of exclusions, Markdown (`| CIS ID | CIS Description | Reason | Alternative control |`, with or without outer pipes) or
/// CSV. The column with "ID" in its header has the number (or several), the one with "Reason" the reason; `Pending`, `TBD`, `N/A` and
/// `-` are not reasons. If there is a status column, a control that passes or does not apply gets no waiver, which would hide a later
/// regression. A number that is a prefix of others in the table is a heading. Text around a Markdown table is ignored. Also accepted is
/// a list with `number #title` in each line, as in CIS build kits (`exclusion_list.txt`).
///
/// # Errors
/// All rows that cannot become waivers, or that there are no rows.
pub fn table(file: &str, text: &str, defaults: &Defaults) -> Result<Vec<Waiver>, Vec<Problem>> {
    let rows = match markdown_rows(file, text) {
        Some(rows) => rows?,
        None => match csv_rows(file, text) {
            Some(rows) => rows?,
            None => build_kit_list(file, text),
        },
    };
    waivers(file, rows, defaults)
}

/// A row of the source.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    source: Source<'a>,
    number: String,
    reason: Option<String>,
    expires: Option<Date>,
    /// Whether its status is that the control is met or does not apply.
    settled: bool,
}

/// The waivers of the rows that need one.
///
/// # Errors
/// As [`table`].
pub(super) fn waivers(file: &str, rows: Vec<Row<'_>>, defaults: &Defaults) -> Result<Vec<Waiver>, Vec<Problem>> {
    let numbers: BTreeSet<&str> = rows.iter().map(|row| row.number.as_str()).collect();
    let is_heading = |number: &str| {
        let below = format!("{number}.");
        numbers.iter().any(|other| other.starts_with(&below))
    };
    let open: Vec<&Row<'_>> = rows.iter().filter(|row| !row.settled && !is_heading(&row.number)).collect();
    if open.is_empty() && !rows.is_empty() {
        let message = "every row of its table says that the control passes or does not apply, so none needs a waiver";
        return Err(vec![Problem::of_file(file, message, "give the table of what was left out or fails")]);
    }
    let read = open.into_iter().map(|row| defaults.waiver(&row.source, &row.number, row.reason.clone(), row.expires));
    collect(file, read, "table of controls with reasons, and no list of controls")
}

#[derive(Debug)]
struct Columns {
    number: usize,
    reason: usize,
    alternative: Option<usize>,
    status: Option<usize>,
    expires: Option<usize>,
}

impl Columns {
    /// The columns of a table of exclusions; `None` for the header of another table.
    fn of(head: &[String]) -> Option<Self> {
        let words = |cell: &String| -> Vec<String> {
            cell.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
        };
        let find = |wanted: &[&str]| {
            wanted.iter().find_map(|word| head.iter().position(|cell| words(cell).iter().any(|part| part == word)))
        };
        let number = find(&["id", "number", "no", "control", "check", "recommendation"])?;
        let reason = find(&["reason", "justification", "why", "rationale", "comment"])?;
        // One cell with all the words is a header with another separator.
        (number != reason).then(|| Self {
            number,
            reason,
            alternative: find(&["alternative", "mitigation"]),
            status: find(&["status", "result", "state", "outcome"]),
            expires: find(&["expires", "expiration", "expiry", "until"]),
        })
    }

    /// A row for each number of the cell: people write `6.1.11, 6.1.12` and `3.4.2.4 and 3.4.2.5` with one reason. A cell with anything
    /// else becomes one row, whose problem is then reported.
    fn rows<'a>(&self, source: Source<'a>, cells: &[String]) -> Result<Vec<Row<'a>>, Problem> {
        let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).map(String::as_str).unwrap_or_default();
        let alternative = non_empty(cell(self.alternative));
        let reason = non_empty(cell(Some(self.reason))).map(|reason| match alternative {
            Some(alternative) => format!("{reason}; instead: {alternative}"),
            None => reason,
        });
        let expires = match non_empty(cell(self.expires)) {
            Some(text) => Some(last_day(&source, "the last day", &text)?),
            None => None,
        };
        let settled = is_settled(cell(self.status));
        let row = |number: &str| Row { source, number: number.to_owned(), reason: reason.clone(), expires, settled };
        let whole = cell(Some(self.number));
        let spaced = whole.replace("<br>", " ").replace("<br/>", " ");
        let words = spaced.split(|c: char| c.is_whitespace() || [',', ';', '&', '`'].contains(&c));
        let words: Vec<&str> = words.filter(|word| !word.is_empty() && *word != "and").collect();
        if words.iter().all(|word| is_number(word)) && !words.is_empty() {
            return Ok(words.into_iter().map(row).collect());
        }
        let one = number_in(whole).filter(|_| !whole.contains([',', ';']));
        Ok(vec![row(one.unwrap_or(whole.trim_matches('`')))])
    }
}

/// Whether a status means that the control needs no waiver.
fn is_settled(status: &str) -> bool {
    let word = status.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let settled =
        ["pass", "passed", "passing", "ok", "compliant", "met", "n/a", "na", "not applicable", "notapplicable"];
    settled.contains(&word.as_str()) || ["\u{2705}", "\u{2713}", "\u{2714}"].iter().any(|mark| status.starts_with(mark))
}

/// The rows of all tables of exclusions in a Markdown document; `None` if there is none.
fn markdown_rows<'a>(file: &'a str, text: &str) -> Option<Result<Vec<Row<'a>>, Vec<Problem>>> {
    let (mut head, mut columns): (Option<Vec<String>>, Option<Columns>) = (None, None);
    let (mut rows, mut problems, mut found) = (Vec::new(), Vec::new(), false);
    for (at, line) in text.lines().enumerate() {
        let source = Source { file, line: at + 1 };
        match (cells(line), &columns) {
            (None, _) => (head, columns) = (None, None),
            (Some(cells), None) if is_rule(&cells) => {
                columns = head.as_deref().and_then(Columns::of);
                found |= columns.is_some();
            }
            (Some(cells), None) => head = Some(cells),
            (Some(cells), Some(columns)) => match columns.rows(source, &cells) {
                Ok(more) => rows.extend(more),
                Err(problem) => problems.push(problem),
            },
        }
    }
    found.then_some(if problems.is_empty() { Ok(rows) } else { Err(problems) })
}

/// Whether it is the line of dashes below a table's header.
fn is_rule(cells: &[String]) -> bool {
    cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| c == '-' || c == ':'))
}

/// The cells of a table's row, whose outer pipes may be missing (GitHub Flavored Markdown, "Tables"); `None` for another line.
fn cells(line: &str) -> Option<Vec<String>> {
    let line = line.trim().replace("\\|", "\u{0}");
    if !line.contains('|') {
        return None;
    }
    let inner = line.strip_prefix('|').unwrap_or(&line);
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    Some(inner.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect())
}

/// The rows of a CSV, separated by commas, semicolons or tabs, after the header with its columns; `None` if its first lines have no
/// such header.
pub(super) fn csv_rows<'a>(file: &'a str, text: &str) -> Option<Result<Vec<Row<'a>>, Vec<Problem>>> {
    const MAX_PREFACE: usize = 20;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for separator in [b',', b';', b'\t'] {
        let mut reader = csv::ReaderBuilder::new();
        reader.delimiter(separator).has_headers(false).flexible(true).trim(csv::Trim::All);
        let records = reader.from_reader(text.as_bytes()).into_records();
        let (mut columns, mut rows, mut problems): (Option<Columns>, Vec<Row<'a>>, _) = (None, Vec::new(), Vec::new());
        for (at, record) in records.enumerate() {
            let Ok(record) = record else { break };
            let line = record.position().map_or(at + 1, |position| usize::try_from(position.line()).unwrap_or(at + 1));
            let cells: Vec<String> = record.iter().map(str::to_owned).collect();
            let is_empty = cells.iter().all(String::is_empty);
            match &columns {
                None if at > MAX_PREFACE => break,
                None => columns = Columns::of(&cells),
                Some(_) if is_empty => {}
                Some(columns) => match columns.rows(Source { file, line }, &cells) {
                    Ok(more) => rows.extend(more),
                    Err(problem) => problems.push(problem),
                },
            }
        }
        if columns.is_some() {
            return Some(if problems.is_empty() { Ok(rows) } else { Err(problems) });
        }
    }
    None
}

/// Lines like `3.2.1 #Ensure IP forwarding is disabled`. The title is not a reason.
fn build_kit_list<'a>(file: &'a str, text: &str) -> Vec<Row<'a>> {
    let number = |line: &str| line.split(['#', ' ', '\t']).next().map(str::to_owned).filter(|number| is_number(number));
    let row = |(at, line): (usize, &str)| {
        let number = number(line.trim())?;
        Some(Row { source: Source { file, line: at + 1 }, number, reason: None, expires: None, settled: false })
    };
    text.lines().enumerate().filter_map(row).collect()
}
