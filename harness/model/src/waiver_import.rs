//! Waivers from files of other tools and people: tables of exclusions, InSpec's waiver files, kube-bench's lists of checks to skip.
//!
//! A waiver has an owner, a reason and a last day; most sources lack some of it. What a source lacks is taken from
//! [`Defaults`], and what both lack is a problem with its line; nothing is invented.

mod source;
mod table;

pub use self::source::Defaults;
use self::source::{Source, collect, last_day, non_empty};
pub use self::table::table;
use crate::problem::Problem;
use crate::vocabulary::number_in;
use crate::waiver::Waiver;
use crate::yaml;
use crate::yaml::{Limits, Node, Value};

/// Reads an InSpec waiver file: a map from control id to `expiration_date`, `run`, `justification`, or the same as CSV. The number is
/// in the id (`cis-al2023-3.2.1`, `3.2.1`, `xccdf_org.cisecurity.benchmarks_rule_3.2.1_Ensure_…`).
///
/// # Errors
/// All entries that cannot become waivers.
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
        let reason = field("justification").and_then(text).and_then(|text| non_empty(&text));
        let expires = match field("expiration_date").and_then(text) {
            None => None,
            Some(text) => Some(last_day(&source, "expiration_date", &text)?),
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

/// Reads a list of numbers in the format of `kube-bench run --skip`: `3.1.1,4.2` in one or several lines, with comments after `#`. A
/// group (`4.2`) means each of the `known` numbers below it, because a waiver names controls.
///
/// # Errors
/// All entries that cannot become waivers.
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
            line.split_once('#').map_or((line, None), |(entries, remark)| (entries, non_empty(remark.trim())));
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

#[cfg(test)]
mod tests;
