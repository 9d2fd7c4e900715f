//! The outcome of one check in a finished run, for a test runner: passed, skipped or failed. Pure.

use amiproof_core::check::{Body, Check, Scope};
use amiproof_model::judge::Disposition;
use amiproof_model::report::{CheckResult, Subject};

/// The outcome of one check over all its subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// At least one subject passed (or failed with a waiver, or as the baseline did), and none failed.
    Passed,
    /// Nothing was evaluated, with the reason.
    Skipped(String),
    /// Something failed or was inconclusive: one line per subject.
    Failed(String),
}

/// The name of the test for a check: `node::ready`.
pub fn test_name(check: &Check) -> String {
    check.id.as_str().replace('/', "::")
}

/// The outcome of `check` in `results`. The rows of a scan are those of its suite and scope.
pub fn answer(check: &Check, results: &[CheckResult]) -> Answer {
    let own: Vec<&CheckResult> = results.iter().filter(|result| belongs(check, result)).collect();
    let failed = own.iter().filter(|result| matches!(result.disposition, Disposition::Failed | Disposition::Error));
    let failed: Vec<String> = failed.map(|result| line(result)).collect();
    if !failed.is_empty() {
        return Answer::Failed(failed.join("\n"));
    }
    if own.iter().any(|result| has_verdict(result)) {
        return Answer::Passed;
    }
    Answer::Skipped(own.first().map_or_else(|| "the run has no result for it".to_owned(), |result| line(result)))
}

/// Whether the run has a verdict of `check` and no error.
pub fn is_evaluated(check: &Check, results: &[CheckResult]) -> bool {
    let mut own = results.iter().filter(|result| belongs(check, result));
    let undecided = |result: &CheckResult| matches!(result.disposition, Disposition::Error);
    let decided = |result: &CheckResult| !undecided(result) && has_verdict(result);
    own.clone().any(decided) && !own.any(undecided)
}

fn has_verdict(result: &CheckResult) -> bool {
    !matches!(
        result.disposition,
        Disposition::NotApplicable
            | Disposition::NotEvaluated
            | Disposition::Allowed
            | Disposition::Blocked { .. }
            | Disposition::Manual
    )
}

fn belongs(check: &Check, result: &CheckResult) -> bool {
    if !matches!(check.body, Body::Scan(_)) {
        return result.check == check.id;
    }
    let of_cluster = result.subject == Subject::Cluster;
    result.check.suite() == check.id.suite() && of_cluster == (check.scope == Scope::Cluster)
}

fn line(result: &CheckResult) -> String {
    let reason = result.outcome.reason().lines().next().unwrap_or_default();
    format!("{} on {}: {}: {reason}", result.check, result.subject.as_str(), result.disposition.as_str())
}

#[cfg(test)]
mod tests {
    use amiproof_model::verdict::{Finding, Outcome};

    use super::*;
    use crate::registry::CHECKS;

    fn check(id: &str) -> Check {
        CHECKS.iter().find(|check| check.id == id).unwrap().check().unwrap()
    }

    fn result(id: &str, subject: &str, outcome: Outcome, disposition: Disposition) -> CheckResult {
        let subject = if subject == "cluster" { Subject::Cluster } else { Subject::Variant(subject.parse().unwrap()) };
        CheckResult { disposition, ..CheckResult::new(id.parse().unwrap(), subject, outcome) }
    }

    fn failed(id: &str, subject: &str) -> CheckResult {
        let findings = vec![Finding::new("node 1", "not Ready")];
        result(id, subject, Outcome::Fail { findings }, Disposition::Failed)
    }

    fn passed(id: &str, subject: &str) -> CheckResult {
        result(id, subject, Outcome::Pass, Disposition::Passed)
    }

    fn skipped(id: &str, subject: &str) -> CheckResult {
        let outcome = Outcome::NotEvaluated { reason: "no scan".into() };
        result(id, subject, outcome, Disposition::NotEvaluated)
    }

    #[test]
    fn one_failed_variant_fails_the_test_and_is_named() {
        let results = [passed("node/ready", "a"), failed("node/ready", "b"), failed("node/age", "c")];
        let expected = "node/ready on b: failed: not Ready".to_owned();
        assert_eq!(answer(&check("node/ready"), &results), Answer::Failed(expected));
        assert_eq!(answer(&check("node/joined"), &[passed("node/joined", "a")]), Answer::Passed);
    }

    #[test]
    fn nothing_evaluated_is_never_passed() {
        let expected = "node/ready on a: not evaluated: no scan".to_owned();
        assert_eq!(answer(&check("node/ready"), &[skipped("node/ready", "a")]), Answer::Skipped(expected));
        assert_eq!(
            answer(&check("node/ready"), &[passed("node/age", "a")]),
            Answer::Skipped("the run has no result for it".into())
        );
        assert_eq!(
            answer(&check("node/ready"), &[skipped("node/ready", "a"), passed("node/ready", "b")]),
            Answer::Passed
        );
    }

    #[test]
    fn the_rows_of_a_scan_are_those_of_its_suite_and_scope() {
        let results =
            [passed("kube-bench/cis-eks-1.8.0/3.1.1", "a"), failed("kube-bench/cis-eks-1.8.0/4.1.1", "cluster")];
        assert_eq!(answer(&check("kube-bench/node"), &results), Answer::Passed);
        assert!(matches!(answer(&check("kube-bench/cluster"), &results), Answer::Failed(_)));
    }
}
