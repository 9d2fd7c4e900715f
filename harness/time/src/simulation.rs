//! A thread whose time is simulated.

use std::thread;

use tokio::time::Instant;

use crate::{BEGAN, random};

/// The stack of a simulation. The largest request types of the EC2 client need more than the usual 2 MiB in builds without optimisation.
const STACK: usize = 16 * 1024 * 1024;

/// Why a simulation did not take place.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// No thread.
    #[error("cannot start the thread of the simulation")]
    Thread(#[source] std::io::Error),
    /// No runtime.
    #[error("cannot start the asynchronous runtime of the simulation")]
    Runtime(#[source] std::io::Error),
}

/// Runs `work` to completion on a thread of its own with simulated time: the clock stands still while any task can run, and jumps to the next
/// timer when all are waiting. All tasks run on that thread, one at a time, in the same order every time; blocking work runs inline
/// ([`crate::blocking`]).
///
/// # Caveats
/// `work` must wait for nothing outside its own tasks (a socket, a process, another thread): the clock would jump ahead meanwhile.
///
/// # Errors
/// If the thread or its runtime cannot be started.
///
/// # Panics
/// If `work` panics, with its payload.
pub fn simulate<T: Send, F: Future<Output = T>>(
    seed: u64,
    work: impl FnOnce() -> F + Send,
) -> Result<T, SimulationError> {
    thread::scope(|scope| {
        let simulation = thread::Builder::new().name("simulation".to_owned()).stack_size(STACK);
        let simulation = simulation.spawn_scoped(scope, || run(seed, work)).map_err(SimulationError::Thread)?;
        simulation.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn run<T, F: Future<Output = T>>(seed: u64, work: impl FnOnce() -> F) -> Result<T, SimulationError> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    // `block_on` otherwise polls its own future after every 61st task, which would depend on the number of tasks.
    let runtime =
        runtime.enable_all().start_paused(true).event_interval(u32::MAX).build().map_err(SimulationError::Runtime)?;
    let answer = runtime.block_on(async {
        BEGAN.set(Some(Instant::now()));
        random::seed(seed);
        work().await
    });
    runtime.shutdown_background();
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_night_passes_at_once_and_what_is_computed_takes_no_time() {
        let began = std::time::Instant::now();
        let times = simulate(1, || async {
            let first = crate::now();
            tokio::time::sleep(Duration::from_secs(8 * 3600)).await;
            let second = crate::now();
            tokio::task::spawn_blocking(|| thread::sleep(Duration::from_millis(30))).await.unwrap();
            thread::sleep(Duration::from_millis(30));
            (first, second, crate::now(), crate::simulated())
        });
        let (first, second, third, passed) = times.unwrap();
        assert_eq!(first, crate::EPOCH);
        assert_eq!(second.duration_since(first).as_hours(), 8);
        assert_eq!(second, third);
        assert_eq!(passed, Duration::from_secs(8 * 3600));
        assert!(began.elapsed() < Duration::from_secs(3600));
        assert!(!crate::is_simulated());
        assert_eq!(crate::EPOCH.to_string(), "2026-12-01T00:00:00Z");
    }

    #[test]
    fn a_clock_that_is_set_wrong_is_that_of_one_machine() {
        let (right, wrong, passed) = simulate(1, || async {
            crate::set_clock(jiff::SignedDuration::from_hours(-2));
            tokio::time::sleep(Duration::from_secs(3600)).await;
            (crate::true_time(), crate::now(), crate::simulated())
        })
        .unwrap();
        assert_eq!(right.duration_since(crate::EPOCH).as_hours(), 1);
        assert_eq!(wrong.duration_since(crate::EPOCH).as_hours(), -1);
        assert_eq!(passed, Duration::from_secs(3600), "durations do not depend on the clock");
    }

    #[test]
    fn a_panic_is_the_callers() {
        let panic = std::panic::catch_unwind(|| simulate(1, || async { panic!("as it was") })).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"as it was"));
    }
}
