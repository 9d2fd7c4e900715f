//! `kubelet-path/exec`: a command can be run in a pod.

use amiproof_core::check::{Scope, linux_only};
use amiproof_core::cluster::kubelet_path::{PathError, Through};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::target::{ATTEMPT, ask};
use crate::definition::{Definition, Work};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "kubelet-path/exec",
    title: "a command runs in a pod and its output comes back within ten seconds",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(ATTEMPT),
    applies: linux_only,
    work: Work::Question(|context| ask(context, "exec", |through| run(through).boxed()).boxed()),
};

async fn run(through: Through<'_>) -> Result<String, PathError> {
    let executed = through.exec(&["cat", "/tmp/www/index.html"]).await?;
    match executed.failure {
        None => Ok(executed.stdout),
        Some(failure) => Err(PathError::Broken(format!("{failure}: {}", executed.stderr.trim()))),
    }
}
