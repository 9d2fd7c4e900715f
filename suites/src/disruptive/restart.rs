//! Restarting a service of the host on every node, one after the other, and what is left afterwards.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::evidence::evidence;
use amiproof_core::probe;
use amiproof_model::verdict::{Finding, Verdict};

use super::back::{self, Sign};
use super::snapshot::{self, Depth};
use super::timeout;

/// For the command: a unit that does not stop is killed after 90 s (systemd, DefaultTimeoutStopSec).
const COMMAND: Duration = Duration::from_secs(150);

/// Restarts a unit everywhere.
pub(super) async fn restart(context: &Context, unit: &str) -> Result<Decision, CheckError> {
    let event = format!("the restart of {unit}");
    let placements = crate::node::placements(&context.nodes);
    let before = snapshot::take(context, Depth::Smoke).await?;
    let mut refused = Vec::new();
    for node in context.nodes.iter() {
        let output = probe::command(context, node, &format!("systemctl restart {unit}"), COMMAND).await?;
        if output.exit_code != 0 {
            let stderr = output.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            let summary = format!("{unit} does not start again on node {}: {stderr}", node.index);
            refused.push(Finding::new(format!("node {}", node.index), summary).with_remediation(format!(
                "read `journalctl -u {unit}` on the node: something that it needs to start was present at boot and is missing now"
            )));
        }
    }
    // From here on the kubelet must report again.
    let sights = back::look(context, &context.nodes).await?;
    let waited = back::wait(context, &sights, Sign::Reported, timeout(context)).await?;
    let story = waited.story.clone();
    if !refused.is_empty() {
        let proof = vec![story, evidence("event", &event)];
        return Ok(Decision { evidence: proof, placements, ..Verdict::Fail(refused).into() });
    }
    let (verdict, evidence) = if waited.lost.is_empty() {
        let now = snapshot::take(context, Depth::Smoke).await?;
        let (verdict, mut proof) = snapshot::lost(&before, &now, &event);
        proof.insert(0, story);
        (verdict, proof)
    } else {
        back::never_back(context, &waited, Sign::Reported, &event).await?
    };
    Ok(Decision { evidence, placements, ..verdict.into() })
}
