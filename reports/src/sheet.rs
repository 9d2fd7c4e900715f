//! The report as a sheet: rows are checks grouped by suite, columns are the subjects they were asked about.
//!
//! A control that scanners of several suites judge (kube-bench and `eks-cis` by the CIS EKS benchmark) is one row with all answers.
//!
//! HTML, Markdown and the terminal all show this sheet; this is the one place that decides its order.

use std::collections::HashMap;

use amiproof_model::judge::Disposition;
use amiproof_model::name::{CheckId, ControlId};
use amiproof_model::report::{CheckResult, Counts, Phase, PhaseEnd, PhaseRecord, Report, Subject, VariantRecord};
use indexmap::IndexMap;

/// The sheet of one report.
pub(crate) struct Sheet<'a> {
    /// The variants in the order of the matrix, then the cluster if anything was asked about it.
    pub(crate) columns: Vec<Column<'a>>,
    /// The suites in the order of their first result, without those whose rows are all among another's.
    pub(crate) suites: Vec<Suite<'a>>,
    names: Vec<&'a str>,
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
    /// Other suites that judge controls of these rows too.
    pub(crate) others: Vec<&'a str>,
    /// In the order of their first result.
    pub(crate) rows: Vec<Row<'a>>,
}

/// One check, or one control, over all columns.
pub(crate) struct Row<'a> {
    pub(crate) check: &'a CheckId,
    /// The checks of other suites that judge the same control.
    pub(crate) others: Vec<&'a CheckId>,
    /// One cell per column: the results of these checks on that subject; usually one, none where it was not asked.
    pub(crate) cells: Vec<Vec<&'a CheckResult>>,
}

impl<'a> Row<'a> {
    /// Any result of the row: it knows the title and the control.
    pub(crate) fn sample(&self) -> Option<&'a CheckResult> {
        self.cells.iter().flatten().next().copied()
    }
}

impl<'a> Sheet<'a> {
    pub(crate) fn of(report: &'a Report) -> Self {
        let columns = columns(report);
        let homes = homes(report);
        let mut suites: IndexMap<&'a str, IndexMap<&'a CheckId, Row<'a>>> = IndexMap::new();
        let mut names: Vec<&'a str> = Vec::new();
        for result in &report.results {
            if !names.contains(&result.check.suite()) {
                names.push(result.check.suite());
            }
            let home = result.control.as_ref().and_then(|control| homes.get(control)).copied();
            // Within a suite every check is a row of its own.
            let check = home.filter(|home| home.suite() != result.check.suite()).unwrap_or(&result.check);
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
        Self { columns, suites, names }
    }

    /// The names of all suites that have results, in order.
    pub(crate) fn suite_names(&self) -> Vec<&'a str> {
        self.names.clone()
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

/// The check whose row a control stands in: the first one that judges it.
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
    // The cluster comes last, wherever its first result stands; the sort is stable, so the rest keeps its order.
    columns.sort_by_key(|column| column.subject == Subject::Cluster);
    columns
}

/// Counts over the results of one subject.
pub(crate) fn counts_of(report: &Report, subject: &Subject) -> Counts {
    report.counts_where(|result| &result.subject == subject)
}

/// The phases of a subject that broke, in order. Those of the run as a whole belong to the cluster.
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
        PhaseEnd::Broken { message, .. } => Some((phase, message.as_str())),
        PhaseEnd::Done | PhaseEnd::Failed { .. } | PhaseEnd::Cancelled => None,
    })
}

/// What a column comes to, in one word that needs no colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A phase broke: the pipeline of this subject is not complete.
    Broken,
    /// A check failed.
    Failed,
    /// No check failed, but amiproof could not decide something.
    Error,
    /// Everything that was decided passed or was excused, but not everything was decided.
    Partly,
    /// Everything that applies was decided, and passed or was excused.
    Passed,
    /// Nothing was decided at all.
    Empty,
}

impl Standing {
    pub(crate) fn of(report: &Report, subject: &Subject) -> Self {
        let counts = counts_of(report, subject);
        if broken_phases(report, subject).any(|(phase, _)| phase.phase != Phase::Teardown) {
            Self::Broken
        } else if counts.failed > 0 {
            Self::Failed
        } else if counts.error > 0 {
            Self::Error
        } else if counts.passed + counts.flaky + counts.waived + counts.known + counts.tolerated == 0 {
            Self::Empty
        } else if counts.not_evaluated > 0 {
            Self::Partly
        } else {
            Self::Passed
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Error => "error",
            Self::Failed => "failed",
            Self::Partly => "passed in part",
            Self::Passed => "passed",
            Self::Empty => "no verdict",
        }
    }
}

/// Picks results by what they mean for the run.
pub(crate) type Wanted = fn(&Disposition) -> bool;

/// The order in which a reader needs to see results: what failed, what could not be decided, what nobody looked at, the rest.
pub(crate) fn urgency(disposition: &Disposition) -> u8 {
    match disposition {
        Disposition::Failed => 0,
        Disposition::Error => 1,
        Disposition::NotEvaluated | Disposition::Blocked { .. } => 2,
        Disposition::Flaky => 3,
        Disposition::Waived { .. } => 4,
        Disposition::Known => 5,
        Disposition::Tolerated | Disposition::Allowed => 6,
        Disposition::Manual => 7,
        Disposition::NotApplicable | Disposition::Informational => 8,
        Disposition::Passed => 9,
    }
}

/// One line that says why a result is what it is: the waiver for a waived one, else the outcome's own reason.
pub(crate) fn reason(result: &CheckResult) -> String {
    match &result.disposition {
        Disposition::Waived { owner, reason, until } => format!("waived by {owner} until {until}: {reason}"),
        Disposition::Flaky => {
            let tries = result.earlier_attempts.len();
            let first =
                result.earlier_attempts.iter().map(|outcome| outcome.reason()).find(|reason| !reason.is_empty());
            let after = crate::text::count(tries, "earlier attempt");
            match first {
                Some(first) => format!("passed after {after}: {first}"),
                None => format!("passed after {after}"),
            }
        }
        _ => {
            let own = match result.outcome.findings() {
                [] | [_] => result.outcome.reason().to_owned(),
                [first, rest @ ..] => format!("{} (and {} more)", first.summary, rest.len()),
            };
            match (&result.disagreement, own.is_empty()) {
                (None, _) => own,
                (Some(others), true) => format!("scanners disagree: {others}"),
                (Some(others), false) => format!("{own}; scanners disagree: {others}"),
            }
        }
    }
}
