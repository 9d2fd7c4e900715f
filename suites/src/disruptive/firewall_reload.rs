//! `disruptive/firewall-reload`: after a reload of the node's firewall service, its pods can still connect and be connected to.
//!
//! EKS's kubelet unit runs `iptables -P FORWARD ACCEPT` before each start (awslabs/amazon-eks-ami, kubelet.service), so a FORWARD policy
//! of DROP from boot is overwritten, and the problem stays hidden until the service loads its rules again.

use std::time::Duration;

use amiproof_core::check::{Applies, CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::evidence::evidence;
use amiproof_core::probe;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::snapshot::{self, Depth};
use super::{ATTEMPT, pause};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "disruptive/firewall-reload",
    "after a reload of the host's firewall, pods work as before",
    |context| run(context).boxed(),
)
.on(has_services)
.within(ATTEMPT);

/// Prints the service that it reloaded, or `none`. A host that meets the benchmark has only one of them (CIS AL2023 3.4.1.2).
const RELOAD: &str = "active() { systemctl is-active \"$1\" >/dev/null 2>&1; }
if active firewalld; then firewall-cmd --reload >/dev/null && echo firewalld
elif active nftables; then systemctl restart nftables && echo nftables
elif active iptables; then systemctl restart iptables && echo iptables
else echo none; fi";

const COMMAND: Duration = Duration::from_secs(120);

/// The time that kube-proxy and the CNI have to restore their rules (kube-proxy syncs at least every 30 s).
const RESYNC: Duration = Duration::from_secs(60);

fn has_services(variant: &Variant) -> Applies {
    match variant.family {
        Family::Al2023 | Family::Al2 => Applies::Yes,
        Family::Bottlerocket => {
            Applies::No("Bottlerocket has no firewall service: its rules are set once, by a bootstrap container")
        }
        Family::Windows => Applies::No("Linux only"),
    }
}

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let before = snapshot::take(context, Depth::Smoke).await?;
    let (mut services, mut refused) = (Vec::new(), Vec::new());
    for node in context.nodes.iter() {
        let output = probe::command(context, node, RELOAD, COMMAND).await?;
        if output.exit_code != 0 {
            let stderr = output.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            let summary =
                format!("the firewall service of node {} does not load its rules again: {stderr}", node.index);
            refused.push(Finding::new(format!("node {}", node.index), summary));
        }
        services.push(output.stdout.trim().to_owned());
    }
    if services.iter().all(|service| service == "none") {
        let reason = "no firewall service runs on the host: neither firewalld, nor nftables, nor iptables";
        return Ok(Verdict::NotApplicable(reason.to_owned()).into());
    }
    pause(context, RESYNC).await?;
    let now = snapshot::take(context, Depth::Smoke).await?;
    let (verdict, mut proof) = snapshot::lost(&before, &now, "the firewall reload");
    proof.insert(0, evidence("firewall service per node", services.join("\n")));
    let verdict = match verdict {
        _ if !refused.is_empty() => Verdict::Fail(refused),
        Verdict::Fail(findings) => Verdict::Fail(findings.into_iter().map(explained).collect()),
        other => other,
    };
    Ok(Decision { evidence: proof, placements: crate::node::placements(&context.nodes), ..verdict.into() })
}

fn explained(finding: Finding) -> Finding {
    finding.with_remediation(
        "let the rules that the service loads accept forwarded packets and those that kube-proxy and the CNI mark: at boot, the kubelet's \
         unit sets FORWARD to ACCEPT once the service has started; after a reload, nothing does",
    )
}
