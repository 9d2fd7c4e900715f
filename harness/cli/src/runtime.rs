//! The asynchronous runtime, which only commands that talk to someone need.

use std::time::Duration;

use amiproof_core::cluster::explain::chain;

use crate::args::Target;
use crate::output::Failure;

/// Runs what talks to someone to its end. A name that is still being resolved, or a helper that hangs, keeps nobody waiting then.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let answer = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(answer)
}

/// Runs what talks to someone, or to the lab inside this process, to its end: with the lab time is simulated.
pub(crate) fn run<T: Send, F: Future<Output = T>>(
    target: &Target,
    work: impl FnOnce() -> F + Send,
) -> Result<T, Failure> {
    if target.lab {
        amiproof_time::simulate(target.seed, work).map_err(|error| Failure::error(chain(&error), ""))
    } else {
        block_on(work())
    }
}

/// The runtime of commands that talk to someone.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // The EC2 client's largest request types need more than the usual 2 MiB in builds without optimisation.
        .thread_stack_size(8 * 1024 * 1024)
        .build()
        .map_err(|error| Failure::error(format!("cannot start the asynchronous runtime: {error}"), ""))
}
