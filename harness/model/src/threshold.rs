//! Gates over scans: how many controls of a benchmark must have a result, and how many may fail. Pure.
//!
//! A scan with fewer results than its benchmark has controls is never simply green: its coverage is a row of its own. A threshold of the
//! matrix file tolerates only the failures that it counts, and its row is decisive instead of theirs. Failures that no threshold counts
//! remain failures, and a threshold that can count nothing is not evaluated.

mod coverage;
pub(crate) mod declared;
mod disagreement;
mod limits;
mod tally;

use jiff::Timestamp;

use self::coverage::{Expected, Table, gated};
pub use self::coverage::{gap_of, gaps, require_coverage_of};
pub use self::declared::{SCANNED, SUITE, Share, Threshold, grades};
pub use self::disagreement::mark_disagreements;
use self::tally::Tally;
use crate::benchmark;
use crate::candidate::OPERATING_SYSTEM;
use crate::judge::disposition::Disposition;
use crate::name::CheckId;
use crate::report::Report;
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::verdict::Outcome;

/// Adds a row for the coverage of every suite that scanned a subject, and one for the thresholds about it. If a threshold is met, the
/// failures that it counts become [`Disposition::Tolerated`], and results that were not evaluated become [`Disposition::Allowed`].
/// Replaces the rows of an earlier call.
pub fn apply(report: &mut Report, thresholds: &[Threshold], now: Timestamp) {
    apply_by(report, thresholds, now, &benchmark::asked);
}

fn apply_by(report: &mut Report, thresholds: &[Threshold], now: Timestamp, table: Table<'_>) {
    report.results.retain(|result| !result.is_gate());
    for (subject, suite) in gated(report, thresholds) {
        let variant = report.variant_of(&subject);
        let level = variant.and_then(|variant| variant.level);
        let own: Vec<&Threshold> = thresholds
            .iter()
            .filter(|threshold| threshold.suite == suite && threshold.covers(&subject, level))
            .collect();
        let promised = variant.and_then(|variant| variant.benchmark.as_ref()).filter(|_| suite == OPERATING_SYSTEM);
        let tally = Tally::of(report, &subject, &suite, promised.map(|benchmark| benchmark.as_str()));
        let expected = Expected {
            subject: &subject,
            promised: promised.map(|benchmark| benchmark.as_str()),
            level,
            least: own.iter().filter_map(|threshold| threshold.coverage).max(),
            scans: report.scans.iter().filter(|scan| scan.subject == subject && scan.suite == suite).collect(),
            table,
        };
        let (coverage, is_declared) = (expected.outcome(&tally), expected.least.is_some());
        let limits = limits::outcome(&own, &tally);
        let id = format!("{SUITE}/{suite}-coverage");
        match &coverage {
            Outcome::Pass if is_declared => account(report, &subject, &suite, &Disposition::Allowed),
            // With a threshold, a gap is a failure, which is in the gate's row.
            Outcome::Fail { .. } => {
                if let Ok(check) = CheckId::try_from(id.clone()) {
                    let blocked = Disposition::Blocked { check, subject: subject.clone() };
                    account(report, &subject, &suite, &blocked);
                }
            }
            _ => {}
        }
        if limits == Some(Outcome::Pass) {
            limits::tolerate(report, &subject, &suite, &own);
        }
        let coverage = row(id, COVERAGE, &subject, coverage, now);
        let limits =
            limits.and_then(|outcome| row(format!("{SUITE}/{suite}-threshold"), THRESHOLD, &subject, outcome, now));
        report.results.extend(coverage.into_iter().chain(limits));
    }
}

const COVERAGE: &str = "every control of the benchmark has a result";
const THRESHOLD: &str = "no more controls fail than the matrix file allows";

/// Sets the disposition of results that were not evaluated, if the matrix file declares a coverage. An error is not a gap in a scan: it
/// means that amiproof failed.
fn account(report: &mut Report, subject: &Subject, suite: &str, meaning: &Disposition) {
    let own = |result: &&mut CheckResult| result.subject == *subject && result.check.suite() == suite;
    for result in report.results.iter_mut().filter(own) {
        if result.disposition == Disposition::NotEvaluated {
            result.disposition = meaning.clone();
        }
    }
}

/// The row of a gate; `None` only if the suite's name is not valid in a check id, which the matrix file rejects.
fn row(id: String, title: &str, subject: &Subject, outcome: Outcome, now: Timestamp) -> Option<CheckResult> {
    let check = CheckId::try_from(id).ok()?;
    Some(CheckResult { title: title.into(), started: now, ..CheckResult::new(check, subject.clone(), outcome) })
}

#[cfg(test)]
mod tests;
