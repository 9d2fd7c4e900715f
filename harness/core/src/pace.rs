//! How patient polling is. Against AWS the intervals are those of the field; against the lab, whose time runs faster, shorter.

use std::time::Duration;

/// Divides every polling interval and minimum wait, never a deadline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace(f64);

impl Pace {
    /// Real time: AWS.
    pub const REAL: Self = Self(1.0);

    /// `factor` times as fast as real time, at least 1.
    pub fn faster(factor: f64) -> Self {
        Self(if factor.is_finite() { factor.max(1.0) } else { 1.0 })
    }

    /// The interval to really wait where real time would want `interval`; at least 10 ms, so that nobody spins.
    pub fn of(self, interval: Duration) -> Duration {
        interval.div_f64(self.0).max(Duration::from_millis(10)).min(interval)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::REAL
    }
}
