//! `node/webhooks`: the API server reaches a pod of every node, as it must for admission webhooks and aggregated APIs.
//!
//! The control plane calls webhooks (cert-manager, load balancer controllers, policy engines) on the ports of their pods, from outside of the
//! node: through the FORWARD chain, unlike logs and exec, which go to the kubelet. A node that drops such packets makes every request fail
//! that a webhook with `failurePolicy: Fail` is asked about, in the whole cluster.
//!
//! The API server's proxy to a pod takes the same way with the same dialer. So no webhook is registered: such a configuration belongs to the
//! whole cluster, and a node that does not answer would hold up the requests of others.

use amiproof_core::check::{CheckError, Decision, linux_only};
use amiproof_core::cluster::kubelet_path::{PathError, Through};
use amiproof_core::context::Context;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use crate::definition::Definition;
use crate::kubelet_path::target::{ATTEMPT, PORT, ask};

/// See the module.
pub const CHECK: Definition = Definition::question(
    "node/webhooks",
    "the API server reaches a pod of every node, as it must for admission webhooks",
    |context| run(context).boxed(),
)
.on(linux_only)
.within(ATTEMPT);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let asked = ask(context, "proxy", |through| fetch(through).boxed()).await?;
    let verdict = match asked.verdict {
        Verdict::Fail(findings) => Verdict::Fail(findings.into_iter().map(explained).collect()),
        other => other,
    };
    Ok(Decision { verdict, ..asked })
}

async fn fetch(through: Through<'_>) -> Result<String, PathError> {
    through.proxy(PORT).await
}

/// The same finding, about the pod instead of the kubelet.
fn explained(finding: Finding) -> Finding {
    let detail = finding.detail.lines().next().unwrap_or_default().to_owned();
    let summary = format!("the API server gets no answer from port {PORT} of a pod there: {detail}");
    Finding::new(finding.resource, summary).with_detail(finding.detail).with_remediation(
        "let packets from the control plane through to pods: the host's FORWARD chain, net.ipv4.ip_forward, and the security groups of the \
         nodes for the ports of your webhooks",
    )
}
