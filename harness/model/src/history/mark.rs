//! The outcome of a check in one night, as one letter.

use crate::judge::Disposition;

/// The outcome of a check on a subject in one night. Ordered: of several rows the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// There is no row.
    Absent,
    /// Not applicable, or left to a human.
    NotApplicable,
    /// Informational: a benchmark on an image that is not hardened to it.
    Informational,
    /// Passed.
    Passed,
    /// Passed on a retry.
    Flaky,
    /// Failed, but waived.
    Waived,
    /// Not decided: not evaluated, blocked, or an error.
    Undecided,
    /// Failed.
    Failed,
}

impl Mark {
    /// Every mark with its letter.
    pub const ALL: &'static [(Self, char, &'static str)] = &[
        (Self::Absent, '-', "without this check"),
        (Self::NotApplicable, 'n', "not applicable"),
        (Self::Informational, 'i', "informational"),
        (Self::Passed, '.', "passed"),
        (Self::Flaky, '~', "passed on a retry"),
        (Self::Waived, 'w', "waived"),
        (Self::Undecided, '?', "not decided"),
        (Self::Failed, 'F', "failed"),
    ];

    /// The mark of a disposition.
    pub fn of(disposition: &Disposition) -> Self {
        match disposition {
            Disposition::Passed => Self::Passed,
            Disposition::Flaky => Self::Flaky,
            Disposition::Waived { .. } => Self::Waived,
            Disposition::Failed | Disposition::Tolerated => Self::Failed,
            Disposition::Informational => Self::Informational,
            Disposition::NotApplicable | Disposition::Manual => Self::NotApplicable,
            Disposition::NotEvaluated | Disposition::Allowed | Disposition::Blocked { .. } | Disposition::Error => {
                Self::Undecided
            }
        }
    }

    /// Its letter.
    pub fn letter(self) -> char {
        match self {
            Self::Absent => '-',
            Self::NotApplicable => 'n',
            Self::Informational => 'i',
            Self::Passed => '.',
            Self::Flaky => '~',
            Self::Waived => 'w',
            Self::Undecided => '?',
            Self::Failed => 'F',
        }
    }

    /// The mark with this letter. A letter of a newer amiproof is not decided: it says nothing that this one could judge.
    pub fn from_letter(letter: u8) -> Self {
        match letter {
            b'-' => Self::Absent,
            b'n' => Self::NotApplicable,
            b'i' => Self::Informational,
            b'.' => Self::Passed,
            b'~' => Self::Flaky,
            b'w' => Self::Waived,
            b'F' => Self::Failed,
            _ => Self::Undecided,
        }
    }

    /// Whether the check said something about the image: it passed or it failed.
    pub fn is_verdict(self) -> bool {
        matches!(self, Self::Passed | Self::Flaky | Self::Waived | Self::Failed)
    }

    /// Whether it passed, at once or on a retry.
    pub fn is_pass(self) -> bool {
        matches!(self, Self::Passed | Self::Flaky)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_one_each_and_read_back() {
        let mut seen = std::collections::BTreeSet::new();
        for &(mark, letter, _) in Mark::ALL {
            assert_eq!((mark.letter(), Mark::from_letter(letter as u8)), (letter, mark));
            assert!(seen.insert(letter), "{letter}");
        }
        assert_eq!(Mark::from_letter(b'!'), Mark::Undecided);
    }
}
