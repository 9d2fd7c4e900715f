//! The report as a sheet: rows are checks grouped by suite, columns are the subjects.
//!
//! A control that scanners of several suites evaluate (kube-bench and `eks-cis` by the CIS EKS benchmark) is one row with all answers.
//!
//! HTML, Markdown, CSV and the terminal all show this sheet; this is the one place that decides its order and counts its cells. A cell
//! is counted once, by the most urgent of its answers.

mod finding;
mod status;

use std::collections::HashMap;

use amiproof_model::name::{CheckId, ControlId};
use amiproof_model::report::{CheckResult, PhaseEnd, PhaseRecord, Report, Subject, VariantRecord};
use indexmap::IndexMap;

pub(crate) use self::finding::{Folded, reason};
pub(crate) use self::status::{IsMeant, Status, Tally};
pub(crate) use amiproof_model::conclusion::weight;

/// The sheet of one report.
pub(crate) struct Sheet<'a> {
    homes: HashMap<&'a ControlId, &'a CheckId>,
    /// The variants in the order of the matrix, then the cluster if it has results.
    pub(crate) columns: Vec<Column<'a>>,
    /// The suites in the order of their first result, without those whose rows are all among another's.
    pub(crate) suites: Vec<Suite<'a>>,
}

/// What one column is about.
pub(crate) struct Column<'a> {
    pub(crate) subject: Subject,
    /// Absent for the cluster, and for a variant that has results but no record (an edited report).
    pub(crate) variant: Option<&'a VariantRecord>,
}

/// The rows of one suite.
pub(crate) struct Suite<'a> {
    pub(crate) name: &'a str,
    /// Other suites that evaluate the same controls.
    pub(crate) others: Vec<&'a str>,
    /// In the order of their first result.
    pub(crate) rows: Vec<Row<'a>>,
}

/// One check, or one control, over all columns.
pub(crate) struct Row<'a> {
    pub(crate) check: &'a CheckId,
    /// The checks of other suites that evaluate the same control.
    pub(crate) others: Vec<&'a CheckId>,
    /// One cell per column: the results of these checks on that subject; usually one, none if it did not run.
    pub(crate) cells: Vec<Vec<&'a CheckResult>>,
}

impl<'a> Row<'a> {
    /// Any result of the row: it knows the title and the control.
    pub(crate) fn sample(&self) -> Option<&'a CheckResult> {
        self.cells.iter().flatten().next().copied()
    }

    /// The status of a cell; `None` if nothing ran.
    pub(crate) fn decisive(&self, column: usize) -> Option<&'a CheckResult> {
        decisive(self.cells.get(column)?)
    }
}

/// The most urgent of several results, which the cell shows and counts as; of equals the first.
pub(crate) fn decisive<'a>(cell: &[&'a CheckResult]) -> Option<&'a CheckResult> {
    cell.iter().copied().min_by_key(|result| Status::of(&result.disposition))
}

impl<'a> Sheet<'a> {
    pub(crate) fn of(report: &'a Report) -> Self {
        let columns = columns(report);
        let homes = homes(report);
        let mut suites: IndexMap<&'a str, IndexMap<&'a CheckId, Row<'a>>> = IndexMap::new();
        for result in &report.results {
            let check = home(&homes, result).unwrap_or(&result.check);
            let new = || Row { check, others: Vec::new(), cells: vec![Vec::new(); columns.len()] };
            let row = suites.entry(check.suite()).or_default().entry(check).or_insert_with(new);
            if *check != result.check && !row.others.contains(&&result.check) {
                row.others.push(&result.check);
            }
            let at = columns.iter().position(|column| column.subject == result.subject);
            if let Some(cell) = at.and_then(|at| row.cells.get_mut(at)) {
                cell.push(result);
            }
        }
        let suites = suites.into_iter().map(|(name, rows)| Suite::of(name, rows.into_values().collect())).collect();
        Self { homes, columns, suites }
    }

