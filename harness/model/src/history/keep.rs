//! How many nights are kept, or for how long.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::key::Key;
use crate::name::NameError;

/// How many nights are kept, or for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The newest N nightly runs.
    Nights(u32),
    /// The nightly runs of the last N days.
    Days(u32),
}

/// What can be written.
const RULE: &str = "a number of nightly runs, like 400, or of days, like 400d";

impl Keep {
    /// The nights that go, oldest first. The newest one never goes, and neither does `baseline`, the newest that a later one can be
    /// compared with.
    pub fn expired(self, nights: &[Key], baseline: Option<&Key>, now: Timestamp) -> Vec<Key> {
        let all: BTreeSet<&Key> = nights.iter().collect();
        let newest = all.last().copied();
        let kept = match self {
            Self::Nights(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Self::Days(_) => 0,
        };
        let is_old = |key: &Key| match self {
            Self::Nights(_) => true,
            Self::Days(days) => {
                let age = now.duration_since(key.started());
                age > SignedDuration::from_hours(24 * i64::from(days))
            }
        };
        let goes = |key: &&Key| Some(*key) != newest && Some(*key) != baseline && is_old(key);
        let candidates = all.iter().copied().take(all.len().saturating_sub(kept));
        candidates.filter(goes).cloned().collect()
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nights(count) => write!(out, "{count}"),
            Self::Days(days) => write!(out, "{days}d"),
        }
    }
}

impl FromStr for Keep {
    type Err = NameError;

    /// Reads `30`, `400d`.
    ///
    /// # Errors
    /// For anything else, and for none at all.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError { what: "limit of the history", text: text.to_owned(), rule: RULE.to_owned() };
        let (digits, make): (&str, fn(u32) -> Self) = match text.strip_suffix('d') {
            Some(digits) => (digits, Self::Days),
            None => (text, Self::Nights),
        };
        let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
        match digits.parse() {
            Ok(number @ 1..=100_000) if is_number => Ok(make(number)),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(day: i64) -> Key {
        let started = Timestamp::from_second(1_700_000_000 + day * 86_400).unwrap();
        Key::new(started, format!("r-{day}").parse().unwrap())
    }

    #[test]
    fn nights_and_days_are_told_apart_and_nothing_else_is_read() {
        for text in ["1", "400", "400d"] {
            assert_eq!(text.parse::<Keep>().unwrap().to_string(), text);
        }
        for text in ["", "0", "0d", "d", "-1", "+3", "1w", "400 d", "4.5d", "99999999999"] {
            assert!(text.parse::<Keep>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_oldest_go_first() {
        let nights: Vec<Key> = [4, 2, 9, 1, 3].map(key).to_vec();
        let now = key(10).started();
        let days = |keys: Vec<Key>| keys.iter().map(|one| one.run().to_string()).collect::<Vec<_>>();
        assert_eq!(days(Keep::Nights(2).expired(&nights, None, now)), ["r-1", "r-2", "r-3"]);
        assert_eq!(days(Keep::Nights(2).expired(&nights, Some(&key(2)), now)), ["r-1", "r-3"]);
        assert_eq!(days(Keep::Days(7).expired(&nights, None, now)), ["r-1", "r-2"]);
        assert_eq!(days(Keep::Days(7).expired(&nights[3..4], None, now)), Vec::<String>::new(), "the newest stays");
    }

    proptest! {
        /// In whatever order nights were added, and by however many writers.
        #[test]
        fn the_newest_and_the_baseline_never_go_and_the_order_of_the_list_does_not_matter(
            days in prop::collection::vec(0_i64..500, 0..40), at: prop::sample::Index, number in 1_u32..400, by_days: bool, today in 0_i64..600,
        ) {
            let keep = if by_days { Keep::Days(number) } else { Keep::Nights(number) };
            let mut nights: Vec<Key> = days.iter().copied().map(key).collect();
            let baseline = (!nights.is_empty()).then(|| nights[at.index(nights.len())].clone());
            let now = key(today).started();
            let gone = keep.expired(&nights, baseline.as_ref(), now);
            prop_assert!(baseline.iter().chain(nights.iter().max()).all(|stays| !gone.contains(stays)));
            prop_assert!(gone.is_sorted());
            let left: BTreeSet<&Key> = nights.iter().filter(|one| !gone.contains(one)).collect();
            match keep {
                Keep::Nights(count) => prop_assert!(left.len() <= count as usize + 1),
                Keep::Days(_) => {
                    let old = |one: &&Key| now.duration_since(one.started()) > SignedDuration::from_hours(24 * i64::from(number));
                    prop_assert!(left.into_iter().filter(old).count() <= 2);
                }
            }
            nights.reverse();
            prop_assert_eq!(keep.expired(&nights, baseline.as_ref(), now), gone);
        }
    }
}
