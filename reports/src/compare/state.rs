//! The states of results in a comparison, and the meaning of their changes.

use amiproof_model::judge::Disposition;
use amiproof_model::report::CheckResult;
use serde::Serialize;

/// A disposition, reduced to what matters in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum State {
    /// Passed at once.
    Passed,
    /// Passed on a retry.
    Flaky,
    /// Failed, tolerated or not.
    Failing,
    /// Failed, but waived.
    Waived,
    /// Not applicable.
    #[strum(serialize = "not applicable")]
    NotApplicable,
    /// Not evaluated.
    #[strum(serialize = "not evaluated")]
    NotEvaluated,
    /// amiproof could not decide.
    Error,
    /// Manual.
    Manual,
    /// Not in the report.
    Absent,
}

impl State {
    /// The state of a result.
    pub fn of(result: &CheckResult) -> Self {
        match result.disposition {
            Disposition::Passed => Self::Passed,
            Disposition::Flaky => Self::Flaky,
            Disposition::Failed | Disposition::Tolerated => Self::Failing,
            // An informational result counts like a waived failure: it is no regression.
            Disposition::Waived { .. } | Disposition::Informational => Self::Waived,
            Disposition::NotApplicable => Self::NotApplicable,
            Disposition::NotEvaluated | Disposition::Allowed | Disposition::Blocked { .. } => Self::NotEvaluated,
            Disposition::Manual => Self::Manual,
            Disposition::Error => Self::Error,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the image was evaluated.
    pub fn is_verdict(self) -> bool {
        matches!(self, Self::Passed | Self::Flaky | Self::Failing | Self::Waived)
    }
}

/// In which way a result changed, worst first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "kebab-case")]
pub enum Change {
    /// Passed in the baseline, fails now.
    #[strum(serialize = "new failure")]
    NewFailure,
    /// Fails now; the baseline had the variant but did not run this check.
    #[strum(serialize = "appeared failing")]
    AppearedFailing,
    /// An error now, and none in the baseline.
    #[strum(serialize = "new error")]
    NewError,
    /// Had a verdict in the baseline; not applicable or not evaluated now.
    #[strum(serialize = "newly skipped")]
    NewlySkipped,
    /// In the baseline, but not in the candidate, although its variant and its suite ran.
    Disappeared,
    /// Fails now; the baseline had no verdict, so it is unknown when the failure began.
    Revealed,
    /// Fails in both, and the waiver of the baseline no longer covers it.
    #[strum(serialize = "waiver ended")]
    WaiverEnded,
    /// Passed on a retry.
    Flaky,
    /// Passed in the baseline; fails now, but is waived.
    #[strum(serialize = "newly waived")]
    NewlyWaived,
    /// Fails in both.
    #[strum(serialize = "still failing")]
    StillFailing,
    /// In the candidate, but not in the baseline, although the baseline had the variant; it does not fail.
    Appeared,
    /// Failed in the baseline, passes now.
    Fixed,
    /// No verdict in the baseline, passes or is waived now.
    #[strum(serialize = "newly decided")]
    NewlyDecided,
}

impl Change {
    /// Every change, worst first.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The change between two states of a result; `None` if it does not matter.
    pub fn between(base: State, candidate: State) -> Option<Self> {
        use State::{Error, Failing, Flaky, Manual, NotApplicable, NotEvaluated, Passed, Waived};
        Some(match (base, candidate) {
            (State::Absent, State::Absent) => return None,
            (_, State::Absent) => Self::Disappeared,
            (State::Absent, Failing) => Self::AppearedFailing,
            (State::Absent, Error) => Self::NewError,
            (State::Absent, _) => Self::Appeared,
            (Passed | Flaky, Failing) => Self::NewFailure,
            (Failing, Failing) => Self::StillFailing,
            (Waived, Failing) => Self::WaiverEnded,
            (NotApplicable | NotEvaluated | Manual | Error, Failing) => Self::Revealed,
            (Error, Error) => return None,
            (_, Error) => Self::NewError,
            (Passed | Flaky | Failing | Waived, NotApplicable | NotEvaluated | Manual) => Self::NewlySkipped,
            (Failing | Waived, Passed | Flaky) => Self::Fixed,
            (_, Flaky) => Self::Flaky,
            (Passed | Flaky | Failing, Waived) => Self::NewlyWaived,
            (NotApplicable | NotEvaluated | Manual | Error, Passed | Waived) => Self::NewlyDecided,
            (Passed | Flaky, Passed)
            | (Waived, Waived)
            | (NotApplicable | NotEvaluated | Manual | Error, NotApplicable | NotEvaluated | Manual) => return None,
        })
    }

    /// Its name in headings and cells.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Its meaning as a clause, for headings.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NewFailure => "passed in the baseline, fails now",
            Self::AppearedFailing => "fails now; the baseline had the variant but did not run this check",
            Self::NewError => "amiproof cannot decide it now",
            Self::NewlySkipped => "had a verdict in the baseline, has none now",
            Self::Disappeared => "in the baseline only, although variant and suite ran",
            Self::Revealed => "fails now; the baseline had no verdict",
            Self::WaiverEnded => "fails in both; the baseline's waiver no longer covers it",
            Self::Flaky => "passed on a retry",
            Self::NewlyWaived => "fails now and is waived; it was not waived in the baseline",
            Self::StillFailing => "fails in both",
            Self::Appeared => "in the candidate only and not failing, although the baseline had the variant",
            Self::Fixed => "failed in the baseline, passes now",
            Self::NewlyDecided => "had no verdict in the baseline, passes or is waived now",
        }
    }

