//! The clock of an external lab. A process of its own (`amiproof lab --time-scale`) can let time pass faster than on this machine, and then
//! what takes a minute against AWS takes less. Whoever waits for the account says how long that takes by the clock of the account; this is
//! the only place that knows how long it is on this machine.
//!
//! In a simulation this has no part: there the clock of the machine and that of the lab are the same.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The bits of the factor; zero until one is set, for 1.
static FACTOR: AtomicU64 = AtomicU64::new(0);

/// The shortest wait, so that no loop spins.
const SHORTEST: Duration = Duration::from_millis(10);

/// The shortest deadline that is divided: this machine does not become faster with the lab.
const LEAST_DEADLINE: Duration = Duration::from_secs(120);

/// From now on the clock of the account runs `factor` times as fast as that of this machine, in the whole process. A factor below 1, and
/// one that is not a number, count as 1: the clock of AWS.
pub fn set_scale(factor: f64) {
    let factor = if factor.is_finite() { factor.max(1.0) } else { 1.0 };
    FACTOR.store(factor.to_bits(), Ordering::Relaxed);
}

fn factor() -> f64 {
    match FACTOR.load(Ordering::Relaxed) {
        _ if crate::is_simulated() => 1.0,
        0 => 1.0,
        bits => f64::from_bits(bits),
    }
}

/// How long an interval by the clock of the account is on this machine; at least 10 ms, unless it is shorter itself.
pub fn scaled(interval: Duration) -> Duration {
    interval_by(factor(), interval)
}

fn interval_by(factor: f64, interval: Duration) -> Duration {
    interval.div_f64(factor).max(SHORTEST).min(interval)
}

/// The deadline on this machine for what may take `limit` by the clock of the account: at least two minutes, unless it is shorter itself.
pub fn limit(limit: Duration) -> Duration {
    limit_by(factor(), limit)
}

fn limit_by(factor: f64, limit: Duration) -> Duration {
    limit.div_f64(factor).max(LEAST_DEADLINE).min(limit)
}

/// Waits for an interval by the clock of the account: between two polls, or before a call is repeated.
pub async fn sleep(interval: Duration) {
    tokio::time::sleep(scaled(interval)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_shrink_with_their_polls_but_not_below_what_a_busy_machine_needs() {
        let seconds = Duration::from_secs;
        for (factor, limit, wanted) in [(1.0, 2700, 2700), (10.0, 2700, 270), (1000.0, 2700, 120), (1000.0, 60, 60)] {
            assert_eq!(limit_by(factor, seconds(limit)), seconds(wanted), "{factor} {limit}");
        }
        for (factor, interval, wanted) in [(1.0, 15_000, 15_000), (10.0, 15_000, 1500), (1e6, 15_000, 10), (10.0, 4, 4)]
        {
            let (interval, wanted) = (Duration::from_millis(interval), Duration::from_millis(wanted));
            assert_eq!(interval_by(factor, interval), wanted, "{factor} {interval:?}");
        }
    }

    #[test]
    fn a_simulation_takes_no_part() {
        // The only test of this process that sets the scale.
        set_scale(f64::NAN);
        assert_eq!(scaled(Duration::from_secs(60)), Duration::from_secs(60));
        set_scale(60.0);
        assert_eq!(scaled(Duration::from_secs(60)), Duration::from_secs(1));
        let passed = crate::simulate(1, || async {
            sleep(Duration::from_secs(60)).await;
            crate::simulated()
        });
        assert_eq!(passed.unwrap(), Duration::from_secs(60));
        set_scale(0.5);
        assert_eq!(limit(Duration::from_secs(600)), Duration::from_secs(600));
    }
}
