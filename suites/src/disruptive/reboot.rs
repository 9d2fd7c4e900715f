//! `disruptive/reboot`: after a reboot every node is Ready within ten minutes, and everything that worked before works again.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::probe;
use futures::FutureExt as _;

use super::back::{self, Sign};
use super::snapshot::{self, Depth};
use super::timeout;
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "disruptive/reboot",
    "after a reboot, every node is Ready, and works and scans as before",
    |context| run(context).boxed(),
)
.within(ATTEMPT_WITH_SCANS);

/// The reboot starts after the command has returned, because the agent cannot report once its host is down.
const LINUX: &str = "systemd-run --on-active=10 --timer-property=AccuracySec=1s systemctl reboot || shutdown -r +1";
const WINDOWS: &str = "shutdown.exe /r /t 10 /f";

/// Deadline of one attempt. Its longest part is two scans of the operating system, each of which may take 45 minutes, the default of
/// `timeouts.osScan`.
const ATTEMPT_WITH_SCANS: Duration = Duration::from_secs(3 * 60 * 60);

/// Deadline of the command.
const COMMAND: Duration = Duration::from_secs(60);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let event = "the reboot";
    let before = snapshot::take(context, Depth::Scans).await?;
    let sights = back::look(context, &context.nodes).await?;
    let script = if context.variant.family.is_linux() { LINUX } else { WINDOWS };
    let mut notes = Vec::new();
    for node in context.nodes.iter() {
        match probe::command(context, node, script, COMMAND).await {
            Ok(output) if output.exit_code == 0 => {}
            Ok(output) => notes.push(format!("node {}: {}", node.index, output.stderr.trim())),
            // The response is lost if the host goes down at once. What counts is whether it booted.
            Err(error @ (probe::Error::Lost { .. } | probe::Error::Deadline { .. })) => notes.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    let waited = back::wait(context, &sights, Sign::Booted, timeout(context)).await?;
    let (verdict, evidence) = if waited.lost.is_empty() {
        let now = snapshot::take(context, Depth::Scans).await?;
        let (verdict, mut proof) = snapshot::lost(&before, &now, event);
        proof.insert(0, waited.story);
        (verdict, proof)
    } else {
        back::never_back(context, &waited, Sign::Booted, event).await.map_err(|error| match error {
            CheckError::Undecided(why) if !notes.is_empty() => {
                CheckError::Undecided(format!("{why}; the command: {}", notes.join("; ")))
            }
            other => other,
        })?
    };
    Ok(Decision { evidence, placements: crate::node::placements(&context.nodes), ..verdict.into() })
}
