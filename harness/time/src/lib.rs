//! The sources of nondeterminism, behind one function each: the time of day ([`now`]) and randomness ([`random`]).
//!
//! A command against AWS takes both from the operating system. A run against the embedded lab shares one thread with the lab, in which time is
//! simulated ([`simulate`]): the clock advances only when all tasks are waiting, and random numbers follow from a seed. The load of the
//! machine changes nothing in such a run, and the same seed gives the same run.
//!
//! A lab in another process can have a faster clock ([`set_scale`]); who waits for it does so by [`sleep`], [`scaled`] and [`limit`].
//!
//! Nothing else in amiproof reads the clock or random numbers; a test over the sources asserts that.
//!
//! Faults of one machine belong here, too: a simulation can set the clock of the machine wrong ([`set_clock`]) and fill its disk
//! ([`disk::set_full`]). The lab stands for other machines and reads [`true_time`].

mod blocking;
pub mod disk;
pub mod random;
mod scale;
mod simulation;
pub mod watch;

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

pub use self::blocking::{blocking, write_file};
pub use self::scale::{limit, scaled, set_scale, sleep};
pub use self::simulation::{SimulationError, simulate};

/// The start of a simulated clock: 2026-12-01, 00:00 UTC.
pub const EPOCH: Timestamp = Timestamp::constant(1_796_083_200, 0);

thread_local! {
    /// The start of this thread's simulation, on the monotonic clock of its runtime.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    /// How far the clock of the simulated machine is ahead of the true time.
    static AHEAD: Cell<SignedDuration> = const { Cell::new(SignedDuration::ZERO) };
}

/// The time of day by the clock of this machine: the system's, or in a simulation [`true_time`], unless [`set_clock`] set it wrong.
pub fn now() -> Timestamp {
    match BEGAN.get() {
        Some(_) => true_time().saturating_add(AHEAD.get()).unwrap_or(Timestamp::MAX),
        None => Timestamp::now(),
    }
}

/// The time of day by a correct clock, such as that of another machine: in a simulation [`EPOCH`] plus the simulated time since its start.
pub fn true_time() -> Timestamp {
    match BEGAN.get() {
        Some(began) => {
            let passed = SignedDuration::try_from(began.elapsed()).unwrap_or(SignedDuration::MAX);
            EPOCH.saturating_add(passed).unwrap_or(Timestamp::MAX)
        }
        None => Timestamp::now(),
    }
}

/// Sets the clock of the simulated machine: from now on it is `ahead` of the true time, or behind it. Nothing that waits notices. Without a
/// simulation nothing happens.
pub fn set_clock(ahead: SignedDuration) {
    AHEAD.set(ahead);
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
