//! One line of the output of `amiproof doctor`, and the exit code that follows from all of them.

use amiproof_model::exit::ExitCode;
use serde::Serialize;

/// Whether a run could start, as far as one check tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "kebab-case")]
pub enum Status {
    /// A run has what it needs.
    Ok,
    /// A run can start, but some of its checks may not be evaluated.
    Warning,
    /// A run would fail.
    Problem,
    /// It could not be determined.
    Unknown,
}

impl Status {
    /// The word for it in text and JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The name of the check: `permissions`.
    pub check: &'static str,
    /// Its outcome.
    pub status: Status,
    /// What was found: a lower-case clause without a full stop.
    pub message: String,
    /// How to fix it; empty if there is nothing to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help: String,
    /// Whether a run must not be called ready while this is unknown (exit code 3).
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

    /// A run can start, but some of its checks may not be evaluated.
    pub fn warning(check: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(check, Status::Warning, message, help)
    }

    /// A run would fail.
    pub fn problem(check: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(check, Status::Problem, message, help)
    }

    /// It could not be determined, and a run may work nevertheless.
    pub fn unknown(check: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(check, Status::Unknown, message, help)
    }

    /// It could not be determined, and without it a run cannot be called ready.
    pub fn undecided(check: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { decisive: true, ..Self::unknown(check, message, help) }
    }
}

/// The exit code: 0 if a run can start, 1 if it would fail, 3 if that cannot be determined.
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
