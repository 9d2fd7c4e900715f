//! `node/ebpf`: agents that load eBPF programs as root can do so (kernel_lockdown(7), "confidentiality").
//!
//! Network policies of the VPC CNI, Cilium, Falco and GuardDuty's agent are such agents. What benchmarks ask for does not touch them:
//! `kernel.unprivileged_bpf_disabled` (CIS Bottlerocket 1.4.3) takes BPF from unprivileged programs alone, and a lockdown for
//! integrity (1.5.2) forbids writing into the kernel. A lockdown for confidentiality forbids reading too, and so most tracing programs.

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
    id: "node/ebpf",
    title: "agents may load eBPF programs",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(Duration::from_secs(300)),
    applies: linux_only,
    work: Work::Question(|context| run(context).boxed()),
};

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    judged(facts, |node, read| {
        // Kernels before 5.4 have no lockdown; that the node was read shows in its kernel.
        let Some(lockdown) = read.get("kernel.lockdown").or(read.get("kernel.release").map(|_| "none")) else {
            return Err(silent(node, "how its kernel is locked down"));
        };
        if lockdown != "confidentiality" {
            return Ok(Vec::new());
        }
        let summary = "the kernel is locked down for confidentiality: eBPF programs that read kernel memory are refused, and with \
                       them Falco, Cilium and GuardDuty's runtime monitoring";
        let mend = "lock the kernel down for integrity: settings.kernel.lockdown = \"integrity\" on Bottlerocket, which CIS asks for, \
                    lockdown=integrity among the boot arguments elsewhere";
        Ok(vec![Finding::new(resource(node), summary).with_remediation(mend)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::read_facts;

    #[test]
    fn what_benchmarks_ask_for_is_fine_and_confidentiality_is_not() {
        let asked = |facts: &[(&str, &str)]| assess(&[read_facts(1, facts)]);
        assert_eq!(asked(&[("kernel.lockdown", "none")]), Verdict::Pass);
        let hardened = [("kernel.lockdown", "integrity"), ("sysctl.kernel.unprivileged_bpf_disabled", "1")];
        assert_eq!(asked(&hardened), Verdict::Pass);
        assert_eq!(asked(&[("kernel.release", "4.14.355")]), Verdict::Pass);
        assert!(matches!(asked(&[("kernel.lockdown", "confidentiality")]), Verdict::Fail(_)));
        assert!(matches!(asked(&[]), Verdict::NotEvaluated(_)));
    }
}
