//! `kubelet-path/configz`: every kubelet serves `configz` through the API server, so that its effective configuration can be read.

use amiproof_core::check::{Scope, always};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::proxy::ask;
use super::target::ATTEMPT;
use crate::definition::{Definition, Work};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "kubelet-path/configz",
    title: "the effective configuration of every kubelet can be read within ten seconds",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(ATTEMPT),
    applies: always,
    work: Work::Question(|context| ask(context, "configz", |value| value["kubeletconfig"].is_object()).boxed()),
};
