//! The clock of a run: durations by a monotonic clock, times of day by the wall clock.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// When a run started, and how long ago that is. All times of one run come from it, so that setting the wall clock during the run changes no
/// duration.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Timestamp,
    since: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { started: amiproof_time::now(), since: Instant::now() }
    }

    /// When it started, by the wall clock.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// Now: the start plus the time that has passed since.
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.since.elapsed()).unwrap_or(SignedDuration::MAX);
        self.started.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_passes_is_measured_and_not_read_from_the_wall() {
        let since = Instant::now().checked_sub(Duration::from_secs(90)).unwrap();
        // A wall clock that was set years ahead since then changes nothing.
        let clock = Clock { started: "2020-11-21T08:00:00Z".parse().unwrap(), since };
        let now = clock.now().to_string();
        assert!(now.as_str() >= "2020-11-21T08:01:30" && now.starts_with("2020-11-2"), "{now}");
    }
}