    /// The row that a result belongs to, if it is that of another check.
    pub(crate) fn row_of(&self, result: &CheckResult) -> Option<&'a CheckId> {
        home(&self.homes, result)
    }

    /// All cells of all suites, by suite and row.
    fn cells(&self, column: usize) -> impl Iterator<Item = (&Suite<'a>, &'a CheckResult)> {
        self.suites
            .iter()
            .flat_map(move |suite| suite.rows.iter().filter_map(move |row| Some((suite, row.decisive(column)?))))
    }

    /// The results that cells show and count as, by suite and row.
    pub(crate) fn decisive(&self) -> impl Iterator<Item = &'a CheckResult> {
        let rows = self.suites.iter().flat_map(|suite| &suite.rows);
        rows.flat_map(|row| &row.cells).filter_map(|cell| decisive(cell))
    }

    /// Every cell of the sheet.
    pub(crate) fn tally(&self) -> Tally {
        (0..self.columns.len()).flat_map(|at| self.cells(at)).map(|(_, one)| Status::of(&one.disposition)).collect()
    }

    /// Every cell of a column.
    pub(crate) fn tally_of(&self, column: usize) -> Tally {
        self.cells(column).map(|(_, one)| Status::of(&one.disposition)).collect()
    }

    /// The cells of a column in one suite.
    pub(crate) fn tally_in(&self, column: usize, suite: &str) -> Tally {
        let own = self.cells(column).filter(|(of, _)| of.name == suite);
        own.map(|(_, one)| Status::of(&one.disposition)).collect()
    }

    /// The cells of a column that are wanted: smoke tests and add-ons before checks of nodes, these before controls of scans.
    pub(crate) fn listed(&self, column: usize, wanted: impl Fn(Status) -> bool) -> Vec<&'a CheckResult> {
        let cells = self.cells(column).map(|(_, result)| result);
        let mut listed: Vec<&CheckResult> = cells.filter(|one| wanted(Status::of(&one.disposition))).collect();
        listed.sort_by_key(|result| weight(result.check.suite()));
        listed
    }

    /// Which suites the wanted cells of a column are in, and how many: `workload 16, addon 1, os-cis 17`.
    pub(crate) fn suite_counts(&self, column: usize, wanted: impl Fn(Status) -> bool) -> Vec<(&'a str, usize)> {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for result in self.listed(column, wanted) {
            match counts.iter_mut().find(|(suite, _)| *suite == result.check.suite()) {
                Some((_, number)) => *number += 1,
                None => counts.push((result.check.suite(), 1)),
            }
        }
        counts
    }

    /// The names of all suites that have rows, in order.
    pub(crate) fn suite_names(&self) -> Vec<&'a str> {
        self.suites.iter().map(|suite| suite.name).collect()
    }
}

impl<'a> Suite<'a> {
    fn of(name: &'a str, rows: Vec<Row<'a>>) -> Self {
        let mut others: Vec<&'a str> = Vec::new();
        for check in rows.iter().flat_map(|row| &row.others) {
            if !others.contains(&check.suite()) {
                others.push(check.suite());
            }
        }
        Self { name, others, rows }
    }
}

/// The check of another suite in whose row a result is shown. Within a suite every check is a row of its own.
fn home<'a>(homes: &HashMap<&'a ControlId, &'a CheckId>, result: &CheckResult) -> Option<&'a CheckId> {
    let home = homes.get(result.control.as_ref()?).copied()?;
    (home.suite() != result.check.suite()).then_some(home)
}

/// The check whose row a control is shown in: the first one that judges it.
fn homes(report: &Report) -> HashMap<&ControlId, &CheckId> {
    let mut homes = HashMap::new();
    for result in &report.results {
        if let Some(control) = &result.control {
            homes.entry(control).or_insert(&result.check);
        }
    }
    homes
}

fn columns(report: &Report) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = report
        .variants
        .iter()
        .map(|variant| Column { subject: Subject::Variant(variant.name.clone()), variant: Some(variant) })
        .collect();
    for result in &report.results {
        if !columns.iter().any(|column| column.subject == result.subject) {
            columns.push(Column { subject: result.subject.clone(), variant: None });
        }
    }
    // The cluster comes last, wherever its first result is; the sort is stable, so the rest keeps its order.
    columns.sort_by_key(|column| column.subject == Subject::Cluster);
    columns
}

/// The failed phases of a subject, in order. Those of the run as a whole belong to the cluster.
pub(crate) fn broken_phases<'a>(
    report: &'a Report,
    subject: &Subject,
) -> impl Iterator<Item = (&'a PhaseRecord, &'a str)> {
    let phases = match subject {
        Subject::Cluster => report.run.phases.as_slice(),
        Subject::Variant(name) => report
            .variants
            .iter()
            .find(|variant| &variant.name == name)
            .map_or(&[][..], |variant| variant.phases.as_slice()),
    };
    phases.iter().filter_map(|phase| match &phase.ended {
        PhaseEnd::Error { message, .. } => Some((phase, message.as_str())),
        PhaseEnd::Done | PhaseEnd::Failed { .. } | PhaseEnd::Cancelled => None,
    })
}
