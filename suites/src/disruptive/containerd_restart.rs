//! `disruptive/containerd-restart`: after a restart of containerd every node is Ready, and everything that worked before works again.

use amiproof_core::check::{Scope, linux_only};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::ATTEMPT;
use super::restart::restart;
use crate::definition::{Definition, Work};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "disruptive/containerd-restart",
    title: "after a restart of containerd every node is back, and works as before",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(ATTEMPT),
    applies: linux_only,
    work: Work::Question(|context| restart(context, "containerd").boxed()),
};
