//! Findings as people read them: the same violation on several nodes is one.

use amiproof_model::judge::Disposition;
use amiproof_model::report::CheckResult;
use amiproof_model::verdict::Finding;

use crate::text;

/// One violation with everything that it was seen on.
pub(crate) struct Folded<'a> {
    /// The first of those that say the same.
    pub(crate) finding: &'a Finding,
    resources: Vec<&'a str>,
}

impl<'a> Folded<'a> {
    /// The findings of a result; those with the same text become one, at the place of the first.
    pub(crate) fn of(result: &'a CheckResult) -> Vec<Self> {
        let mut folded: Vec<Self> = Vec::new();
        for finding in result.outcome.findings() {
            let same = |one: &&mut Self| {
                let known = one.finding;
                (&known.summary, &known.detail, &known.remediation)
                    == (&finding.summary, &finding.detail, &finding.remediation)
            };
            match folded.iter_mut().find(same) {
                Some(one) => one.resources.push(&finding.resource),
                None => folded.push(Self { finding, resources: vec![&finding.resource] }),
            }
        }
        folded
    }

    /// `node 1`, or `2 nodes (node 1, node 2)`.
    pub(crate) fn place(&self) -> String {
        match self.resources.as_slice() {
            [only] => text::line(only),
            several => format!("{} ({})", self.number(), text::line(&several.join(", "))),
        }
    }

    /// `2 nodes`.
    fn number(&self) -> String {
        let are_nodes = self.resources.iter().all(|resource| resource.starts_with("node "));
        text::count(self.resources.len(), if are_nodes { "node" } else { "place" })
    }

    /// The evidence, unless it only says the summary again.
    pub(crate) fn detail(&self) -> &'a str {
        let detail = self.finding.detail.as_str();
        if detail.trim() == self.finding.summary.trim() { "" } else { detail }
    }

    fn sentence(&self) -> String {
        match self.resources.len() {
            1 => self.finding.summary.clone(),
            _ => format!("{} (on {})", self.finding.summary, self.number()),
        }
    }
}

/// One line that says why a result is what it is: the waiver for a waived one, else the outcome's own reason.
pub(crate) fn reason(result: &CheckResult) -> String {
    match &result.disposition {
        Disposition::Waived { owner, reason, until } => format!("waived by {owner} until {until}: {reason}"),
        Disposition::Blocked { subject, check } => {
            let own = result.outcome.reason();
            let blocker = format!("blocked by {check} of {}", subject.as_str());
            if own.is_empty() { blocker } else { format!("{blocker}: {own}") }
        }
        Disposition::Flaky => {
            let tries = result.earlier_attempts.len();
            let first =
                result.earlier_attempts.iter().map(|outcome| outcome.reason()).find(|reason| !reason.is_empty());
            let after = text::count(tries, "earlier attempt");
            match first {
                Some(first) => format!("passed after {after}: {first}"),
                None => format!("passed after {after}"),
            }
        }
        _ => {
            let own = match Folded::of(result).as_slice() {
                [] => result.outcome.reason().to_owned(),
                [only] => only.sentence(),
                [first, rest @ ..] => format!("{} (and {} more)", first.sentence(), rest.len()),
            };
            match (&result.disagreement, own.is_empty()) {
                (None, _) => own,
                (Some(others), true) => format!("scanners disagree: {others}"),
                (Some(others), false) => format!("{own}; scanners disagree: {others}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amiproof_model::report::Subject;
    use amiproof_model::verdict::Outcome;

    fn result(findings: Vec<Finding>) -> CheckResult {
        CheckResult {
            disposition: Disposition::Failed,
            ..CheckResult::new("node/ready".parse().unwrap(), Subject::Cluster, Outcome::Fail { findings })
        }
    }

    #[test]
    fn the_same_violation_on_several_nodes_is_said_once() {
        let one = |resource: &str, summary: &str| Finding::new(resource, summary).with_detail(summary);
        for (findings, expected, places) in [
            (vec![one("node 1", "a")], "a", vec!["node 1"]),
            (vec![one("node 1", "a"), one("node 2", "a")], "a (on 2 nodes)", vec!["2 nodes (node 1, node 2)"]),
            (vec![one("pod a", "a"), one("node 2", "a")], "a (on 2 places)", vec!["2 places (pod a, node 2)"]),
            (
                vec![one("node 1", "a"), one("node 2", "b"), one("node 3", "a")],
                "a (on 2 nodes) (and 1 more)",
                vec!["2 nodes (node 1, node 3)", "node 2"],
            ),
        ] {
            let result = result(findings);
            assert_eq!(reason(&result), expected);
            let folded = Folded::of(&result);
            assert_eq!(folded.iter().map(Folded::place).collect::<Vec<_>>(), places);
            assert!(folded.iter().all(|one| one.detail().is_empty()), "the summary is not said twice");
        }
    }
}
