//! Attribution of times: the time of a scan counts once, and not for each of its controls. Its first control has it, so that times add up.

use std::collections::HashMap;

use amiproof_model::report::{CheckResult, Subject};
use jiff::Timestamp;

/// Seconds in a year: no check takes longer, and sums of such numbers stay finite.
pub(crate) const YEAR: f64 = 31_536_000.0;

/// What identifies a scan: rows that share all of it come from one scan and share its time.
type Scan<'a> = (&'a Subject, &'a str, &'a str, Timestamp, u64);

/// The times of results.
pub(crate) struct Times<'a>(HashMap<Scan<'a>, Rows<'a>>);

/// The rows of a scan.
struct Rows<'a> {
    first: &'a CheckResult,
    number: usize,
}

impl<'a> Times<'a> {
    /// The times of the results that a form shows.
    pub(crate) fn of(results: impl IntoIterator<Item = &'a CheckResult>) -> Self {
        let mut scans: HashMap<Scan<'a>, Rows<'a>> = HashMap::new();
        for result in results {
            if let Some(scan) = scan(result) {
                scans.entry(scan).or_insert(Rows { first: result, number: 0 }).number += 1;
            }
        }
        Self(scans)
    }

    fn rows<'s>(&'s self, result: &'s CheckResult) -> Option<&'s Rows<'s>> {
        self.0.get(&scan(result)?).filter(|rows| rows.number > 1)
    }

    /// Whether the result is one of several that a scan answered in one go: its time is the scan's.
    pub(crate) fn is_shared(&self, result: &CheckResult) -> bool {
        self.rows(result).is_some()
    }

    /// What the result adds to the time of everything, seconds: of several that a scan answered, the first has the scan's time.
    pub(crate) fn own(&self, result: &CheckResult) -> f64 {
        match self.rows(result) {
            Some(rows) if !std::ptr::eq(rows.first, result) => 0.0,
            _ => legal(result.seconds),
        }
    }
}

fn scan(result: &CheckResult) -> Option<Scan<'_>> {
    let scanner = result.scanner.as_deref()?;
    Some((&result.subject, result.check.suite(), scanner, result.started, result.seconds.to_bits()))
}

/// Seconds that every reader of numbers takes: finite, not negative (nor a negative zero), at most a year, to the millisecond.
pub(crate) fn legal(seconds: f64) -> f64 {
    // A negative zero plus zero is zero.
    if seconds.is_finite() { (seconds.clamp(0.0, YEAR) * 1000.0).round() / 1000.0 + 0.0 } else { 0.0 }
}

/// Whole milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "at most a year")]
pub(crate) fn milliseconds(seconds: f64) -> i64 {
    (legal(seconds) * 1000.0).round() as i64
}

/// The wall clock that spans of time cover together, seconds: what overlaps counts once, what lies between them not at all.
pub(crate) fn covered(spans: impl Iterator<Item = (Timestamp, f64)>) -> f64 {
    let mut spans: Vec<(Timestamp, f64)> = spans.map(|(start, seconds)| (start, legal(seconds))).collect();
    spans.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let Some(first) = spans.first().map(|(start, _)| *start) else { return 0.0 };
    let (mut sum, mut until) = (0.0_f64, 0.0_f64);
    for (start, seconds) in spans {
        let begin = start.duration_since(first).as_secs_f64();
        sum += (begin + seconds - until.max(begin)).max(0.0);
        until = until.max(begin + seconds);
    }
    legal(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn time_that_overlaps_counts_once_and_pauses_not_at_all() {
        for (spans, expected) in [
            (vec![], 0.0),
            (vec![(at(0), 6.607); 223], 6.607),
            (vec![(at(0), 10.0), (at(5), 10.0)], 15.0),
            (vec![(at(0), 10.0), (at(2), 3.0)], 10.0),
            (vec![(at(90_000), 1.0), (at(0), 2.0)], 3.0),
            (vec![(at(0), f64::NAN), (at(0), -0.0), (at(3), 0.5)], 0.5),
        ] {
            let sum = covered(spans.into_iter());
            assert!((sum - expected).abs() < 1e-9, "{sum} is not {expected}");
            assert!(sum.is_sign_positive());
        }
    }

    #[test]
    fn of_the_rows_of_a_scan_the_first_has_its_time_and_of_two_scans_each() {
        let row = |variant: &str, seconds: f64| CheckResult {
            scanner: Some("inspector".to_owned()),
            seconds,
            ..CheckResult::new(
                "os-cis/cis-al2023-1.0.0/1.1".parse().unwrap(),
                Subject::Variant(variant.parse().unwrap()),
                amiproof_model::verdict::Outcome::Pass,
            )
        };
        let rows = [row("a", 9.5), row("a", 9.5), row("b", 3.0), row("b", 3.0), row("c", 1.0)];
        let times = Times::of(&rows);
        assert_eq!(rows.each_ref().map(|row| times.own(row)), [9.5, 0.0, 3.0, 0.0, 1.0]);
        assert_eq!(rows.each_ref().map(|row| times.is_shared(row)), [true, true, true, true, false]);
    }

    #[test]
    fn a_time_is_a_number_that_every_reader_takes() {
        for (seconds, expected) in [
            (-0.0, "0.000"),
            (-1e-9, "0.000"),
            (f64::INFINITY, "0.000"),
            (1.278_875_117_000_1, "1.279"),
            (f64::MAX, "31536000.000"),
        ] {
            assert_eq!(format!("{:.3}", legal(seconds)), expected);
        }
    }
}
