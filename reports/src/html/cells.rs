//! The data of the grid: compact JSON that contains every text once.

use std::collections::HashMap;

use amiproof_model::name::{CheckId, ControlId};
use amiproof_model::report::{CheckResult, Report};
use indexmap::{IndexMap, IndexSet};
use serde::Serialize;
use serde_json::{Value, json};

use super::detail::{Detail, Details};
use super::nights::Tracks;
use super::nodes::each_once;
use crate::compare::comparison::ResultChange;
use crate::compare::state::Change;
use crate::context::{Context, class};
use crate::history::{History, strip};
use crate::origin::{origin_sentence, origin_word};
use crate::sheet::{self, Column, Row, Sheet, Status};
use crate::text;
use crate::times::Times;

/// The status number of a cell that only the baseline has; lower numbers are indexes into [`Status::ALL`].
const GONE: usize = Status::ALL.len();

/// What the script draws.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data {
    columns: Vec<Value>,
    suites: Vec<SuiteData>,
    /// Class, symbol, word and short word of each status; a cell refers to it by index. The last one is for cells that only the baseline
    /// has.
    statuses: Vec<[&'static str; 4]>,
    /// The origins of failures, with their meaning.
    origins: Vec<[&'static str; 2]>,
    /// The words of [`Change`]; a cell refers to it by index plus one, with zero for none.
    changes: Vec<&'static str>,
    /// The content of drawers; cells refer to it by index. The first one is empty.
    details: IndexSet<Detail>,
    /// What contents of drawers have in common, and the answers of several scanners; the first one is nothing.
    parts: IndexSet<Value>,
    /// Reasons, titles and other texts that many cells share; the first one is empty.
    strings: IndexSet<String>,
    /// Letter, class, height and meaning of the marks of a night, the worst last; empty without a history.
    marks: Vec<(char, &'static str, usize, &'static str)>,
}

#[derive(Serialize)]
struct SuiteData {
    name: String,
    /// Other suites that evaluate the same controls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<String>,
    rows: Vec<RowData>,
}

#[derive(Serialize)]
struct RowData {
    /// The check's id.
    id: String,
    /// The ids under which other suites evaluate the same control.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<String>,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<u8>,
    /// One per column: none, or status, seconds, reason, detail, change, answers.
    cells: Vec<Option<CellData>>,
    /// The last nights of its cells: column, a letter for each night with the oldest first, and when it began to fail.
    /// A cell that was the same in every night is not among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nights: Vec<(usize, String, String)>,
}

#[derive(Clone, Serialize)]
struct CellData(usize, f64, usize, usize, usize, usize);

/// Collects the data of a sheet.
pub(super) fn data(context: &Context<'_>, sheet: &Sheet<'_>, history: Option<&History<'_>>) -> Data {
    let tracks = Tracks::of(history);
    let (report, comparison) = (&*context.report, context.comparison.as_ref());
    let times = Times::of(sheet.decisive());
    let mut strings = IndexSet::from([String::new()]);
    let mut details = Details::of(report, &times);
    let changes: HashMap<(&str, &str), &ResultChange> = comparison
        .into_iter()
        .flat_map(|comparison| &comparison.changes)
        .map(|change| ((change.subject.as_str(), change.check.as_str()), change))
        .collect();
    let mut cell = |results: &[&CheckResult]| {
        // The most urgent of several answers is shown; a click shows all.
        let result = sheet::decisive(results)?;
        let change = changes.get(&(result.subject.as_str(), result.check.as_str()));
        let change = change.filter(|change| change.candidate == crate::compare::State::of(result));
        Some(CellData(
            Status::of(&result.disposition).place(),
            times.own(result),
            strings.insert_full(text::short_line(&sheet::reason(result), 400)).0,
            details.place_of(result),
            change.map_or(0, |change| number(change.change)),
            answers(results).map_or(0, |answers| details.part(answers)),
        ))
    };
    let mut suites: IndexMap<String, Rows> = IndexMap::new();
    let mut homes: HashMap<&ControlId, &CheckId> = HashMap::new();
    for suite in &sheet.suites {
        let section = suites.entry(suite.name.to_owned()).or_default();
        section.others = suite.others.iter().map(|name| (*name).to_owned()).collect();
        for row in &suite.rows {
            let Some(sample) = row.sample() else { continue };
            if let Some(control) = &sample.control {
                homes.insert(control, row.check);
            }
            let cells = row.cells.iter().map(|results| cell(results)).collect();
            let nights = tracks.of_row(sheet, row);
            section.rows.insert(row.check.to_string(), RowData { nights, ..row_data(row, sample, cells) });
        }
    }
    for change in comparison.into_iter().flat_map(|comparison| &comparison.changes) {
        if change.change == Change::Disappeared {
            add_gone(&mut suites, sheet, &homes, change);
        }
    }
    let suites = suites.into_iter().map(|(name, Rows { others, rows })| SuiteData {
        name,
        others,
        rows: rows.into_values().collect(),
    });
    Data {
        columns: sheet.columns.iter().map(|column| column_data(context, column)).collect(),
        suites: suites.collect(),
        statuses: Status::ALL
            .iter()
            .map(|status| [status.key(), status.symbol(), status.as_str(), status.short()])
            .chain([["gone", "∅", "gone", "gone"]])
            .collect(),
        origins: origins(report),
        changes: Change::ALL.iter().copied().map(Change::as_str).collect(),
        details: details.all,
        parts: details.parts,
        strings,
        marks: history.map(|_| strip::marks()).unwrap_or_default(),
    }
}

fn number(change: Change) -> usize {
    Change::ALL.iter().position(|one| *one == change).map_or(0, |at| at + 1)
}

/// A suite's rows by id.
#[derive(Default)]
struct Rows {
    others: Vec<String>,
    rows: IndexMap<String, RowData>,
}

/// The result of each scanner, if there are several: its name, status and reason, and whether one passes and another fails.
fn answers(results: &[&CheckResult]) -> Option<Value> {
    if results.len() < 2 {
        return None;
    }
    let list = results.iter().map(|result| {
        let scanner = result.scanner.as_deref().map_or_else(|| "amiproof".into(), text::line);
        let reason = text::short_line(&sheet::reason(result), 400);
        json!([scanner, Status::of(&result.disposition).place(), reason, result.check.as_str()])
    });
    let differ = results.iter().any(|result| result.disagreement.is_some());
    Some(json!({ "answers": list.collect::<Vec<_>>(), "differ": differ }))
}

fn row_data(row: &Row<'_>, sample: &CheckResult, cells: Vec<Option<CellData>>) -> RowData {
    RowData {
        id: row.check.to_string(),
        others: row.others.iter().map(ToString::to_string).collect(),
        title: text::short_line(&sample.title, 400),
        control: sample.control.as_ref().map(ToString::to_string),
        // kube-bench does not say the level; another scanner of the control may.
        level: row.cells.iter().flatten().find_map(|result| result.level).map(u8::from),
        cells,
        nights: Vec::new(),
    }
}

/// Adds a cell for a result that only the baseline has: in the row of its control, if that has no cell in the column.
fn add_gone(
    suites: &mut IndexMap<String, Rows>,
    sheet: &Sheet<'_>,
    homes: &HashMap<&ControlId, &CheckId>,
    change: &ResultChange,
) {
    let Some(at) = sheet.columns.iter().position(|column| column.subject == change.subject) else { return };
    let gone = CellData(GONE, 0.0, 0, 0, number(change.change), 0);
    let home = change.control.as_ref().and_then(|control| homes.get(control));
    let row = home.and_then(|home| suites.get_mut(home.suite())?.rows.get_mut(home.as_str()));
    if let Some(cell @ None) = row.and_then(|row| row.cells.get_mut(at)) {
        *cell = Some(gone);
        return;
    }
    let rows = &mut suites.entry(change.check.suite().to_owned()).or_default().rows;
    let row = rows.entry(change.check.to_string()).or_insert_with(|| RowData {
        id: change.check.to_string(),
        others: Vec::new(),
        title: text::short_line(&change.title, 400),
        control: change.control.as_ref().map(ToString::to_string),
        level: change.level.map(u8::from),
        cells: vec![None; sheet.columns.len()],
        nights: Vec::new(),
    });
    if let Some(cell) = row.cells.get_mut(at) {
        cell.get_or_insert(gone);
    }
}

/// The origins that the report has, with what they mean.
fn origins(report: &Report) -> Vec<[&'static str; 2]> {
    let mut origins: Vec<[&'static str; 2]> = Vec::new();
    for origin in report.results.iter().filter_map(|result| result.origin) {
        if !origins.iter().any(|[word, _]| *word == origin_word(origin)) {
            origins.push([origin_word(origin), origin_sentence(origin)]);
        }
    }
    origins
}

fn column_data(context: &Context<'_>, column: &Column<'_>) -> Value {
    let conclusion = context.verdict_of(&column.subject).conclusion;
    let (verdict, class) = (conclusion.as_str(), class(conclusion));
    let Some(variant) = column.variant else {
        return json!({ "name": column.subject.as_str(), "verdict": verdict, "class": class });
    };
    json!({
        "name": variant.name.as_str(),
        "verdict": verdict,
        "class": class,
        "family": variant.family.as_str(),
        "level": variant.level.map(u8::from),
        "benchmark": variant.benchmark.as_ref().map(ToString::to_string),
        "reference": variant.reference.as_ref().map(ToString::to_string),
        "ami": variant.ami.as_ref().map(|ami| ami.id.to_string()),
        "amiName": variant.ami.as_ref().map(|ami| text::short_line(&ami.name, 200)),
        "kubelet": each_once(&variant.nodes, |node| &node.kubelet),
        "nodes": variant.nodes.len(),
        "boot": super::tiles::boot(variant),
    })
}
