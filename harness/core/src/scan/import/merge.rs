//! Puts imported rows into a report. Pure.

use amiproof_model::judge::Disposition;
use amiproof_model::report::{CheckResult, Report, Subject};
use amiproof_model::waiver::Waiver;
use jiff::Timestamp;

use super::Import;
use crate::check::ScanRow;
use crate::run::recorder::natural;
use crate::run::verdicts::settle;

/// What an import changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Rows of a check that the report did not have for the subject.
    pub added: usize,
    /// Rows that took the place of older ones.
    pub replaced: usize,
    /// Older rows of the same scanner that the file no longer has.
    pub removed: usize,
}

/// Adds the rows of an import. What the same scanner had said of the same subject goes, so that importing a file twice changes
/// nothing. The new rows, and with them all that depends on them, are judged with the waivers.
pub fn merge(report: &mut Report, import: Import, waivers: &[Waiver], now: Timestamp) -> Change {
    let Import { scans, suites, rows, when } = import;
    let mut before = Vec::new();
    for scan in &scans {
        let goes = |suite: &str, subject: &Subject, scanner: Option<&str>| {
            suites.contains(&suite) && *subject == scan.subject && scanner == Some(scan.scanner.as_str())
        };
        let row_goes = |result: &CheckResult| goes(result.check.suite(), &result.subject, result.scanner.as_deref());
        before.extend(report.results.iter().filter(|result| row_goes(result)).map(key));
        report.results.retain(|result| !row_goes(result));
        report.scans.retain(|known| !goes(&known.suite, &known.subject, Some(&known.scanner)));
    }
    let when = when.unwrap_or(now);
    let mut new: Vec<CheckResult> = rows.into_iter().map(|(subject, row)| result(subject, row, when)).collect();
    new.sort_by_cached_key(|result| natural(result.check.as_str()));
    let replaced = new.iter().filter(|result| before.contains(&key(result))).count();
    let change = Change { added: new.len() - replaced, replaced, removed: before.len() - replaced };
    for suite in &suites {
        let (of_suite, others): (Vec<_>, Vec<_>) = new.into_iter().partition(|result| result.check.suite() == *suite);
        let at = place(&report.results, suite);
        report.results.splice(at..at, of_suite);
        new = others;
    }
    report.scans.extend(scans);
    settle(report, waivers, now);
    change
}

fn key(result: &CheckResult) -> (String, Subject) {
    (result.check.to_string(), result.subject.clone())
}

/// Behind the last row of the suite, or at the end.
fn place(results: &[CheckResult], suite: &str) -> usize {
    results.iter().rposition(|result| result.check.suite() == suite).map_or(results.len(), |at| at + 1)
}

fn result(subject: Subject, row: ScanRow, when: Timestamp) -> CheckResult {
    CheckResult {
        check: row.check,
        title: row.title,
        subject,
        control: row.control,
        level: row.level,
        severity: row.severity,
        scanner: Some(row.scanner),
        outcome: row.decision.verdict.into(),
        disposition: Disposition::NotEvaluated,
        origin: None,
        disagreement: None,
        started: when,
        seconds: 0.0,
        earlier_attempts: Vec::new(),
        placements: row.decision.placements,
        traffic: Vec::new(),
        exercises: Vec::new(),
        evidence: row.decision.evidence,
    }
}

#[cfg(test)]
mod tests;
