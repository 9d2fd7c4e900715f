//! `kubelet-path/attach`: the output of a running container can be followed.

use amiproof_core::check::linux_only;
use amiproof_core::cluster::kubelet_path::{PathError, Through};
use futures::FutureExt as _;

use super::target::{ATTEMPT, WORDS, ask};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "kubelet-path/attach",
    "attaching to a container shows its output within ten seconds",
    |context| ask(context, "attach", |through| run(through).boxed()).boxed(),
)
.on(linux_only)
.within(ATTEMPT);

async fn run(through: Through<'_>) -> Result<String, PathError> {
    through.attach(WORDS).await
}
