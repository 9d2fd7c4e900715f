//! Defaults for a source, and parts that all sources share.

use jiff::civil::Date;

use crate::name::{Benchmark, ControlId};
use crate::problem::{Place, Problem};
use crate::vocabulary::is_number;
use crate::waiver::Waiver;

/// Defaults of the user for all waivers of a source.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The benchmark that the numbers belong to.
    pub benchmark: Benchmark,
    /// Their owner.
    pub owner: String,
    /// The last day, if the source has none.
    pub expires: Option<Date>,
    /// The reason, if the source has none.
    pub reason: Option<String>,
    /// Ticket in which it was approved.
    pub ticket: Option<String>,
    /// The variants; empty for all.
    pub variants: Vec<String>,
}

impl Defaults {
    pub(super) fn waiver(
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
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) line: usize,
}

impl Source<'_> {
    pub(super) fn problem(&self, message: impl Into<String>, help: impl Into<String>) -> Problem {
        let place = Some(Place { line: self.line, column: 1 });
        Problem { place, ..Problem::of_file(self.file, message, help) }
    }
}

/// The day of a date, with or without a time of day after it. InSpec accepts everything that Ruby's `Date.parse` does; only year, month
/// and day in this order are unambiguous.
pub(super) fn last_day(source: &Source<'_>, field: &str, text: &str) -> Result<Date, Problem> {
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

/// The content of a cell, unless it is a placeholder.
pub(super) fn non_empty(cell: &str) -> Option<String> {
    let empty = ["", "-", "n/a", "na", "none", "pending", "tbd", "todo", "?"];
    (!empty.contains(&cell.to_lowercase().as_str())).then(|| cell.split_whitespace().collect::<Vec<_>>().join(" "))
}

pub(super) fn collect(
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