    /// Whether it is reported as new; see [`Comparison::regressions`](super::Comparison::regressions) for what is a
    /// regression.
    pub(crate) fn is_worse(self) -> bool {
        matches!(self, Self::NewFailure | Self::AppearedFailing | Self::NewError | Self::Revealed)
    }

    /// `2 new failures`, `1 fixed`.
    pub(crate) fn count_sentence(self, number: usize) -> String {
        match self {
            Self::NewFailure | Self::NewError => crate::text::count(number, self.as_str()),
            _ => format!("{number} {}", self.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 9] = [
        State::Passed,
        State::Flaky,
        State::Failing,
        State::Waived,
        State::NotApplicable,
        State::NotEvaluated,
        State::Manual,
        State::Error,
        State::Absent,
    ];

    /// Every pair at a glance: rows are the baseline, columns the candidate, in the order of [`STATES`].
    #[test]
    fn every_pair_of_states_has_the_meaning_of_this_table() {
        use Change::{
            Appeared, AppearedFailing, Disappeared, Fixed, Flaky, NewError, NewFailure, NewlyDecided, NewlySkipped,
            NewlyWaived,
        };
        use Change::{Revealed, StillFailing, WaiverEnded};
        let (skip, gone, err) = (Some(NewlySkipped), Some(Disappeared), Some(NewError));
        let table: [[Option<Change>; 9]; 9] = [
            [None, Some(Flaky), Some(NewFailure), Some(NewlyWaived), skip, skip, skip, err, gone],
            [None, Some(Flaky), Some(NewFailure), Some(NewlyWaived), skip, skip, skip, err, gone],
            [Some(Fixed), Some(Fixed), Some(StillFailing), Some(NewlyWaived), skip, skip, skip, err, gone],
            [Some(Fixed), Some(Fixed), Some(WaiverEnded), None, skip, skip, skip, err, gone],
            [Some(NewlyDecided), Some(Flaky), Some(Revealed), Some(NewlyDecided), None, None, None, err, gone],
            [Some(NewlyDecided), Some(Flaky), Some(Revealed), Some(NewlyDecided), None, None, None, err, gone],
            [Some(NewlyDecided), Some(Flaky), Some(Revealed), Some(NewlyDecided), None, None, None, err, gone],
            [Some(NewlyDecided), Some(Flaky), Some(Revealed), Some(NewlyDecided), None, None, None, None, gone],
            [
                Some(Appeared),
                Some(Appeared),
                Some(AppearedFailing),
                Some(Appeared),
                Some(Appeared),
                Some(Appeared),
                Some(Appeared),
                err,
                None,
            ],
        ];
        for (base, row) in STATES.into_iter().zip(table) {
            for (candidate, expected) in STATES.into_iter().zip(row) {
                assert_eq!(Change::between(base, candidate), expected, "{base:?} -> {candidate:?}");
            }
        }
    }

    #[test]
    fn all_lists_every_change_worst_first() {
        assert!(Change::ALL.is_sorted());
        assert_eq!(Change::ALL.len(), Change::NewlyDecided as usize + 1);
    }
}
