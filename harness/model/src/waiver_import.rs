//! Waivers from what other tools and people write: tables of exclusions, InSpec's waiver files, kube-bench's lists of checks to skip.
//!
//! A waiver has an owner, a reason and a last day; most sources lack some of it. What a source does not say is taken from
//! [`Defaults`], and what neither says is a problem with its line, never a made-up word.

use jiff::civil::Date;

use crate::name::{Benchmark, ControlId};
use crate::problem::{Place, Problem};
use crate::waiver::Waiver;
use crate::yaml::{self, Limits, Node, Value};

/// What the user says for all waivers of a source.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The benchmark that the numbers belong to.
    pub benchmark: Benchmark,
    /// Who answers for them.
    pub owner: String,
    /// The last day, where the source names none.
    pub expires: Option<Date>,
    /// Why, where the source does not say.
    pub reason: Option<String>,
    /// Where it was decided.
    pub ticket: Option<String>,
    /// The variants; empty for all.
    pub variants: Vec<String>,
}

impl Defaults {
    fn waiver(
        &self,
        source: &Source<'_>,
        number: &str,
        reason: Option<String>,
        expires: Option<Date>,
    ) -> Result<Waiver, Problem> {
        let control = ControlId::new(&self.benchmark, number).ok().filter(|_| is_number(number)).ok_or_else(|| {
            source.problem(format!("'{number}' is not a control's number"), "write numbers like 3.2.1")
        })?;
        let reason = reason.or_else(|| self.reason.clone()).ok_or_else(|| {
            let mend = "write one there, or give one for all such rows with --reason";
            source.problem(format!("control {number} has no reason"), mend)
        })?;
        let expires = expires.or(self.expires).ok_or_else(|| {
            source.problem(format!("control {number} has no last day"), "give one with --expires, like 2027-06-30")
        })?;
        Ok(Waiver {
            control: Some(control),
            reason,
            owner: self.owner.clone(),
            ticket: self.ticket.clone(),
            variants: self.variants.clone(),
            expires,
            ..Waiver::default()
        })
    }
}

/// A line of a file.
#[derive(Clone, Copy)]
struct Source<'a> {
    file: &'a str,
    line: usize,
}

impl Source<'_> {
    fn problem(&self, message: impl Into<String>, mend: impl Into<String>) -> Problem {
        let place = Some(Place { line: self.line, column: 1 });
        Problem { place, ..Problem::of_file(self.file, message, mend) }
    }
}

/// Reads a Markdown table of exclusions: `| CIS ID | CIS Description | Reason | Alternative control |`. The first column with "ID"
/// in its head has the number (or several), the one with "Reason" the reason; `Pending`, `TBD`, `N/A` and `-` are no reasons. Text around the
/// table does not matter, nor does a list with `number #title` a line, as CIS build kits have it (`exclusion_list.txt`).
///
/// # Errors
/// Every row that cannot be a waiver, or that there is none.
pub fn table(file: &str, text: &str, defaults: &Defaults) -> Result<Vec<Waiver>, Vec<Problem>> {
    let (mut head, mut columns): (Option<Vec<String>>, Option<Columns>) = (None, None);
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let source = Source { file, line: at + 1 };
        match (cells(line), &columns) {
            (None, _) => (head, columns) = (None, None),
            (Some(cells), None) if is_rule(&cells) => columns = head.as_deref().and_then(Columns::of),
            (Some(cells), None) => head = Some(cells),
            (Some(cells), Some(columns)) => rows.extend(columns.rows(source, &cells)),
        }
    }
    if rows.is_empty() {
        rows = build_kit_list(file, text);
    }
    let read = rows.into_iter().map(|(source, number, reason)| defaults.waiver(&source, &number, reason, None));
    collect(file, read, "table of controls with reasons, and no list of controls")
}

/// A row of the source: where it stands, the number, and the reason where there is one.
type Row<'a> = (Source<'a>, String, Option<String>);

struct Columns {
    number: usize,
    reason: usize,
    alternative: Option<usize>,
}

impl Columns {
    /// The columns of a table of exclusions; nothing for the head of another table.
    fn of(head: &[String]) -> Option<Self> {
        let find = |words: &[&str]| {
            head.iter().position(|cell| {
                let cell = cell.to_lowercase();
                cell.split(|c: char| !c.is_alphanumeric()).any(|part| words.contains(&part))
            })
        };
        Some(Self {
            number: find(&["id", "number", "control", "check"])?,
            reason: find(&["reason", "justification", "why"])?,
            alternative: find(&["alternative", "mitigation"]),
        })
    }

    /// A row for each number of the cell: people write `6.1.11, 6.1.12` and `3.4.2.4 and 3.4.2.5` where one reason is enough. A cell
    /// that holds anything else is one row, to be told what is wrong with it.
    fn rows<'a>(&self, source: Source<'a>, cells: &[String]) -> Vec<Row<'a>> {
        let cell = |at: usize| cells.get(at).map(String::as_str).unwrap_or_default();
        let alternative = self.alternative.and_then(|at| said(cell(at)));
        let reason = said(cell(self.reason)).map(|reason| match alternative {
            Some(alternative) => format!("{reason}; instead: {alternative}"),
            None => reason,
        });
        let numbers = cell(self.number);
        let spaced = numbers.replace("<br>", " ").replace("<br/>", " ");
        let words = spaced.split(|c: char| c.is_whitespace() || [',', ';', '&', '`'].contains(&c));
        let words: Vec<&str> = words.filter(|word| !word.is_empty() && *word != "and").collect();
        match words.iter().all(|word| is_number(word)) && !words.is_empty() {
            true => words.into_iter().map(|number| (source, number.to_owned(), reason.clone())).collect(),
            false => vec![(source, numbers.trim_matches('`').to_owned(), reason)],
        }
    }
}

