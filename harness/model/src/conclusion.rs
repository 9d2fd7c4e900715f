//! The conclusion of a run: one value in a total order, from which the exit code and the verdict of every renderer follow.
//!
//! Nothing else derives a verdict: the process exits with [`Conclusion::exit_code`], and page, Markdown, JUnit and terminal show
//! [`Summary::conclusion`] and [`Summary::reason`], of the run or of one of its columns. The order decides if several apply:
//! leftovers, which cost money, before an interruption, that before inconclusive rows, and those before failures, because a run with an
//! undecided row may hide further failures. A row that is blocked by a failure of the same run
//! ([`Disposition::Blocked`](crate::judge::Disposition::Blocked)) is covered by that failure. A gap in a gate does not count if the same
//! scan failed: the benchmark as a whole is not met then, whatever the missing results are.

mod reason;
pub(crate) mod tally;

use serde::Serialize;

pub use self::reason::weight;
use self::tally::Tally;
pub(crate) use self::tally::is_evaluated;
pub use self::tally::{Conclusion, Scope};
use crate::exit::ExitCode;
use crate::report::Report;
use crate::report::counts::Counts;

/// A conclusion with why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The conclusion.
    pub conclusion: Conclusion,
    /// Why, as one clause without full stop: `16 failed (workload 15, addon 1)`. Plain text that may hold words of the run. It counts
    /// cells of the matrix: a control that several scanners judge is one.
    pub reason: String,
    /// Additional notes, one clause each: `56 of 166 controls not met, as expected of a stock image`.
    pub notes: Vec<String>,
    /// The rows of the scope by disposition, those of amiproof's own gates included.
    pub counts: Counts,
}

impl Summary {
    /// Concludes. `regressions` says how many rows of the scope are worse than in the baseline; 0 without one.
    pub fn of(report: &Report, scope: Scope<'_>, regressions: usize) -> Self {
        let tally = Tally::of(report, scope, regressions);
        Self {
            conclusion: tally.conclusion(),
            reason: reason::of(report, scope, &tally),
            notes: reason::notes(report, scope),
            counts: tally.counts,
        }
    }
}

impl ExitCode {
    /// The exit code of a finished run, without a baseline: see [`Conclusion`] for the order.
    pub fn of(report: &Report) -> Self {
        Summary::of(report, Scope::Run, 0).conclusion.exit_code()
    }
}

#[cfg(test)]
mod tests;
