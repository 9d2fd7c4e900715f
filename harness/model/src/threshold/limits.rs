//! How many failures a suite may have: limits, and the rows that count towards them.

use super::declared::{Threshold, grades};
use super::tally::Tally;
use crate::judge::disposition::Disposition;
use crate::report::Report;
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::verdict::{Finding, Outcome};

impl Threshold {
    pub(super) fn limits_failures(&self) -> bool {
        self.pass.is_some() || self.failures.is_some() || !self.severities.is_empty()
    }

    /// Whether one of its limits counts such a row: `pass` and `failures` count every failure, `severities` only those that it names.
    fn counts(&self, result: &CheckResult) -> bool {
        let graded = result.severity.is_some_and(|severity| self.severities.contains_key(&severity));
        self.pass.is_some() || self.failures.is_some() || graded
    }

    /// The limits that are exceeded.
    fn missed(&self, tally: &Tally) -> Vec<Finding> {
        let controls = |number: usize| format!("{number} control{}", if number == 1 { "" } else { "s" });
        let mut missed = Vec::new();
        let (passed, failed) = (tally.passed(), tally.failed());
        let decided = passed + failed;
        if let Some(share) = self.pass
            && !share.is_met(passed, decided)
        {
            missed.push(format!(
                "{passed} of {decided} decided controls passed; the threshold requires at least {share}"
            ));
        }
        if let Some(most) = self.failures
            && failed > most
        {
            missed.push(format!("{} failed; the threshold tolerates {most}", controls(failed)));
        }
        for (severity, most) in &self.severities {
            let failed = tally.failed_with(*severity);
            if failed > *most {
                let word = severity.as_str();
                let count = controls(failed);
                missed.push(format!("{count} of severity {word} failed; the threshold tolerates {most}"));
            }
        }
        missed.into_iter().map(|summary| Finding::new(format!("threshold of {}", self.suite), summary)).collect()
    }

    /// Why it cannot be applied to the decided results.
    fn undecidable(&self, tally: &Tally) -> Option<String> {
        if self.severities.is_empty() {
            return None;
        }
        // A scanner that reports severities may omit that of a finding: no limit counts it.
        let (silent, is_graded) = match tally.ungraded.is_empty() {
            false => (&tally.ungraded, tally.ungraded.iter().any(|name| grades(name))),
            true if tally.has_grader => return None,
            true => (&tally.never_grade, false),
        };
        let names = silent.iter().map(String::as_str).collect::<Vec<_>>().join(" and ");
        Some(if is_graded {
            format!("failures of {names} have no severity, so no limit covers them")
        } else {
            format!("{names} gives no severity: limit failures or pass instead of severities")
        })
    }
}

/// The outcome of the limits of some thresholds; `None` if none limits failures. Without decided results no limit is met.
pub(super) fn outcome(own: &[&Threshold], tally: &Tally) -> Option<Outcome> {
    if !own.iter().any(|threshold| threshold.limits_failures()) {
        return None;
    }
    let missed: Vec<Finding> = own.iter().flat_map(|threshold| threshold.missed(tally)).collect();
    if tally.passed() + tally.failed() == 0 {
        let nothing_applies =
            tally.inapplicable.clone().filter(|_| tally.silent.is_empty() && tally.answered.is_empty());
        return Some(match nothing_applies {
            Some(reason) => Outcome::NotApplicable { reason },
            None => {
                Outcome::NotEvaluated { reason: "no control passed or failed, so there is nothing to count".to_owned() }
            }
        });
    }
    if !missed.is_empty() {
        return Some(Outcome::Fail { findings: missed });
    }
    let open = own.iter().find_map(|threshold| threshold.undecidable(tally));
    Some(open.map_or(Outcome::Pass, |reason| Outcome::NotEvaluated { reason }))
}

/// Tolerates the failures that thresholds which are met count, and no others.
pub(super) fn tolerate(report: &mut Report, subject: &Subject, suite: &str, own: &[&Threshold]) {
    let is_own = |result: &&mut CheckResult| result.subject == *subject && result.check.suite() == suite;
    for result in report.results.iter_mut().filter(is_own) {
        if result.disposition == Disposition::Failed && own.iter().any(|threshold| threshold.counts(result)) {
            result.disposition = Disposition::Tolerated;
        }
    }
}
