//! Polling intervals. Against AWS they are the usual ones; against the lab, whose time runs faster, they are shorter.

use std::time::Duration;

/// Divides every polling interval and minimum wait, and deadlines by [`Pace::deadline`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace(f64);

impl Pace {
    /// Real time: AWS.
    pub const REAL: Self = Self(1.0);

    /// `factor` times as fast as real time, at least 1.
    pub fn faster(factor: f64) -> Self {
        Self(if factor.is_finite() { factor.max(1.0) } else { 1.0 })
    }

    /// The scaled interval for `interval`; at least 10 ms, so that no loop spins.
    pub fn of(self, interval: Duration) -> Duration {
        interval.div_f64(self.0).max(Duration::from_millis(10)).min(interval)
    }

    /// The deadline that belongs to polls of this pace: `limit` is divided as they are, but never below two minutes, because the machine
    /// below does not become faster; a shorter one stays as it is.
    pub fn deadline(self, limit: Duration) -> Duration {
        const LEAST: Duration = Duration::from_secs(120);
        limit.div_f64(self.0).max(LEAST).min(limit)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::REAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_shrink_with_their_polls_but_not_below_what_a_busy_machine_needs() {
        let seconds = Duration::from_secs;
        for (pace, limit, wanted) in [
            (Pace::REAL, 2700, 2700),
            (Pace::faster(10.0), 2700, 270),
            (Pace::faster(1000.0), 2700, 120),
            (Pace::faster(1000.0), 60, 60),
        ] {
            assert_eq!(pace.deadline(seconds(limit)), seconds(wanted), "{pace:?} {limit}");
        }
    }
}
