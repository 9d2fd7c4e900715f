//! Durations as people write them in YAML and on the command line: `90s`, `8m`, `1h30m`.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::friendly::{Spacing, SpanParser, SpanPrinter};

use crate::name::NameError;

/// Reads a positive duration of whole seconds in the [friendly format](jiff::fmt::friendly): `90s`, `1h30m`, `1.5h`, `2 minutes`.
///
/// # Errors
/// Anything else; the message says what a duration looks like.
pub fn parse(text: &str) -> Result<Duration, NameError> {
    let is_valid = |duration: &SignedDuration| duration.is_positive() && duration.subsec_nanos() == 0;
    let duration = SpanParser::new().parse_duration(text).ok().filter(is_valid);
    duration.and_then(|duration| Duration::try_from(duration).ok()).ok_or_else(|| NameError {
        what: "duration",
        text: text.to_owned(),
        rule: "hours, minutes and seconds, like 90s, 8m or 1h30m".to_owned(),
    })
}

/// Writes a duration the way [`parse`] reads it; parts of a second are cut off.
pub fn short(duration: Duration) -> String {
    SpanPrinter::new().spacing(Spacing::None).unsigned_duration_to_string(&Duration::from_secs(duration.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_hours_minutes_and_seconds_in_this_order() {
        for (text, seconds) in [
            ("90s", 90),
            ("8m", 480),
            ("1h30m", 5400),
            ("2h", 7200),
            ("1h1m1s", 3661),
            ("1.5h", 5400),
            ("8 minutes", 480),
            ("120m", 7200),
        ] {
            assert_eq!(parse(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in [
            "",
            "0s",
            "5",
            "m",
            "1m1h",
            "1d",
            "-1m",
            "8m ago",
            "1500ms",
            "0.5s",
            "99999999999999999999s",
            "5124095576030432h",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 1_u64..10_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse(&short(duration)).unwrap(), duration);
        }
    }
}
