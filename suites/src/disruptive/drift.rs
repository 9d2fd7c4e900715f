//! `disruptive/drift`: everything still works after ten minutes in which agents on the host may have changed its configuration.
//!
//! Compliance agents, timers and configuration management revert settings that the node needs.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use futures::FutureExt as _;

use super::snapshot::{self, Depth};
use super::{ATTEMPT, pause};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "disruptive/drift",
    "pods still work after ten minutes in which host agents may revert settings",
    |context| run(context).boxed(),
)
.within(ATTEMPT);

/// The time that agents of the host have: most of them run at least every ten minutes.
const INTERVAL: Duration = Duration::from_secs(600);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let before = snapshot::take(context, Depth::Smoke).await?;
    pause(context, INTERVAL).await?;
    let now = snapshot::take(context, Depth::Smoke).await?;
    let (verdict, evidence) = snapshot::lost(&before, &now, "ten minutes");
    Ok(Decision { evidence, placements: crate::node::placements(&context.nodes), ..verdict.into() })
}
