//! One line of the output: a measured value with its target.

use std::time::Instant;

/// What stops the whole benchmark, or one measurement.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// A value that should be at most its target.
pub(crate) struct Row {
    what: String,
    /// The value; otherwise why it was not measured.
    value: Result<f64, String>,
    target: f64,
    unit: &'static str,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, value: f64, target: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value: Ok(value), target, unit }
    }

    /// A value that could perhaps not be measured; then the target counts as not met.
    pub(crate) fn attempted(
        what: impl Into<String>,
        value: Result<f64, String>,
        target: f64,
        unit: &'static str,
    ) -> Self {
        Self { what: what.into(), value, target, unit }
    }

    pub(crate) fn is_met(&self) -> bool {
        self.value.as_ref().is_ok_and(|value| value / self.target <= 1.0)
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, value, target, unit } = self;
        match value {
            Ok(value) => {
                write!(out, "{what:<62} {value:>8.2} {unit:<3} target {target:>7.2}  ratio {:.2}", value / target)
            }
            Err(why) => write!(out, "{what:<62} not measured: {why}"),
        }
    }
}

/// The median of some durations.
pub(crate) fn median_of(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::INFINITY)
}

/// The median duration of some attempts, seconds.
pub(crate) fn timed(attempts: usize, mut work: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let mut times = Vec::new();
    for _ in 0..attempts {
        let begun = Instant::now();
        work()?;
        times.push(begun.elapsed().as_secs_f64());
    }
    Ok(median_of(times))
}
