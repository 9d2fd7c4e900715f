//! What each control of a benchmark breaks: which checks fail on a node that meets it and is otherwise as its image made it.
//!
//! [`rows`] says what each control takes on a node, [`notices`] which checks could fail by it, [`next`] how often a check is run before a
//! cell is decided, and [`covering`] which controls are tried together. The driver that changes nodes and runs checks is in `core::impact`.

mod covering;
mod rows;

use crate::bisect::Answer;

pub use self::covering::covering;
pub use self::rows::{Row, Way, notices, rows};
use crate::report::impact::Effect;

/// How often a check may give no answer.
const UNKNOWN: usize = 2;

/// What to do about one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Run the check on the node that meets the control.
    With,
    /// Run it on the node as it was before.
    After,
    /// The cell is decided.
    Done(Effect),
}

/// What to do next for one cell: a pure function of the results on the node that meets the control, and afterwards on
/// the node as it was before.
///
/// A pass is believed. A failure counts if it comes twice and the check passes again once the setting is put back.
pub fn next(with: &[Answer], after: &[Answer]) -> Next {
    if let Some(why) = no_answer(with).or_else(|| no_answer(after)) {
        return Next::Done(Effect::Undecided { why });
    }
    let count = |answers: &[Answer], wanted: &Answer| answers.iter().filter(|answer| *answer == wanted).count();
    let (passes, fails) = (count(with, &Answer::Passes), count(with, &Answer::Fails));
    let (passes_after, fails_after) = (count(after, &Answer::Passes), count(after, &Answer::Fails));
    match (passes, fails) {
        (1.., 0) => Next::Done(Effect::Works),
        (1.., _) => Next::Done(Effect::Unsteady),
        (0, 0 | 1) => Next::With,
        _ if passes_after > 0 => Next::Done(Effect::Breaks),
        _ if fails_after >= 2 => {
            Next::Done(Effect::Undecided { why: "it fails as well once the setting is put back".to_owned() })
        }
        _ => Next::After,
    }
}

/// The reason why there is no answer, once that happened too often.
fn no_answer(answers: &[Answer]) -> Option<String> {
    let mut reasons = answers.iter().filter_map(|answer| match answer {
        Answer::Unknown(why) => Some(why),
        Answer::Passes | Answer::Fails => None,
    });
    reasons.nth(UNKNOWN - 1).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_decided_by_two_failures_and_a_pass_afterwards_or_by_one_pass() {
        let unknown = || Answer::Unknown("no node".to_owned());
        let (passes, fails) = (Answer::Passes, Answer::Fails);
        for (with, after, wanted) in [
            (vec![], vec![], Next::With),
            (vec![passes.clone()], vec![], Next::Done(Effect::Works)),
            (vec![fails.clone()], vec![], Next::With),
            (vec![fails.clone(), passes.clone()], vec![], Next::Done(Effect::Unsteady)),
            (vec![fails.clone(), fails.clone()], vec![], Next::After),
            (vec![fails.clone(), fails.clone()], vec![passes.clone()], Next::Done(Effect::Breaks)),
            (vec![fails.clone(), fails.clone()], vec![fails.clone()], Next::After),
            (vec![fails.clone(), fails.clone()], vec![fails.clone(), passes], Next::Done(Effect::Breaks)),
            (vec![unknown()], vec![], Next::With),
            (vec![unknown(), unknown()], vec![], Next::Done(Effect::Undecided { why: "no node".to_owned() })),
            (
                vec![fails.clone(), fails.clone()],
                vec![fails.clone(), fails],
                Next::Done(Effect::Undecided { why: "it fails as well once the setting is put back".to_owned() }),
            ),
        ] {
            assert_eq!(next(&with, &after), wanted, "{with:?} {after:?}");
        }
    }
}
