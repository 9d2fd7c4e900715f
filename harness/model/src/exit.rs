//! What the process answers: a documented, closed set of exit codes.

use crate::report::Report;

/// The exit codes of amiproof. A script may rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// 0: everything that was asked passed or was waived.
    Passed = 0,
    /// 1: a check failed.
    Failed = 1,
    /// 2: the command line, the matrix or another input is wrong; nothing was created.
    Usage = 2,
    /// 3: amiproof could not decide something.
    Error = 3,
    /// 4: the selection matches no variant or no check.
    NothingSelected = 4,
    /// 5: something that passed in the baseline fails now.
    Regression = 5,
    /// 6: something was left behind in the account.
    LeftBehind = 6,
    /// 130: interrupted by SIGINT or SIGTERM; cleanup ran.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code with what it means, in the order of the README's table.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Passed, "all passed or waived"),
        (Self::Failed, "a check failed"),
        (Self::Usage, "usage or configuration; nothing was created"),
        (Self::Error, "amiproof could not decide something"),
        (Self::NothingSelected, "nothing selected"),
        (Self::Regression, "regression against the baseline"),
        (Self::LeftBehind, "something was left behind in the account"),
        (Self::Interrupted, "interrupted"),
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The code that a finished run answers. What costs money comes first (6), then what the user did (130), then what says
    /// least about the image (3), then what says something about it (1).
    pub fn of(report: &Report) -> Self {
        let counts = report.counts();
        if !report.cleanup.leftovers.is_empty() {
            Self::LeftBehind
        } else if report.run.interrupted {
            Self::Interrupted
        } else if counts.error > 0 || report.has_broken_pipeline() {
            Self::Error
        } else if counts.failed > 0 {
            Self::Failed
        } else if counts.total() == 0 {
            Self::NothingSelected
        } else {
            Self::Passed
        }
    }
}
