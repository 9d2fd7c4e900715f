//! Puts imported rows into a report. Pure.
//!
//! The result depends on which files were imported, not on their order: a file replaces its own earlier rows, and nothing else. Several
//! files of one scanner on one subject are distinguished by their names.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::report::order::natural;
use amiproof_model::report::{CheckResult, ImportedFrom, Report, ScanRecord, Subject};
use amiproof_model::settle::settle;
use amiproof_model::verdict::Outcome;
use amiproof_model::waiver::Waiver;
use jiff::Timestamp;

use super::Import;

/// What an import changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// New rows: checks that the file did not have for the subject before.
    pub added: usize,
    /// Rows that replaced older ones.
    pub replaced: usize,
    /// Older rows that the file no longer has.
    pub removed: usize,
    /// Checks that failed in the earlier import of the file and no longer fail, or are no longer in it.
    pub no_longer_failed: usize,
}

/// Adds the rows of an import. Earlier rows of the same file and subject are removed, so that importing it twice changes nothing. The
/// waivers are applied to the new rows and everything that depends on them.
pub fn merge(report: &mut Report, import: Import, waivers: &[Waiver], now: Timestamp) -> Change {
    let Import { subject, source, scans, rows, when } = import;
    let before = remove(report, source.as_ref(), subject.as_ref(), &scans);
    let when = when.unwrap_or(now);
    let new: Vec<CheckResult> = rows.into_iter().map(|(subject, row)| row.into_result(subject, when)).collect();
    let replaced = new.iter().filter(|result| before.contains_key(&key(result))).count();
    let still: BTreeSet<_> = new.iter().filter(|result| is_failure(result)).map(key).collect();
    let no_longer_failed = before.iter().filter(|(key, failed)| **failed && !still.contains(key)).count();
    let change = Change { added: new.len() - replaced, replaced, removed: before.len() - replaced, no_longer_failed };
    // Under a name that no other file's rows can have, until all names are known.
    let name = source.as_ref().map(|source| format!("{} {}", source.scanner, source.key));
    let own = |mut scan: ScanRecord| {
        if let Some(name) = &name {
            scan.scanner.clone_from(name);
        }
        scan
    };
    let mine = |mut result: CheckResult| {
        result.scanner = name.clone().or(result.scanner);
        result
    };
    report.scans.extend(scans.into_iter().map(own));
    report.results.extend(new.into_iter().map(mine));
    name_scanners(report);
    sort(report);
    settle(report, waivers, now);
    change
}

/// Removes the earlier rows of the file; returns their checks, and whether each failed.
fn remove(
    report: &mut Report,
    source: Option<&ImportedFrom>,
    subject: Option<&Subject>,
    scans: &[ScanRecord],
) -> BTreeMap<(String, String), bool> {
    let is_about =
        |known: &ScanRecord| subject == Some(&known.subject) || scans.iter().any(|scan| scan.subject == known.subject);
    let goes = |known: &ScanRecord| known.source.is_some() && known.source.as_ref() == source && is_about(known);
    let old: Vec<ScanRecord> = report.scans.iter().filter(|known| goes(known)).cloned().collect();
    let row_goes = |result: &CheckResult| old.iter().any(|scan| scan.owns(result));
    let mut before: BTreeMap<(String, String), bool> = BTreeMap::new();
    for result in report.results.iter().filter(|result| row_goes(result)) {
        *before.entry(key(result)).or_default() |= is_failure(result);
    }
    report.results.retain(|result| !row_goes(result));
    report.scans.retain(|known| !goes(known));
    before
}

fn is_failure(result: &CheckResult) -> bool {
    matches!(result.outcome, Outcome::Fail { .. })
}

fn key(result: &CheckResult) -> (String, String) {
    (result.check.to_string(), result.subject.as_str().to_owned())
}

