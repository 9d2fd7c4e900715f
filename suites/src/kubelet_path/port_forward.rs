//! `kubelet-path/port-forward`: a TCP port of a pod can be forwarded.

use amiproof_core::check::linux_only;
use amiproof_core::cluster::kubelet_path::{PathError, Through};
use futures::FutureExt as _;

use super::target::{ATTEMPT, PORT, WORDS, ask};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "kubelet-path/port-forward",
    "a port of a pod is forwarded and answers within ten seconds",
    |context| ask(context, "port-forward", |through| fetch(through).boxed()).boxed(),
)
.on(linux_only)
.within(ATTEMPT);

async fn fetch(through: Through<'_>) -> Result<String, PathError> {
    through.port_forward(PORT, b"GET / HTTP/1.0\r\nHost: asked\r\n\r\n", WORDS).await
}
