//! `disruptive/reboot`: after a reboot every node is Ready within ten minutes, and what worked before works again.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, Scope, always};
use amiproof_core::context::Context;
use amiproof_core::probe;
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::back::{self, Sign};
use super::snapshot::{self, Depth};
use super::timeout;
use crate::definition::{Definition, Work};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "disruptive/reboot",
    title: "after a reboot every node is back, and works and scans as before",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(ATTEMPT_WITH_SCANS),
    applies: always,
    work: Work::Question(|context| run(context).boxed()),
};

/// The reboot begins after the command has answered: an agent that dies with its host cannot.
const LINUX: &str = "systemd-run --on-active=10 --timer-property=AccuracySec=1s systemctl reboot || shutdown -r +1";
const WINDOWS: &str = "shutdown.exe /r /t 10 /f";

/// For one attempt: two scans of the operating system, each of which may take the 45 minutes that `timeouts.osScan` usually is, are the
/// longest part of it.
const ATTEMPT_WITH_SCANS: Duration = Duration::from_secs(3 * 60 * 60);

/// For the command.
const COMMAND: Duration = Duration::from_secs(60);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let event = "the reboot";
    let before = snapshot::take(context, Depth::Scans).await?;
    let sights = back::look(context, &context.nodes).await?;
    let script = if context.variant.family.is_linux() { LINUX } else { WINDOWS };
    let mut said = Vec::new();
    for node in context.nodes.iter() {
        match probe::command(context, node, script, COMMAND).await {
            Ok(output) if output.exit_code == 0 => {}
            Ok(output) => said.push(format!("node {}: {}", node.index, output.stderr.trim())),
            // A host that goes down at once takes the answer with it. Whether it booted is what counts.
            Err(error @ (probe::Error::Lost { .. } | probe::Error::Deadline { .. })) => said.push(error.to_string()),
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
            CheckError::Undecided(why) if !said.is_empty() => {
                CheckError::Undecided(format!("{why}; the command: {}", said.join("; ")))
            }
            other => other,
        })?
    };
    Ok(Decision { evidence, placements: crate::node::placements(&context.nodes), ..verdict.into() })
}
