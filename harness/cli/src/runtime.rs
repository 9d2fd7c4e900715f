//! The asynchronous runtime, for commands that use the network.

use std::time::Duration;

use amiproof_core::cluster::explain::chain;

use crate::args::Target;
use crate::output::Failure;

/// Runs a future to its end. Pending name lookups and hanging helpers do not delay the exit.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let answer = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(answer)
}

/// Runs a command that uses the network, or the lab in this process, to completion. With the lab, time is simulated.
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

/// The runtime of commands that use the network.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // The EC2 client's largest request types need more than the usual 2 MiB in builds without optimisation.
        .thread_stack_size(8 * 1024 * 1024)
        .build()
        .map_err(|error| Failure::error(format!("cannot start the asynchronous runtime: {error}"), ""))
}
