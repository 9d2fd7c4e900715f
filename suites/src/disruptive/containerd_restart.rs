//! `disruptive/containerd-restart`: after a restart of containerd every node is Ready, and everything that worked before works again.

use amiproof_core::check::linux_only;
use futures::FutureExt as _;

use super::ATTEMPT;
use super::restart::restart;
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "disruptive/containerd-restart",
    "after a restart of containerd, every node is Ready and works as before",
    |context| restart(context, "containerd").boxed(),
)
.on(linux_only)
.within(ATTEMPT);
