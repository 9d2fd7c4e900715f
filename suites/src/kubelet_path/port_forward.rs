//! `kubelet-path/port-forward`: a TCP port of a pod can be forwarded.

use amiproof_core::check::{Scope, linux_only};
use amiproof_core::cluster::kubelet_path::{PathError, Through};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::target::{ATTEMPT, PORT, WORDS, ask};
use crate::definition::{Definition, Work};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "kubelet-path/port-forward",
    title: "a port of a pod is forwarded and answers within ten seconds",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(ATTEMPT),
    applies: linux_only,
    work: Work::Question(|context| ask(context, "port-forward", |through| fetch(through).boxed()).boxed()),
};

async fn fetch(through: Through<'_>) -> Result<String, PathError> {
    through.port_forward(PORT, b"GET / HTTP/1.0\r\nHost: asked\r\n\r\n", WORDS).await
}
