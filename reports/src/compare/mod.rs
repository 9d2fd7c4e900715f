//! Compares two runs: new failures, fixed ones, and results that are no longer evaluated.
//!
//! Checks are matched by subject and check id. The id of a scanner's check holds the benchmark with its version, because
//! benchmarks renumber (4.5.2 of the CIS EKS benchmark meant another thing in 1.5.0 than in 1.7.0). So controls of two versions
//! are never matched by number: they appear as one [`Replacement`] with the numbers of removed and added controls, and so do controls that
//! another scanner judges. What else the runs did not test in the same way is in [`Comparison::caveats`].

pub(crate) mod caveat;
pub(crate) mod comparison;
pub(crate) mod facts;
mod junit;
mod markdown;
mod page;
mod scope;
pub(crate) mod state;
mod terminal;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use amiproof_model::name::CheckId;
use amiproof_model::report::{CheckResult, Report, Subject};
use indexmap::IndexMap;

pub use self::caveat::{About, Caveat, Replacement};
pub use self::comparison::{Comparison, ComparisonFormat, ResultChange, Side};
pub use self::facts::{FactChange, Presence, VariantChange};
use self::scope::{Replaced, Scope, other_scanner};
pub use self::state::{Change, State};
use crate::error::RenderError;
use crate::file::write_file;
use crate::sheet;
use crate::terminal::style::Style;

impl Comparison {
    /// The comparison in one format. The style is for the terminal only.
    ///
    /// # Errors
    /// When JSON or XML cannot be written, which would be a bug in amiproof.
    pub fn render(&self, format: ComparisonFormat, style: &Style) -> Result<String, RenderError> {
        match format {
            ComparisonFormat::Terminal => Ok(terminal::render(self, style)),
            ComparisonFormat::Markdown => Ok(markdown::render(self)),
            ComparisonFormat::Json => Ok(serde_json::to_string_pretty(self)? + "\n"),
            ComparisonFormat::Junit => junit::render(self),
            ComparisonFormat::Html => page::render(self),
        }
    }

    /// Writes every format with a file into `folder`, which must exist: `compare.md` and so on. One that fails does not
    /// stop the others.
    pub fn write_all(&self, folder: &Path) -> Vec<Result<PathBuf, RenderError>> {
        let files = ComparisonFormat::ALL.iter().filter_map(|format| Some((*format, format.file_name()?)));
        let write = |(format, name): (ComparisonFormat, &str)| {
            self.render(format, &Style::default()).and_then(|text| write_file(folder, name, &text))
        };
        files.map(write).collect()
    }
}

/// Compares two runs. Pure; the order of the answer is that of the reports.
pub fn compare(base: &Report, candidate: &Report) -> Comparison {
    let anonymous = anonymous(base, candidate);
    let before = index(base, &anonymous);
    let after = index(candidate, &anonymous);
    let scope = Scope::of(base, candidate);
    let mut replaced = Replaced::default();
    let mut changes = Vec::new();
    let mut unchanged = 0;
    for (key, old) in &before {
        match after.get(key) {
            Some(new) => match Change::between(State::of(old), State::of(new)) {
                Some(change) => changes.push(Found::Both(old, new).change(change)),
                None => unchanged += 1,
            },
            None if !scope.compares(old) => {}
            None => match scope.benchmark_in(&scope.candidate_benchmarks, old) {
                Some(to) => replaced.removed(old, About::Benchmark, benchmark_of(old), to),
                None => match other_scanner(&scope.base_judges, &scope.candidate_judges, old, true) {
                    Some(other) => replaced.removed(old, About::Scanner, scanner_of(old), scanner_of(other)),
                    None => changes.push(Found::OnlyBase(old).change(Change::Disappeared)),
                },
            },
        }
    }
    for (key, new) in &after {
        if before.contains_key(key) || !scope.existed(new) {
            continue;
        }
        match scope.benchmark_in(&scope.base_benchmarks, new) {
            Some(from) => replaced.added(new, About::Benchmark, from, benchmark_of(new)),
            None => match other_scanner(&scope.candidate_judges, &scope.base_judges, new, false) {
                Some(other) => replaced.added(new, About::Scanner, scanner_of(other), scanner_of(new)),
                None => {
                    let change = Change::between(State::Absent, State::of(new));
                    changes.extend(change.map(|change| Found::OnlyCandidate(new).change(change)));
                }
            },
        }
    }
    changes.sort_by_key(|change: &ResultChange| (change.change, !change.coverage_lost));
    let mut counts = IndexMap::new();
    for change in &changes {
        *counts.entry(change.change).or_insert(0) += 1;
    }
    let redefined = caveat::redefined(base, candidate);
    for change in changes.iter_mut().filter(|change| redefined.contains(change.check.as_str())) {
        let also = "the check itself is defined differently from the baseline";
        change.reason = if change.reason.is_empty() { also.to_owned() } else { format!("{} ({also})", change.reason) };
    }
    let replacements = replaced.into_vec();
    let suites_not_run: Vec<String> = scope.suites_not_run.iter().map(|suite| (*suite).to_owned()).collect();
    Comparison {
        caveats: caveat::caveats(base, candidate, &replacements, &suites_not_run),
        base: side(base),
        candidate: side(candidate),
        counts,
        unchanged,
        changes,
        replacements,
        suites_not_run,
        causes: Vec::new(),
        variants: facts::variant_changes(base, candidate),
    }
}

