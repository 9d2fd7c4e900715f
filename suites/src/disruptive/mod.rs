//! Suite `disruptive`, opt-in: whether nodes still work after a reboot, a restart, a reload, a drain.
//!
//! Each check takes a `snapshot` of what works, disturbs the variant's nodes, waits until they are back, and takes another. What
//! worked before and does not after is a finding; what did not work before is reported by other checks. The runner starts these checks
//! when all others are over, one at a time.

mod back;
pub mod containerd_restart;
pub mod drain;
pub mod drift;
pub mod firewall_reload;
pub mod kubelet_restart;
pub mod reboot;
mod restart;
mod snapshot;
pub mod sysctl_reload;

use std::time::Duration;

use amiproof_core::check::CheckError;
use amiproof_core::context::Context;

/// Deadline of one attempt: two snapshots, the longest wait for nodes, and reading the evidence of a failure.
const ATTEMPT: Duration = Duration::from_secs(75 * 60);

/// How long nodes may take to become Ready again: ten minutes with the default `timeouts.nodesReady` of eight.
fn timeout(context: &Context) -> Duration {
    context.variant.timeouts.nodes_ready * 5 / 4
}

/// Sleeps, unless the run is interrupted.
async fn pause(context: &Context, real: Duration) -> Result<(), CheckError> {
    tokio::select! {
        biased;
        () = amiproof_time::sleep(real) => Ok(()),
        () = context.cancel.cancelled() => Err(CheckError::Cancelled),
    }
}
