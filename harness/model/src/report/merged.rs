//! Rows of an older report whose checks have since become one check: they become one row per subject, with the worst
//! of their results.

use super::result::CheckResult;
use crate::renamed;
use crate::verdict::Outcome;

/// The rows of a report, in their order.
#[derive(Default)]
pub(super) struct Merged(Vec<CheckResult>);

impl Merged {
    /// Adds a row: to the earlier one of its subject where several checks were renamed to its check.
    pub(super) fn add(&mut self, result: CheckResult) {
        // Only rows of such checks are compared, because comparing every row with all others would take minutes.
        let is_same = |earlier: &&mut CheckResult| earlier.check == result.check && earlier.subject == result.subject;
        let earlier = renamed::is_several(result.check.as_str()).then(|| self.0.iter_mut().find(is_same));
        match earlier.flatten() {
            Some(earlier) => join(earlier, result),
            None => self.0.push(result),
        }
    }

    /// All of them.
    pub(super) fn into_results(mut self) -> Vec<CheckResult> {
        self.0.shrink_to_fit();
        self.0
    }
}

/// The worse result stays, with its evidence; durations and capabilities are added up.
fn join(earlier: &mut CheckResult, mut other: CheckResult) {
    if severity(&other.outcome) > severity(&earlier.outcome) {
        std::mem::swap(earlier, &mut other);
    }
    earlier.seconds += other.seconds;
    earlier.started = earlier.started.min(other.started);
    for word in other.exercises {
        if !earlier.exercises.contains(&word) {
            earlier.exercises.push(word);
        }
    }
}

/// A failure is known; what could not be decided outweighs what passed, so that nothing undecided becomes green.
fn severity(outcome: &Outcome) -> u8 {
    match outcome.as_str() {
        "fail" => 4,
        "error" => 3,
        "not evaluated" => 2,
        "pass" | "manual" => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::report::subject::Subject;
    use crate::verdict::Finding;

    fn merge(results: Vec<CheckResult>) -> Vec<CheckResult> {
        let mut merged = Merged::default();
        results.into_iter().for_each(|result| merged.add(result));
        merged.into_results()
    }

    #[test]
    fn four_rows_of_an_older_report_are_one_and_the_worst_of_them_counts() {
        let of = |id: &str, outcome: Outcome| {
            let subject = Subject::Variant("a".parse().unwrap());
            CheckResult {
                seconds: 2.0,
                started: Timestamp::UNIX_EPOCH,
                ..CheckResult::new(id.parse().unwrap(), subject, outcome)
            }
        };
        let failed = || Outcome::Fail { findings: vec![Finding::new("job/tick", "it did not fire")] };
        let cut_off = || Outcome::NotEvaluated { reason: "cut off".to_owned() };
        let rows = vec![
            of("workload/job", Outcome::Pass),
            of("workload/cron-job", failed()),
            of("workload/redis", Outcome::Pass),
            of("workload/rolling-update", cut_off()),
            of("workload/redis", Outcome::Pass),
        ];
        let merged = merge(rows);
        let ids: Vec<&str> = merged.iter().map(|row| row.check.as_str()).collect();
        assert_eq!(
            ids,
            ["workload/controllers", "workload/redis", "workload/redis"],
            "other rows are left as they are"
        );
        assert_eq!((&merged[0].outcome, merged[0].seconds), (&failed(), 6.0));
        let undecided = merge(vec![of("workload/job", Outcome::Pass), of("workload/disruption-budget", cut_off())]);
        assert_eq!(undecided[0].outcome.as_str(), "not evaluated");
    }
}
