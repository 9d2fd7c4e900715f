//! Durations as people write them in YAML and on the command line: `90s`, `8m`, `1h30m`.

use std::time::Duration;

use crate::name::NameError;

/// Reads hours, minutes and seconds, in this order, each at most once, and more than nothing in all.
///
/// # Errors
/// Anything else; the message says what a duration looks like.
pub fn parse(text: &str) -> Result<Duration, NameError> {
    let error = || NameError {
        what: "duration",
        text: text.to_owned(),
        rule: "hours, minutes and seconds, like 90s, 8m or 1h30m".to_owned(),
    };
    let mut rest = text;
    let mut seconds: u64 = 0;
    for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((digits, behind)) = rest.split_once(unit) {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let count = digits.parse::<u64>().ok().filter(|_| is_number).ok_or_else(error)?;
            seconds = count.checked_mul(factor).and_then(|more| seconds.checked_add(more)).ok_or_else(error)?;
            rest = behind;
        }
    }
    if rest.is_empty() && seconds > 0 { Ok(Duration::from_secs(seconds)) } else { Err(error()) }
}

/// Writes a duration the way [`parse`] reads it; parts of a second are cut off.
pub fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let text: String =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_hours_minutes_and_seconds_in_this_order() {
        for (text, seconds) in [("90s", 90), ("8m", 480), ("1h30m", 5400), ("2h", 7200), ("1h1m1s", 3661)] {
            assert_eq!(parse(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in [
            "",
            "0s",
            "5",
            "m",
            "1m1h",
            "1.5h",
            "-1m",
            "+1m",
            " 8m",
            "8 m",
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
