//! `disruptive/kubelet-restart`: after a restart of kubelet every node is Ready, and what worked before works again.

use amiproof_core::check::linux_only;
use futures::FutureExt as _;

use super::ATTEMPT;
use super::restart::restart;
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "disruptive/kubelet-restart",
    "after a restart of the kubelet, every node is Ready and works as before",
    |context| restart(context, "kubelet").boxed(),
)
.on(linux_only)
.within(ATTEMPT);
