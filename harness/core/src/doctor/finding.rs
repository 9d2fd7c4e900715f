//! One line of the doctor's answer.

use amiproof_model::exit::ExitCode;
use serde::Serialize;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A run has what it needs.
    Ok,
    /// A part of the run may not get its answer.
    Warning,
    /// A run would fail.
    Problem,
    /// It could not be asked.
    Unknown,
}

impl Status {
    /// The word for it in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
            Self::Unknown => "unknown",
        }
    }
}

/// What was asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was asked: `permissions`.
    pub check: &'static str,
    /// How it is.
    pub status: Status,
    /// What was found: a clause in small letters without full stop.
    pub message: String,
    /// What to do about it; empty where nothing is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help: String,
    /// Whether nobody can say that a run would work while this is unknown.
    pub decisive: bool,
}

impl Finding {
    fn new(check: &'static str, status: Status, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { check, status, message: message.into(), help: help.into(), decisive: false }
    }

    /// A run has what it needs.
    pub fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, message, "")
    }

    /// A part of the run may not get its answer.
    pub fn warning(check: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(check, Status::Warning, message, help)
    }

    /// A run would fail.
    pub fn problem(check: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(check, Status::Problem, message, help)
    }

    /// It could not be asked, and a run may work all the same.
    pub fn unknown(check: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(check, Status::Unknown, message, help)
    }

    /// It could not be asked, and without it nobody can say that a run would work.
    pub fn undecided(check: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { decisive: true, ..Self::unknown(check, message, help) }
    }
}

/// What the process answers: 0 when a run can begin, 1 when it would fail, 3 when something decisive is unknown.
pub fn conclude(findings: &[Finding]) -> ExitCode {
    let has = |status: Status| findings.iter().any(|finding| finding.status == status);
    let is_undecided = findings.iter().any(|finding| finding.status == Status::Unknown && finding.decisive);
    if has(Status::Problem) {
        ExitCode::Failed
    } else if is_undecided || findings.is_empty() {
        ExitCode::Error
    } else {
        ExitCode::Passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_decides_before_what_is_unknown_and_nothing_asked_is_not_ready() {
        let [ok, warning, problem] =
            [Finding::ok("a", "b"), Finding::warning("a", "b", "c"), Finding::problem("a", "b", "c")];
        let [unknown, undecided] = [Finding::unknown("a", "b", "c"), Finding::undecided("a", "b", "c")];
        for (findings, wanted) in [
            (vec![], ExitCode::Error),
            (vec![&ok], ExitCode::Passed),
            (vec![&ok, &warning, &unknown], ExitCode::Passed),
            (vec![&ok, &undecided], ExitCode::Error),
            (vec![&undecided, &problem], ExitCode::Failed),
        ] {
            let findings: Vec<Finding> = findings.into_iter().cloned().collect();
            assert_eq!(conclude(&findings), wanted, "{findings:?}");
        }
    }
}
