//! The exit codes of the process: a documented, closed set.

/// The exit codes of amiproof. A script may rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// 0: everything selected passed or was waived.
    Passed = 0,
    /// 1: a check failed.
    Failed = 1,
    /// 2: the command line, the matrix or another input is wrong; nothing was created.
    Usage = 2,
    /// 3: something was not evaluated, or amiproof could not decide it, and no threshold allows that.
    Error = 3,
    /// 4: the selection matches no variant or no check, or none that applies.
    NothingSelected = 4,
    /// 5: something that passed in the baseline fails now.
    Regression = 5,
    /// 6: something was left behind in the account.
    LeftBehind = 6,
    /// 130: interrupted by SIGINT or SIGTERM; cleanup ran.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code with what it means, in the order of the table in the documentation.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Passed, "all passed or waived"),
        (Self::Failed, "a check failed"),
        (Self::Usage, "wrong usage or configuration; nothing was created"),
        (
            Self::Error,
            "inconclusive: something could not be evaluated, and no threshold allows it; or nothing was evaluated",
        ),
        (Self::NothingSelected, "nothing selected"),
        (Self::Regression, "regression against the baseline"),
        (Self::LeftBehind, "something was left behind in the account"),
        (Self::Interrupted, "interrupted"),
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_once() {
        let codes: Vec<u8> = ExitCode::ALL.iter().map(|(code, _)| code.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 130]);
    }
}
