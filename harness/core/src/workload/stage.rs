//! The stages of a workload's expectations: which are evaluated together, and what amiproof does in between.

use crate::act::Act;
use crate::wait::{Condition, Observed, Progress, evicted};

/// Conditions that must hold at the same moment; then the next stage begins, and they are not evaluated again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    /// What amiproof does first.
    pub(super) act: Option<Act>,
    /// In the order of the file.
    pub(super) conditions: Vec<Condition>,
}

impl Stage {
    /// Splits the conditions of a file into stages: one with an action is its own stage, those between two such form one stage.
    pub(super) fn all(conditions: Vec<Condition>) -> Vec<Self> {
        let mut stages: Vec<Self> = Vec::new();
        for condition in conditions {
            let act = Act::of(&condition);
            match stages.last_mut() {
                Some(stage) if act.is_none() && stage.act.is_none() => stage.conditions.push(condition),
                _ => stages.push(Self { act, conditions: vec![condition] }),
            }
        }
        stages
    }

    /// How far each condition is.
    pub(super) fn progress(&self, observed: &Observed) -> Vec<(Condition, Progress)> {
        self.conditions.iter().map(|condition| (condition.clone(), condition.progress(observed))).collect()
    }

    /// Whether every connection has been tried to its end. After the first that failed the others are still waited for: which of them
    /// work says whom to blame.
    pub(super) fn has_tried_all(&self, observed: &Observed) -> bool {
        self.progress(observed).iter().all(|(condition, progress)| {
            !matches!((condition, progress), (Condition::Reaches { .. }, Progress::NotYet(_)))
        })
    }

    /// Whether everything is met, or something never will be: waiting longer teaches nothing.
    pub(super) fn is_over(&self, observed: &Observed) -> bool {
        let progress = self.progress(observed);
        let met = progress.iter().all(|(_, progress)| *progress == Progress::Met);
        met || progress.iter().any(|(_, progress)| matches!(progress, Progress::Failed(_)))
    }

    /// Whether it evicted pods and no budget stood in the way of any.
    pub(super) fn is_unopposed(&self, observed: &Observed) -> bool {
        matches!(self.act, Some(Act::Evict(_))) && evicted::is_unopposed(observed)
    }

    /// Whether the action of the stage proved nothing about its condition, so that it is repeated.
    pub(super) fn is_inconclusive(&self, observed: &Observed) -> bool {
        self.conditions.iter().any(|condition| match condition {
            Condition::Evicted { target, .. } => evicted::is_inconclusive(target, observed),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_a_stage_of_its_own_and_what_stands_around_it_another() {
        let target = |text: &str| text.parse().unwrap();
        let ready = Condition::Ready(target("statefulset/db"));
        let bound = Condition::Bound(target("pvc/data"));
        let moved = Condition::Rescheduled(target("statefulset/db"));
        let read = Condition::Complete(target("job/reads"));
        let all = vec![bound.clone(), ready.clone(), moved.clone(), read.clone(), ready.clone()];
        let stages = Stage::all(all);
        let cut: Vec<(bool, &[Condition])> =
            stages.iter().map(|stage| (stage.act.is_some(), stage.conditions.as_slice())).collect();
        assert_eq!(cut, [(false, &[bound, ready.clone()][..]), (true, &[moved]), (false, &[read, ready])]);
    }
}
