//! `disruptive/rounds`: ten minutes later everything still works, whatever makes its rounds on the host in the meantime.
//!
//! Compliance agents, timers and configuration management put settings back that the node needs otherwise.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, Scope, always};
use amiproof_core::context::Context;
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::snapshot::{self, Depth};
use super::{ATTEMPT, pause};
use crate::definition::{Definition, Work};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "disruptive/rounds",
    title: "pods still work after ten minutes in which host agents may revert settings",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(ATTEMPT),
    applies: always,
    work: Work::Question(|context| run(context).boxed()),
};

const ROUND: Duration = Duration::from_secs(600);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let before = snapshot::take(context, Depth::Smoke).await?;
    pause(context, ROUND).await?;
    let now = snapshot::take(context, Depth::Smoke).await?;
    let (verdict, evidence) = snapshot::lost(&before, &now, "ten minutes");
    Ok(Decision { evidence, placements: crate::node::placements(&context.nodes), ..verdict.into() })
}
