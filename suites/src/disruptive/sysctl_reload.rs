//! `disruptive/sysctl-reload`: after the kernel settings of the image are loaded again, its pods can still connect and be connected to.
//!
//! What a network plugin, kube-proxy and the kubelet set when they start overrides what the image's files say, until
//! someone loads those again: an update of a package, an agent, or an administrator who follows a hardening guide. Then
//! forwarding is off and the reverse path filter strict, on a node that worked (rancher/rke2, issue 2021).

use std::time::Duration;

use amiproof_core::check::{Applies, CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::probe;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::snapshot::{self, Depth};
use super::{ATTEMPT, pause};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "disruptive/sysctl-reload",
    "after a reload of the image's kernel settings, pods work as before",
    |context| run(context).boxed(),
)
.on(has_files)
.within(ATTEMPT);

/// What loads them at boot.
const RELOAD: &str = "systemctl restart systemd-sysctl";

const COMMAND: Duration = Duration::from_secs(120);

/// The time that agents have to set what they need (kube-proxy syncs at least every 30 s).
const RESYNC: Duration = Duration::from_secs(60);

fn has_files(variant: &Variant) -> Applies {
    match variant.family {
        Family::Al2023 | Family::Al2 => Applies::Yes,
        Family::Bottlerocket => {
            Applies::No("Bottlerocket sets its kernel settings by its API, and loads no files again")
        }
        Family::Windows => Applies::No("Linux only"),
    }
}

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let before = snapshot::take(context, Depth::Smoke).await?;
    let mut refused = Vec::new();
    for node in context.nodes.iter() {
        let output = probe::command(context, node, RELOAD, COMMAND).await?;
        if output.exit_code != 0 {
            let stderr = output.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            let summary = format!("the kernel settings of node {} cannot be loaded again: {stderr}", node.index);
            refused.push(Finding::new(format!("node {}", node.index), summary).with_remediation(
                "read `journalctl -u systemd-sysctl` on the node: a file names a setting that this kernel does not have",
            ));
        }
    }
    pause(context, RESYNC).await?;
    let now = snapshot::take(context, Depth::Smoke).await?;
    let (verdict, proof) = snapshot::lost(&before, &now, "the reload of kernel settings");
    let verdict = match verdict {
        _ if !refused.is_empty() => Verdict::Fail(refused),
        Verdict::Fail(findings) => Verdict::Fail(findings.into_iter().map(explained).collect()),
        other => other,
    };
    Ok(Decision { evidence: proof, placements: crate::node::placements(&context.nodes), ..verdict.into() })
}

fn explained(finding: Finding) -> Finding {
    finding.with_remediation(
        "let the image's own files (/etc/sysctl.d, /etc/sysctl.conf) set what a node needs: net.ipv4.ip_forward = 1, a loose rp_filter, the \
         kernel parameters that the kubelet requires; what is only set at run time is lost with the next load",
    )
}
