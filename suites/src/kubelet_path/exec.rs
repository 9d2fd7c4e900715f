//! `kubelet-path/exec`: a command can be run in a pod.

use amiproof_core::cluster::kubelet_path::{PathError, Through};
use futures::FutureExt as _;

use super::target::{ATTEMPT, ask};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "kubelet-path/exec",
    "a command runs in a pod and its output comes back within ten seconds",
    |context| match context.variant.family.is_linux() {
        true => ask(context, "exec", |through| run(through, &["cat", "/tmp/www/index.html"]).boxed()).boxed(),
        false => ask(context, "exec", |through| run(through, &["cmd.exe", "/S", "/C", ON_WINDOWS]).boxed()).boxed(),
    },
)
.within(ATTEMPT);

/// Prints the same text as the pod.
const ON_WINDOWS: &str = "echo amiproof was here";

async fn run(through: Through<'_>, command: &[&str]) -> Result<String, PathError> {
    let executed = through.exec(command).await?;
    match executed.failure {
        None => Ok(executed.stdout),
        Some(failure) => Err(PathError::Connection(format!("{failure}: {}", executed.stderr.trim()))),
    }
}
