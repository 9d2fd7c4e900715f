//! `kubelet-path/logs`: the log of a pod can be read.

use amiproof_core::cluster::kubelet_path::{PathError, Through};
use futures::FutureExt as _;

use super::target::{ATTEMPT, ask};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition =
    Definition::question("kubelet-path/logs", "the log of a pod can be read within ten seconds", |context| {
        ask(context, "logs", |through| read(through).boxed()).boxed()
    })
    .within(ATTEMPT);

async fn read(through: Through<'_>) -> Result<String, PathError> {
    through.logs().await
}
