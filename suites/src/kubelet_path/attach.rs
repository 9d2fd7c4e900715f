//! `kubelet-path/attach`: the output of a running container can be followed.

use amiproof_core::check::{Scope, linux_only};
use amiproof_core::cluster::kubelet_path::{PathError, Through};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::target::{ATTEMPT, WORDS, ask};
use crate::definition::{Definition, Work};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "kubelet-path/attach",
    title: "attaching to a container shows its output within ten seconds",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(ATTEMPT),
    applies: linux_only,
    work: Work::Question(|context| ask(context, "attach", |through| run(through).boxed()).boxed()),
};

async fn run(through: Through<'_>) -> Result<String, PathError> {
    through.attach(WORDS).await
}
