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
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// No runtime.
    #[error("cannot start the asynchronous runtime")]
    Runtime(#[source] std::io::Error),
}

/// Runs `work` to its end in a thread of its own, in which time is simulated: it stands still while a task computes, and jumps to the next
/// timer when no task can go on. All tasks of the runtime run in that one thread, one after the other, in an order
/// that is the same every time. Files are written in their turn, too ([`crate::blocking`]).
///
/// What waits for anything else than the tasks of this runtime (a socket, a process, another thread) must not be part of it: time would
/// not wait.
///
/// # Errors
/// When there is no thread or no runtime to be had.
///
/// # Panics
/// When `work` panics, with the same.
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
    // Who called looks at what happens when all tasks have nothing to do, and not after every 61st step.
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
    fn a_panic_is_the_callers() {
        let panic = std::panic::catch_unwind(|| simulate(1, || async { panic!("as it was") })).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"as it was"));
    }
}