/// The name of each file's scanner in reports: the file's own name for it if that is enough, else with the name of the
/// file.
fn name_scanners(report: &mut Report) {
    let mut files: BTreeMap<(String, String), BTreeSet<ImportedFrom>> = BTreeMap::new();
    let mut of_the_run: BTreeSet<(String, String)> = BTreeSet::new();
    for scan in &report.scans {
        let subject = scan.subject.as_str().to_owned();
        match &scan.source {
            Some(source) => {
                files.entry((subject, source.scanner.clone())).or_default().insert(source.clone());
            }
            None => {
                of_the_run.insert((subject, scan.scanner.clone()));
            }
        }
    }
    let name = |subject: &Subject, source: &ImportedFrom| {
        let place = (subject.as_str().to_owned(), source.scanner.clone());
        let all = files.get(&place);
        let is_alone = all.is_none_or(|all| all.len() < 2) && !of_the_run.contains(&place);
        let same = all.into_iter().flatten().filter(|other| other.file == source.file).count();
        match (is_alone || source.file.is_empty(), same > 1) {
            (true, _) => source.scanner.clone(),
            (false, false) => format!("{}-{}", source.scanner, source.file),
            (false, true) => format!("{}-{}-{}", source.scanner, source.file, source.key),
        }
    };
    // Maps old names to new ones, collected before any is applied, so that one file's new name is not taken for
    // another's old one.
    let mut new: BTreeMap<(String, String, String), String> = BTreeMap::new();
    for scan in &mut report.scans {
        let Some(source) = &scan.source else { continue };
        let name = name(&scan.subject, source);
        let place = (scan.subject.as_str().to_owned(), scan.suite.clone(), scan.scanner.clone());
        new.insert(place, name.clone());
        scan.scanner = name;
    }
    for result in &mut report.results {
        let Some(scanner) = &result.scanner else { continue };
        let place = (result.subject.as_str().to_owned(), result.check.suite().to_owned(), scanner.clone());
        if let Some(name) = new.get(&place) {
            result.scanner = Some(name.clone());
        }
    }
}

/// Imported rows follow the run's own of the same suite, in the order of their checks, columns and files.
fn sort(report: &mut Report) {
    let columns: BTreeMap<String, usize> =
        report.variants.iter().enumerate().map(|(at, variant)| (variant.name.to_string(), at)).collect();
    let column = |subject: &Subject| columns.get(subject.as_str()).copied().unwrap_or(usize::MAX);
    let imported: BTreeSet<(String, String, String)> = report
        .scans
        .iter()
        .filter(|scan| scan.source.is_some())
        .map(|scan| (scan.subject.as_str().to_owned(), scan.suite.clone(), scan.scanner.clone()))
        .collect();
    let is_imported = |result: &CheckResult| {
        let place =
            |scanner: &String| (result.subject.as_str().to_owned(), result.check.suite().to_owned(), scanner.clone());
        result.scanner.as_ref().is_some_and(|scanner| imported.contains(&place(scanner)))
    };
    let (mut new, own): (Vec<_>, Vec<_>) = std::mem::take(&mut report.results).into_iter().partition(is_imported);
    report.results = own;
    new.sort_by_cached_key(|result| {
        let id = result.check.as_str();
        (result.check.suite().to_owned(), natural(id), column(&result.subject), result.scanner.clone())
    });
    while let Some(first) = new.first() {
        let suite = first.check.suite().to_owned();
        let end = new.iter().position(|result| result.check.suite() != suite).unwrap_or(new.len());
        let of_suite: Vec<CheckResult> = new.drain(..end).collect();
        let at = report.results.iter().rposition(|result| result.check.suite() == suite);
        let at = at.map_or(report.results.len(), |at| at + 1);
        report.results.splice(at..at, of_suite);
    }
    let (mut new, own): (Vec<_>, Vec<_>) =
        std::mem::take(&mut report.scans).into_iter().partition(|scan| scan.source.is_some());
    new.sort_by_cached_key(|scan| {
        let benchmark = scan.benchmark.as_ref().map(ToString::to_string);
        (column(&scan.subject), scan.suite.clone(), scan.scanner.clone(), benchmark)
    });
    report.scans = own;
    report.scans.extend(new);
}

#[cfg(test)]
pub(super) mod tests;
