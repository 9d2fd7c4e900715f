//! Waivers from what other tools and people write: tables of exclusions, InSpec's waiver files, kube-bench's lists of checks to skip.
//!
//! A waiver has an owner, a reason and a last day; most sources lack some of it. What a source does not say is taken from
//! [`Defaults`], and what neither says is a problem with its line, never a made-up word.

use jiff::civil::Date;

use crate::name::{Benchmark, ControlId};
use crate::problem::{Place, Problem};
use crate::vocabulary::{is_number, number_in};
use crate::waiver::Waiver;
use crate::yaml::{self, Limits, Node, Value};

mod table;

pub use self::table::table;

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
            let help = "write one there, or give one for all such rows with --reason";
            source.problem(format!("control {number} has no reason"), help)
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
#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    file: &'a str,
    line: usize,
}

impl Source<'_> {
    fn problem(&self, message: impl Into<String>, help: impl Into<String>) -> Problem {
        let place = Some(Place { line: self.line, column: 1 });
        Problem { place, ..Problem::of_file(self.file, message, help) }
    }
}

/// Reads an InSpec waiver file: a map from control id to `expiration_date`, `run`, `justification`, or the same as CSV. The number is
/// in the id (`cis-al2023-3.2.1`, `3.2.1`, `xccdf_org.cisecurity.benchmarks_rule_3.2.1_Ensure_…`).
///
/// # Errors
/// Every entry that cannot be a waiver.
pub fn inspec(file: &str, bytes: &[u8], defaults: &Defaults) -> Result<Vec<Waiver>, Vec<Problem>> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(rows) = table::csv_rows(file, text)
    {
        return rows.and_then(|rows| table::waivers(file, rows, defaults));
    }
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
        let number = number_in(&entry.key).ok_or_else(|| {
            let help = "an id must hold the number in the benchmark, like 3.2.1 or cis-al2023-3.2.1";
            source.problem(format!("'{}' holds no control's number", entry.key), help)
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
            Some(text) => Some(last_day(&source, "expiration_date", &text)?),
        };
        defaults.waiver(&source, number, reason, expires)
    });
    collect(file, read, "entry")
}

/// The day of a date, with or without a time of day behind it. InSpec itself takes whatever Ruby's `Date.parse` does; a date without
/// doubt is year, month and day.
fn last_day(source: &Source<'_>, field: &str, text: &str) -> Result<Date, Problem> {
    let text = text.trim();
    let (day, rest) = text.split_at_checked(10).unwrap_or((text, ""));
    let is_time = |rest: &str| {
        let time = rest.trim_start_matches(['T', 't', ' ']);
        let zone = time.trim_start_matches(|c: char| c.is_ascii_digit() || ":.".contains(c)).trim();
        let offset = zone.trim_start_matches(['+', '-']);
        rest.starts_with(['T', 't', ' '])
            && time.contains(':')
            && (["", "Z", "z", "UTC", "GMT"].contains(&zone)
                || (offset != zone && offset.chars().all(|c| c.is_ascii_digit() || c == ':')))
    };
    let day = day.parse::<Date>().ok().filter(|_| rest.is_empty() || is_time(rest));
    day.ok_or_else(|| {
        source.problem(format!("{field} '{text}' is not a date"), "write year, month and day, like 2027-06-30")
    })
}

/// What a cell says, unless it only fills the space.
fn said(cell: &str) -> Option<String> {
    let empty = ["", "-", "n/a", "na", "none", "pending", "tbd", "todo", "?"];
    (!empty.contains(&cell.to_lowercase().as_str())).then(|| cell.split_whitespace().collect::<Vec<_>>().join(" "))
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
