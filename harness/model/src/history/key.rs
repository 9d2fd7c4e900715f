//! The name of a night in a store: `20261121T030000Z-r-20261121-030000-4f2a`, so that a list by name is a list by time.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::name::{NameError, RunId};

/// A night: when its run started, to the second, and which run it was. Ordered by time, then by run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Key {
    started: Timestamp,
    run: RunId,
}

/// How the time is written.
const FORM: &str = "%Y%m%dT%H%M%SZ";
/// How many characters that takes.
const LENGTH: usize = "20261121T030000Z".len();

impl Key {
    /// The night of a run. Parts of a second are cut off.
    pub fn new(started: Timestamp, run: RunId) -> Self {
        let whole = Timestamp::from_second(started.as_second()).unwrap_or(started);
        Self { started: whole, run }
    }

    /// When the run started, to the second.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.started.to_zoned(TimeZone::UTC).strftime(FORM), self.run)
    }
}

impl FromStr for Key {
    type Err = NameError;

    /// Reads what [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// For anything else.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let none = || NameError {
            what: "name of a nightly run",
            text: text.to_owned(),
            rule: "start time and run id, like 20261121T030000Z-r-20261121-030000-4f2a".to_owned(),
        };
        let (time, run) = text.split_at_checked(LENGTH).ok_or_else(none)?;
        let time = jiff::civil::DateTime::strptime(FORM, time).map_err(|_| none())?;
        let started = time.to_zoned(TimeZone::UTC).map_err(|_| none())?.timestamp();
        let run = run.strip_prefix('-').ok_or_else(none)?.parse()?;
        let key = Self { started, run };
        // The one way to write it: two names never mean the same night.
        if key.to_string() == text { Ok(key) } else { Err(none()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_read_and_anything_else_is_not() {
        let key: Key = "20261121T030000Z-r-20261121-030000-4f2a".parse().unwrap();
        assert_eq!(key.started(), "2026-11-21T03:00:00Z".parse().unwrap());
        assert_eq!(key.run().as_str(), "r-20261121-030000-4f2a");
        for text in
            ["", "r-1", "20261121T030000Z", "20261121T030000Zr-1", "20261321T030000Z-r-1", "20261121T030000Z-R", "é"]
        {
            assert!(text.parse::<Key>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn names_are_read_back_and_ordered_as_the_nights(
            one in 0_i64..4_000_000_000, other in 0_i64..4_000_000_000, runs in ("[a-z][a-z0-9]{0,9}", "[a-z][a-z0-9]{0,9}"),
        ) {
            let key = |second, run: &str| Key::new(Timestamp::new(second, 5).unwrap(), run.parse().unwrap());
            let (one, other) = (key(one, &runs.0), key(other, &runs.1));
            prop_assert_eq!(&one.to_string().parse::<Key>().unwrap(), &one);
            prop_assert_eq!(one.to_string().cmp(&other.to_string()), one.cmp(&other));
        }
    }
}
