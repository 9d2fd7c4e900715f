//! `node/kubelet-skew`: the kubelet's version is one that the control plane supports.
//!
//! Kubernetes' version skew policy: a kubelet is never newer than the API server, and at most three minor versions older.

use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{placements, resource};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "node/kubelet-skew",
    "the kubelet is at most three minor versions behind the control plane and not ahead of it",
    |context| run(context).boxed(),
);

const MAX_BEHIND: u32 = 3;

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let server = context.cluster.client().apiserver_version().await.doing("asking the API server for its version")?;
    let verdict = assess(&context.nodes, &server.git_version);
    Ok(Decision { placements: placements(&context.nodes), ..verdict.into() })
}

/// The minor version of `v1.36.2-eks-1234`.
fn minor(version: &str) -> Option<u32> {
    version.trim_start_matches('v').strip_prefix("1.")?.split(['.', '-', '+']).next()?.parse().ok()
}

fn assess(nodes: &[NodeRecord], server: &str) -> Verdict {
    let Some(server_minor) = minor(server) else {
        return Verdict::NotEvaluated(format!("the API server's version '{server}' is not understood"));
    };
    if nodes.is_empty() {
        return Verdict::NotEvaluated("there is no node".to_owned());
    }
    let mut findings = Vec::new();
    for node in nodes {
        let Some(kubelet) = minor(&node.kubelet) else {
            let reason = format!("the kubelet's version '{}' of {} is not understood", node.kubelet, resource(node));
            return Verdict::NotEvaluated(reason);
        };
        let how = if kubelet > server_minor {
            "is ahead of"
        } else if server_minor - kubelet > MAX_BEHIND {
            "is more than three minor versions behind"
        } else {
            continue;
        };
        findings.push(
            Finding::new(resource(node), format!("kubelet {} {how} the control plane's {server}", node.kubelet))
                .with_remediation("build the image for the cluster's Kubernetes version"),
        );
    }
    if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    #[test]
    fn three_minors_behind_are_allowed_and_ahead_is_not() {
        for (kubelet, word) in [
            ("v1.36.2-eks-1", "pass"),
            ("v1.33.0", "pass"),
            ("v1.32.9", "fail"),
            ("v1.37.0", "fail"),
            ("unknown", "not evaluated"),
            ("", "not evaluated"),
        ] {
            let verdict = assess(&[record(1, kubelet)], "v1.36.1-eks-abcdef");
            assert_eq!(amiproof_model::verdict::Outcome::from(verdict).as_str(), word, "{kubelet}");
        }
        assert!(matches!(assess(&[record(1, "v1.36.0")], "next"), Verdict::NotEvaluated(_)));
    }
}
