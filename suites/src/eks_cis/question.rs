//! A question of the benchmark: its name and its evaluation.

use amiproof_core::check::Decision;
use amiproof_model::verdict::{Evidence, Finding, Verdict};

use super::facts::{Facts, Unreadable};

/// A question that amiproof answers or collects evidence for.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    /// Its name in `suites/benchmarks/questions.yaml`.
    pub(crate) id: &'static str,
    /// Evaluates it.
    pub(crate) assess: Assess,
}

/// Answers a question from the facts; a fact that could not be read is returned and becomes "not evaluated".
pub(crate) type Assess = fn(&Facts) -> Result<Decision, Unreadable>;

/// Maximum number of findings; the last one counts the rest, so that reports stay readable with thousands of pods.
const FINDINGS: usize = 50;

/// Maximum number of lines of evidence.
const LINES: usize = 200;

/// `Pass` without findings, otherwise `Fail`.
pub(crate) fn verdict(mut findings: Vec<Finding>) -> Decision {
    if findings.is_empty() {
        return Verdict::Pass.into();
    }
    let more = findings.len().saturating_sub(FINDINGS);
    if more > 0 {
        findings.truncate(FINDINGS);
        findings.push(Finding::new("cluster", format!("and {more} more of the same kind")));
    }
    Verdict::Fail(findings).into()
}

/// A finding with its remediation.
pub(crate) fn finding(resource: impl Into<String>, summary: impl Into<String>, remediation: &str) -> Finding {
    Finding::new(resource, summary).with_remediation(remediation)
}

/// A manual result with its instructions.
pub(crate) fn manual(look_at: impl Into<String>) -> Decision {
    Verdict::Manual(look_at.into()).into()
}

/// The question does not apply.
pub(crate) fn not_applicable(reason: impl Into<String>) -> Decision {
    Verdict::NotApplicable(reason.into()).into()
}

/// Adds the collected lines as evidence, if there are any.
pub(crate) fn with_evidence<T: ToString>(mut decision: Decision, name: &str, lines: &[T]) -> Decision {
    if lines.is_empty() {
        return decision;
    }
    let mut text = lines.iter().take(LINES).map(ToString::to_string).collect::<Vec<_>>().join("\n");
    if lines.len() > LINES {
        text.push_str(&format!("\n… and {} more", lines.len() - LINES));
    }
    decision.evidence.push(Evidence { name: name.to_owned(), text, file: None });
    decision
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_findings_are_cut_and_the_rest_is_counted() {
        let many = (0..53).map(|index| Finding::new(format!("p{index}"), "bad")).collect();
        let Verdict::Fail(findings) = verdict(many).verdict else { panic!() };
        assert_eq!((findings.len(), findings[50].summary.as_str()), (51, "and 3 more of the same kind"));
        assert_eq!(verdict(Vec::new()).verdict, Verdict::Pass);
    }

    #[test]
    fn evidence_is_bounded_and_says_so() {
        let lines: Vec<String> = (0..203).map(|index| index.to_string()).collect();
        let decision = with_evidence(manual("x"), "numbers", &lines);
        assert!(decision.evidence[0].text.ends_with("199\n… and 3 more"));
        assert!(with_evidence::<String>(manual("x"), "none", &[]).evidence.is_empty());
    }
}
