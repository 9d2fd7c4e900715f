//! What no run can repeat, behind one function each: the time of day ([`now`]) and chance ([`random`]).
//!
//! A command against AWS has both from the system. A run against the embedded lab has neither: it and the lab live in one thread whose
//! time is simulated ([`simulate`]), where a clock goes on only when nobody has work, and chance follows from a seed. A busy machine
//! changes nothing in such a run, and the same seed gives the same run.
//!
//! Nothing else in amiproof may ask the system for either; a test over the sources says so.

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

/// Where a simulated clock begins: 2026-12-01, 00:00 UTC.
pub const EPOCH: Timestamp = Timestamp::constant(1_796_083_200, 0);

thread_local! {
    /// When the simulation of this thread began, by the monotonic clock of its runtime.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The time of day: the system's, or in a simulation [`EPOCH`] and what has passed since it began.
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
