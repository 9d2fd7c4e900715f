//! The sources of nondeterminism, behind one function each: the time of day ([`now`]) and randomness ([`random`]).
//!
//! A command against AWS takes both from the operating system. A run against the embedded lab shares one thread with the lab, in which time is
//! simulated ([`simulate`]): the clock advances only when all tasks are waiting, and random numbers follow from a seed. The load of the
//! machine changes nothing in such a run, and the same seed gives the same run.
//!
//! Nothing else in amiproof reads the clock or random numbers; a test over the sources asserts that.

mod blocking;
pub mod random;
mod simulation;
pub mod watch;

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

pub use self::blocking::{blocking, write_file};
pub use self::simulation::{SimulationError, simulate};

/// The start of a simulated clock: 2026-12-01, 00:00 UTC.
pub const EPOCH: Timestamp = Timestamp::constant(1_796_083_200, 0);

thread_local! {
    /// The start of this thread's simulation, on the monotonic clock of its runtime.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The time of day: the system's, or in a simulation [`EPOCH`] plus the simulated time since its start.
pub fn now() -> Timestamp {
    match BEGAN.get() {
        Some(began) => {
            let passed = SignedDuration::try_from(began.elapsed()).unwrap_or(SignedDuration::MAX);
            EPOCH.saturating_add(passed).unwrap_or(Timestamp::MAX)
        }
        None => Timestamp::now(),
    }
}

/// [`now`], as the standard library has it.
pub fn system_now() -> SystemTime {
    SystemTime::from(now())
}

/// Whether time is simulated in this thread.
pub fn is_simulated() -> bool {
    BEGAN.get().is_some()
}

/// How much simulated time has passed in this thread; zero where time is not simulated.
pub fn simulated() -> Duration {
    BEGAN.get().map(|began| began.elapsed()).unwrap_or_default()
}
