//! `kubelet-path/metrics`: every kubelet serves `stats/summary` through the API server, so that its statistics can be read.

use amiproof_core::check::{Scope, always};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::proxy::ask;
use super::target::ATTEMPT;
use crate::definition::{Definition, Work};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "kubelet-path/metrics",
    title: "the statistics of every kubelet can be read within ten seconds",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(ATTEMPT),
    applies: always,
    work: Work::Question(|context| ask(context, "stats/summary", |value| value.pointer("/node/cpu").is_some()).boxed()),
};