fn benchmark_of(result: &CheckResult) -> &str {
    result.control.as_ref().map_or("", |control| control.benchmark())
}

fn scanner_of(result: &CheckResult) -> &str {
    result.scanner.as_deref().unwrap_or_default()
}

/// What identifies a result in both runs: subject, check, scanner, and the index among those with the same three.
type Key<'a> = (&'a Subject, &'a CheckId, Option<&'a str>, usize);

fn index<'a>(report: &'a Report, anonymous: &HashSet<(&Subject, &CheckId)>) -> IndexMap<Key<'a>, &'a CheckResult> {
    let mut seen: HashMap<(&Subject, &CheckId, Option<&str>), usize> = HashMap::new();
    let mut index = IndexMap::new();
    for result in &report.results {
        let is_anonymous = anonymous.contains(&(&result.subject, &result.check));
        let scanner = result.scanner.as_deref().filter(|_| !is_anonymous);
        let number = seen.entry((&result.subject, &result.check, scanner)).or_insert(0);
        index.insert((&result.subject, &result.check, scanner, *number), result);
        *number += 1;
    }
    index
}

/// Results that one of the reports has without a scanner name: there the name is ignored.
fn anonymous<'a>(base: &'a Report, candidate: &'a Report) -> HashSet<(&'a Subject, &'a CheckId)> {
    let all = base.results.iter().chain(&candidate.results);
    all.filter(|result| result.scanner.is_none()).map(|result| (&result.subject, &result.check)).collect()
}

/// Where a result is: in one of the runs or in both.
#[derive(Clone, Copy)]
enum Found<'a> {
    Both(&'a CheckResult, &'a CheckResult),
    OnlyBase(&'a CheckResult),
    OnlyCandidate(&'a CheckResult),
}

impl Found<'_> {
    fn change(self, change: Change) -> ResultChange {
        let (shown, base, candidate) = match self {
            Found::Both(old, new) => (new, State::of(old), State::of(new)),
            Found::OnlyBase(old) => (old, State::of(old), State::Absent),
            Found::OnlyCandidate(new) => (new, State::Absent, State::of(new)),
        };
        ResultChange {
            change,
            coverage_lost: base.is_verdict()
                && matches!(candidate, State::NotEvaluated | State::Error | State::Manual | State::Absent),
            subject: shown.subject.clone(),
            check: shown.check.clone(),
            title: shown.title.to_string(),
            control: shown.control.clone(),
            level: shown.level,
            base,
            candidate,
            reason: sheet::reason(shown),
            origin: shown.origin.filter(|_| candidate != State::Absent),
        }
    }
}

fn side(report: &Report) -> Side {
    Side {
        run: report.run.id.clone(),
        matrix: report.run.matrix.clone(),
        started: report.run.started,
        kubernetes_version: report.cluster.kubernetes().to_owned(),
        tool_version: report.tool.version.clone(),
    }
}