/// Whether it is the line of dashes below a table's head.
fn is_rule(cells: &[String]) -> bool {
    cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| c == '-' || c == ':'))
}

/// The cells of a table's row; nothing for another line.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?;
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    Some(inner.replace("\\|", "\u{0}").split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect())
}

/// What a cell says, unless it only fills the space.
fn said(cell: &str) -> Option<String> {
    let empty = ["", "-", "n/a", "na", "none", "pending", "tbd", "todo", "?"];
    (!empty.contains(&cell.to_lowercase().as_str())).then(|| cell.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Lines like `3.2.1 #Ensure IP forwarding is disabled`. The title is no reason.
fn build_kit_list<'a>(file: &'a str, text: &str) -> Vec<Row<'a>> {
    let number = |line: &str| line.split(['#', ' ', '\t']).next().map(str::to_owned).filter(|number| is_number(number));
    let lines = text.lines().enumerate();
    lines.filter_map(|(at, line)| Some((Source { file, line: at + 1 }, number(line.trim())?, None))).collect()
}

fn is_number(text: &str) -> bool {
    text.contains('.') && text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Reads an InSpec waiver file: a map from control id to `expiration_date`, `run`, `justification`. The number is the end of the id
/// (`cis-al2023-3.2.1`, `3.2.1`).
///
/// # Errors
/// Every entry that cannot be a waiver.
pub fn inspec(file: &str, bytes: &[u8], defaults: &Defaults) -> Result<Vec<Waiver>, Vec<Problem>> {
    let tree = yaml::document(file, bytes, Limits::MATRIX).map_err(|problem| vec![problem])?;
    let Value::Map(entries) = &tree.value else {
        return Err(vec![Problem::of_file(
            file,
            "is not a map from control ids to waivers",
            "give an InSpec waiver file",
        )]);
    };
    let read = entries.iter().map(|entry| {
        let source = Source { file, line: entry.place.line };
        let number = entry.key.rsplit(['-', '_', ' ']).next().filter(|number| is_number(number)).ok_or_else(|| {
            let mend = "an id must end with the number in the benchmark, like 3.2.1 or cis-al2023-3.2.1";
            source.problem(format!("'{}' does not end with a control's number", entry.key), mend)
        })?;
        let Value::Map(fields) = &entry.value.value else {
            return Err(
                source.problem(format!("'{}' is not a map", entry.key), "write expiration_date and justification")
            );
        };
        let field = |name: &str| fields.iter().find(|field| field.key == name).map(|field| &field.value);
        let reason = field("justification").and_then(text).and_then(|text| said(&text));
        let expires = match field("expiration_date").and_then(text) {
            None => None,
            // InSpec itself takes whatever Ruby's Date.parse does; a date without doubt is year, month and day.
            Some(text) => Some(text.parse::<Date>().map_err(|_| {
                source.problem(
                    format!("expiration_date '{text}' is not a date"),
                    "write year, month and day, like 2027-06-30",
                )
            })?),
        };
        defaults.waiver(&source, number, reason, expires)
    });
    collect(file, read, "entry")
}

fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Number { spelling, .. } => Some(spelling.clone()),
        _ => None,
    }
}

/// Reads a list of numbers as `kube-bench run --skip` takes it: `3.1.1,4.2` in one line or many, `#` begins a remark. A group
/// (`4.2`) stands for each of the `known` numbers below it, because a waiver names controls.
///
/// # Errors
/// Every entry that cannot be a waiver.
pub fn kube_bench_skip(
    file: &str,
    list: &str,
    defaults: &Defaults,
    known: &[String],
) -> Result<Vec<Waiver>, Vec<Problem>> {
    let mut read = Vec::new();
    for (at, line) in list.lines().enumerate() {
        let source = Source { file, line: at + 1 };
        let (entries, remark) =
            line.split_once('#').map_or((line, None), |(entries, remark)| (entries, said(remark.trim())));
        let entries =
            entries.trim().trim_start_matches("--skip").trim_start_matches('=').trim_matches(['"', '\'', ' ']);
        for number in entries.split([',', ' ']).map(str::trim).filter(|number| !number.is_empty()) {
            let below: Vec<&String> = known.iter().filter(|known| known.starts_with(&format!("{number}."))).collect();
            let numbers = if below.is_empty() { vec![number.to_owned()] } else { below.into_iter().cloned().collect() };
            for number in numbers {
                read.push(defaults.waiver(&source, &number, remark.clone(), None));
            }
        }
    }
    collect(file, read.into_iter(), "number")
}

fn collect(
    file: &str,
    read: impl Iterator<Item = Result<Waiver, Problem>>,
    wanted: &str,
) -> Result<Vec<Waiver>, Vec<Problem>> {
    let (mut waivers, mut problems) = (Vec::<Waiver>::new(), Vec::new());
    for result in read {
        match result {
            // A list may name a control twice; one waiver is enough.
            Ok(waiver) if waivers.iter().any(|known| known.control == waiver.control) => {}
            Ok(waiver) => waivers.push(waiver),
            Err(problem) => problems.push(problem),
        }
    }
    if waivers.is_empty() && problems.is_empty() {
        problems.push(Problem::of_file(
            file,
            format!("holds no {wanted}"),
            "is it the right file, and the right --from?",
        ));
    }
    if problems.is_empty() { Ok(waivers) } else { Err(problems) }
}

#[cfg(test)]
mod tests;
