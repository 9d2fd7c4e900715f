//! The statuses of cells in order of urgency, and their numbers.

use amiproof_model::judge::Disposition;

/// Which rows a section of a form is about, by their status.
pub(crate) type IsMeant = fn(Status) -> bool;

/// A disposition as shown in every format: with a symbol, so that nothing depends on colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Status {
    Failed,
    Error,
    #[strum(serialize = "not evaluated")]
    NotEvaluated,
    Blocked,
    Flaky,
    Waived,
    Tolerated,
    Allowed,
    Manual,
    Informational,
    #[strum(serialize = "not applicable")]
    NotApplicable,
    Passed,
}

impl Status {
    /// All of them, most urgent first: failed, undecided, not evaluated, the rest.
    pub(crate) const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    pub(crate) fn of(disposition: &Disposition) -> Self {
        match disposition {
            Disposition::Failed => Self::Failed,
            Disposition::Error => Self::Error,
            Disposition::NotEvaluated => Self::NotEvaluated,
            Disposition::Blocked { .. } => Self::Blocked,
            Disposition::Flaky => Self::Flaky,
            Disposition::Waived { .. } => Self::Waived,
            Disposition::Tolerated => Self::Tolerated,
            Disposition::Allowed => Self::Allowed,
            Disposition::Manual => Self::Manual,
            Disposition::Informational => Self::Informational,
            Disposition::NotApplicable => Self::NotApplicable,
            Disposition::Passed => Self::Passed,
        }
    }

    /// Its place in [`Self::ALL`].
    pub(crate) fn place(self) -> usize {
        self as usize
    }

    /// The word as a class of a style sheet and a type of a test case: `not-evaluated`.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::NotEvaluated => "not-evaluated",
            Self::NotApplicable => "not-applicable",
            other => other.as_str(),
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    /// The word in a narrow cell.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::NotEvaluated => "not eval.",
            Self::NotApplicable => "n/a",
            Self::Informational => "info",
            other => other.as_str(),
        }
    }

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Failed => "✕",
            Self::Error => "!",
            Self::NotEvaluated => "?",
            Self::Blocked => "⊘",
            Self::Flaky => "↻",
            Self::Waived => "~",
            Self::Tolerated => "≈",
            Self::Allowed => "○",
            Self::Manual => "☞",
            Self::Informational => "ℹ",
            Self::NotApplicable => "–",
            Self::Passed => "✓",
        }
    }

    /// A colour for where a page has no style sheet, as under the policy that Jenkins sends by default.
    pub(crate) fn colour(self) -> &'static str {
        match self {
            Self::Failed => "#c93a4b",
            Self::Error => "#dd7f2a",
            Self::NotEvaluated | Self::Blocked => "#9a7fce",
            Self::Flaky => "#d9b13b",
            Self::Waived => "#6ea3cc",
            Self::Tolerated | Self::Allowed | Self::Manual | Self::Informational => "#9aa7b5",
            Self::NotApplicable => "#d3d9e0",
            Self::Passed => "#58a97d",
        }
    }

    /// Whether the result is unknown: such a cell counts neither as failed nor as good.
    pub(crate) fn is_undecided(self) -> bool {
        matches!(self, Self::Error | Self::NotEvaluated)
    }
}

/// Number of cells of each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally([usize; Status::ALL.len()]);

impl Tally {
    pub(crate) fn add(&mut self, status: Status) {
        self.0[status.place()] += 1;
    }

    pub(crate) fn get(&self, status: Status) -> usize {
        self.0[status.place()]
    }

    pub(crate) fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// What is there, most urgent first, without zeros.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Status, usize)> {
        Status::ALL.iter().copied().map(|status| (status, self.get(status))).filter(|(_, number)| *number > 0)
    }

    /// `3 failed, 1 error, 40 passed`: zeros are left out.
    pub(crate) fn sentence(&self) -> String {
        let parts: Vec<String> = self.parts().map(|(status, number)| format!("{number} {}", status.as_str())).collect();
        parts.join(", ")
    }
}

impl FromIterator<Status> for Tally {
    fn from_iter<I: IntoIterator<Item = Status>>(statuses: I) -> Self {
        let mut tally = Self::default();
        statuses.into_iter().for_each(|status| tally.add(status));
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_every_status_at_its_place() {
        assert!(Status::ALL.is_sorted());
        for (at, status) in Status::ALL.iter().copied().enumerate() {
            assert_eq!(status.place(), at);
        }
    }

    #[test]
    fn a_sentence_says_the_most_urgent_first_and_no_zeros() {
        let tally: Tally = [Status::Passed, Status::Failed, Status::Passed, Status::Manual].into_iter().collect();
        assert_eq!(tally.sentence(), "1 failed, 1 manual, 2 passed");
        assert_eq!(tally.total(), 4);
        assert_eq!(Tally::default().sentence(), "");
    }
}
