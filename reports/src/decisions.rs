//! What a reader decides by: which candidates may ship, and what keeps each of the others from it.
//!
//! A candidate is a variant with hardening. It may ship if its own verdict is `passed`; everything else about a run (what was left behind, an
//! interruption) is said in the verdict of the run.

use amiproof_model::conclusion::{Conclusion, Summary};
use amiproof_model::name::CheckId;
use amiproof_model::report::cause::counted;
use amiproof_model::report::{Cause, CheckResult, Explanation};

use crate::context::{Context, sentence};
use crate::sheet::{Sheet, Status};

/// Whether a candidate may ship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
pub(crate) enum Decision {
    #[strum(serialize = "must not ship")]
    No,
    #[strum(serialize = "not decided")]
    Open,
    #[strum(serialize = "may ship")]
    Yes,
}

impl Decision {
    /// What failed keeps a candidate from shipping, whatever else could not be decided.
    fn of(conclusion: Conclusion, failed: usize) -> Self {
        match conclusion {
            _ if failed > 0 => Self::No,
            Conclusion::Passed => Self::Yes,
            Conclusion::Failed | Conclusion::Regression => Self::No,
            Conclusion::Incomplete
            | Conclusion::NothingSelected
            | Conclusion::NothingEvaluated
            | Conclusion::Inconclusive
            | Conclusion::Interrupted
            | Conclusion::LeftBehind => Self::Open,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One candidate.
pub(crate) struct Candidate<'a> {
    pub(crate) name: &'a str,
    pub(crate) decision: Decision,
    pub(crate) verdict: Summary,
    /// The causes of its failures, the one that explains most first.
    pub(crate) causes: &'a [Cause],
    /// The cells that hardening broke and that no setting explains.
    pub(crate) unexplained: &'a [CheckId],
    /// Why nothing was explained.
    pub(crate) note: Option<&'a str>,
    /// The other failures.
    pub(crate) others: Vec<CheckId>,
}

impl Candidate<'_> {
    /// What else failed, as a clause: `unexplained: 2 workloads`, `23 controls failed`.
    pub(crate) fn rest(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.unexplained.is_empty() {
            let why = self.note.map(|note| format!(" ({note})")).unwrap_or_default();
            lines.push(format!("unexplained: {}{why}", counted(self.unexplained)));
        }
        if !self.others.is_empty() {
            let others = counted(&self.others);
            let is_all = self.causes.is_empty() && self.unexplained.is_empty();
            lines.push(if is_all { format!("{others} failed") } else { format!("other failures: {others}") });
        }
        if self.decision != Decision::Yes
            && !matches!(self.verdict.conclusion, Conclusion::Failed | Conclusion::Regression)
        {
            lines.push(sentence(&self.verdict));
        }
        lines
    }
}

/// The decisions of a run.
pub(crate) struct Decisions<'a> {
    /// Those that must not ship and have a cause first, those that may ship last.
    pub(crate) candidates: Vec<Candidate<'a>>,
    /// Everything else, with its verdict: references and the cluster.
    pub(crate) others: Vec<(&'a str, Summary)>,
}

impl<'a> Decisions<'a> {
    pub(crate) fn of(context: &'a Context<'_>, sheet: &'a Sheet<'_>) -> Self {
        let (mut candidates, mut others) = (Vec::new(), Vec::new());
        for (at, column) in sheet.columns.iter().enumerate() {
            let verdict = context.verdict_of(&column.subject);
            if column.variant.is_none_or(|variant| variant.benchmark.is_none()) {
                others.push((column.subject.as_str(), verdict));
                continue;
            }
            let explanation = context.report.explanation(&column.subject);
            let causes = explanation.map_or(&[][..], |explanation| &explanation.causes);
            let unexplained = explanation.map_or(&[][..], |explanation| &explanation.unexplained);
            let is_explained = |result: &&CheckResult| {
                causes.iter().any(|cause| cause.cells.contains(&result.check)) || unexplained.contains(&result.check)
            };
            let failed = sheet.listed(at, |status| status == Status::Failed);
            candidates.push(Candidate {
                name: column.subject.as_str(),
                decision: Decision::of(verdict.conclusion, failed.len()),
                verdict,
                causes,
                unexplained,
                note: explanation.and_then(|explanation: &Explanation| explanation.note.as_deref()),
                others: failed
                    .iter()
                    .filter(|result| !is_explained(result))
                    .map(|result| result.check.clone())
                    .collect(),
            });
        }
        candidates.sort_by_key(|candidate| (candidate.decision, candidate.causes.is_empty()));
        Self { candidates, others }
    }

    /// `1 of 6 candidates may ship`.
    pub(crate) fn headline(&self) -> String {
        let ready = self.candidates.iter().filter(|candidate| candidate.decision == Decision::Yes).count();
        match (ready, self.candidates.len()) {
            (1, 1) => "the candidate may ship".to_owned(),
            (0, 1) => "the candidate must not ship".to_owned(),
            (ready, all) => format!("{ready} of {all} candidates may ship"),
        }
    }
}
