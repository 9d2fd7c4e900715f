//! `node/kernel-modules`: no module that containers, the pod network or volumes need is blocked from loading.
//!
//! Benchmarks block file systems and protocols that nobody uses (CIS Amazon Linux 2023, 1.1.1 and 3.1); a block list that goes further
//! takes container images, Services or NFS away.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, Scope, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::report::Phase;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{judged, resource, silent};
use crate::definition::{Definition, Work};
use crate::host::decision;

/// See the module.
pub const CHECK: Definition = Definition {
    id: "node/kernel-modules",
    title: "no kernel module that pods depend on is blocked",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(Duration::from_secs(300)),
    applies: linux_only,
    work: Work::Question(|context| run(context).boxed()),
};

/// Modules, and what does not work without them.
const NEEDED: [(&str, &str); 16] = [
    ("overlay", "containerd cannot unpack images"),
    ("veth", "pods have no network"),
    ("bridge", "pods of a bridge CNI have no network"),
    ("br_netfilter", "Services are not seen by bridged packets"),
    ("nf_conntrack", "Services and network policies have no connections to track"),
    ("nf_nat", "Services have no addresses"),
    ("nf_tables", "rules of kube-proxy and the CNI cannot be loaded"),
    ("ip_tables", "rules of kube-proxy and the CNI cannot be loaded"),
    ("iptable_nat", "Services have no addresses"),
    ("iptable_filter", "rules of kube-proxy and the CNI cannot be loaded"),
    ("xt_conntrack", "rules of kube-proxy cannot be loaded"),
    ("xt_comment", "rules of kube-proxy cannot be loaded"),
    ("xt_mark", "rules of kube-proxy cannot be loaded"),
    ("xt_MASQUERADE", "pods cannot reach what is outside of the VPC"),
    ("nfs", "EFS and NFS volumes cannot be mounted"),
    ("nfsv4", "EFS and NFS volumes cannot be mounted"),
];

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    judged(facts, |node, read| {
        // A host without any block list has no such fact; that it was read shows in its kernel.
        let Some(blocked) = read.get("modules.blocked").or(read.get("kernel.release").map(|_| "")) else {
            return Err(silent(node, "which modules are blocked"));
        };
        let needed = NEEDED.iter().filter(|(name, _)| blocked.split_whitespace().any(|own| own == *name));
        let finding = |(name, why): &(&str, &str)| {
            let mend = format!("remove `install {name} /bin/false` from /etc/modprobe.d when the image is built");
            let resource = format!("{}, {name}", resource(node));
            Finding::new(resource, format!("module {name} cannot be loaded: {why}")).with_remediation(mend)
        };
        Ok(needed.map(finding).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::read_facts;

    #[test]
    fn what_benchmarks_block_is_fine_and_what_pods_need_is_not() {
        let asked =
            |blocked: &str| assess(&[read_facts(1, &[("kernel.release", "6.12"), ("modules.blocked", blocked)])]);
        assert_eq!(asked("cramfs dccp rds sctp squashfs tipc udf"), Verdict::Pass);
        let Verdict::Fail(findings) = asked("cramfs overlay nfs") else { panic!("findings") };
        let named: Vec<&str> = findings.iter().map(|finding| finding.resource.as_str()).collect();
        assert_eq!(named, ["node 1, overlay", "node 1, nfs"]);
        assert_eq!(assess(&[read_facts(1, &[("kernel.release", "6.12")])]), Verdict::Pass);
        assert!(matches!(assess(&[read_facts(1, &[])]), Verdict::NotEvaluated(_)));
    }
}
