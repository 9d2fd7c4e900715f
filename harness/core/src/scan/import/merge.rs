//! Puts imported rows into a report. Pure.

use amiproof_model::judge::Disposition;
use amiproof_model::report::{CheckResult, Report, ScanRecord, Subject};
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
    let Import { scans, rows, when } = import;
    let mut before = Vec::new();
    for scan in &scans {
        // kube-bench and Inspector know several benchmarks; another one's rows stay.
        let goes = |result: &CheckResult| scan.owns(result) && same_benchmark(scan, result);
        before.extend(report.results.iter().filter(|result| goes(result)).map(key));
        report.results.retain(|result| !goes(result));
        report.scans.retain(|known| {
            (&known.subject, &known.suite, &known.scanner) != (&scan.subject, &scan.suite, &scan.scanner)
        });
    }
    let when = when.unwrap_or(now);
    let mut new: Vec<CheckResult> = rows.into_iter().map(|(subject, row)| result(subject, row, when)).collect();
    new.sort_by_cached_key(|result| natural(result.check.as_str()));
    let replaced = new.iter().filter(|result| before.contains(&key(result))).count();
    let change = Change { added: new.len() - replaced, replaced, removed: before.len() - replaced };
    let at = new.first().map(|first| place(&report.results, first.check.suite())).unwrap_or(0);
    report.results.splice(at..at, new);
    report.scans.extend(scans);
    settle(report, waivers, now);
    change
}

fn key(result: &CheckResult) -> (String, Subject) {
    (result.check.to_string(), result.subject.clone())
}

fn same_benchmark(scan: &ScanRecord, result: &CheckResult) -> bool {
    match (&scan.benchmark, &result.control) {
        (Some(benchmark), Some(control)) => control.benchmark() == benchmark.as_str(),
        _ => true,
    }
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
