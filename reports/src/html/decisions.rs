//! The first section of the page: which candidates may ship, and what keeps the others from it.

use crate::cause::cause_line;
use crate::context::{Context, class};
use crate::decisions::Decisions;
use crate::sheet::Sheet;
use crate::text;

/// The section.
pub(super) struct DecisionsView {
    pub(super) headline: String,
    pub(super) candidates: Vec<CandidateView>,
    /// `eks-al2023 passed`, references and the cluster.
    pub(super) others: String,
}

/// One candidate.
pub(super) struct CandidateView {
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) causes: Vec<CauseView>,
    /// What else keeps it from shipping.
    pub(super) rest: Vec<String>,
}

/// One cause.
pub(super) struct CauseView {
    pub(super) line: String,
    pub(super) evidence: String,
    pub(super) help: Vec<String>,
    /// Cells, each with the address at which the page opens it.
    pub(super) cells: Vec<(String, String)>,
}

pub(super) fn of(context: &Context<'_>, sheet: &Sheet<'_>) -> Option<DecisionsView> {
    let decisions = Decisions::of(context, sheet);
    if decisions.candidates.is_empty() {
        return None;
    }
    let candidates = decisions.candidates.iter().map(|candidate| {
        let causes = candidate.causes.iter().map(|cause| CauseView {
            line: text::line(&cause_line(cause)),
            evidence: text::line(&cause.evidence()),
            help: cause.help.iter().map(|help| text::line(help)).collect(),
            cells: cause.cells.iter().map(|cell| (cell.to_string(), address(cell.as_str(), candidate.name))).collect(),
        });
        let causes: Vec<CauseView> = causes.collect();
        let rest: Vec<String> = candidate.rest().iter().map(|line| text::line(line)).collect();
        CandidateView {
            name: text::line(candidate.name),
            class: class(candidate.verdict.conclusion),
            word: candidate.decision.as_str(),
            causes,
            rest,
        }
    });
    let others: Vec<String> = decisions
        .others
        .iter()
        .map(|(name, verdict)| format!("{} {}", text::line(name), verdict.conclusion.as_str()))
        .collect();
    Some(DecisionsView { candidates: candidates.collect(), headline: decisions.headline(), others: others.join(", ") })
}

fn address(check: &str, name: &str) -> String {
    format!("#{}@{}", super::failures::encoded(check), super::failures::encoded(name))
}
