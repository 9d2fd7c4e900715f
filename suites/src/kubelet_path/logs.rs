//! `kubelet-path/logs`: the log of a pod can be read.

use amiproof_core::check::{Scope, always};
use amiproof_core::cluster::kubelet_path::{PathError, Through};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::target::{ATTEMPT, ask};
use crate::definition::{Definition, Work};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "kubelet-path/logs",
    title: "the log of a pod can be read within ten seconds",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(ATTEMPT),
    applies: always,
    work: Work::Question(|context| ask(context, "logs", |through| read(through).boxed()).boxed()),
};

async fn read(through: Through<'_>) -> Result<String, PathError> {
    through.logs().await
}
