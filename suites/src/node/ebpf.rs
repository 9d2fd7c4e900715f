//! `node/ebpf`: agents that trace the kernel by eBPF can do so (kernel_lockdown(7), "confidentiality"; bpf-helpers(7)).
//!
//! The requirements of benchmarks do not affect them: `kernel.unprivileged_bpf_disabled` (CIS Bottlerocket 1.4.3) disables BPF only for
//! unprivileged programs, and lockdown `integrity` (1.5.2) only forbids changes of the kernel. Lockdown `confidentiality` disables the
//! helpers that read kernel memory (`bpf_probe_read`, `bpf_probe_read_kernel` and others), which tracers such as Tetragon and Falco need.
//! Programs that only read packets, such as Cilium's datapath and the VPC CNI's network policies, do not need them.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/ebpf", "agents can trace the kernel with eBPF", |context| run(context).boxed())
        .on(linux_only)
        .within(Duration::from_secs(300));

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    judged(facts, |node, read| {
        let none = || is_before_lockdown(read.get("kernel.release")?).then_some("none");
        let Some(lockdown) = read.get("kernel.lockdown").or_else(none) else {
            return Err(silent(node, "how its kernel is locked down"));
        };
        if lockdown != "confidentiality" {
            return Ok(Vec::new());
        }
        let summary = "the kernel is locked down for confidentiality: eBPF programs that read kernel memory (bpf_probe_read helpers) are \
                       refused, and with them tracers such as Tetragon and Falco";
        let help = "lock the kernel down for integrity: settings.kernel.lockdown = \"integrity\" on Bottlerocket, which CIS asks for, \
                    lockdown=integrity among the boot arguments elsewhere";
        Ok(vec![Finding::new(resource(node), summary).with_remediation(help)])
    })
}

/// Whether a kernel is too old for lockdown, which Linux has had since 5.4.
fn is_before_lockdown(release: &str) -> bool {
    let mut parts = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    matches!((parts.next(), parts.next()), (Some(major), Some(minor)) if (major, minor) < (5, 4))
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
        for unknown in
            [&[][..], &[("kernel.release", "6.12.53-69.119.amzn2023.x86_64")], &[("kernel.release", "5.4.1")]]
        {
            assert!(matches!(asked(unknown), Verdict::NotEvaluated(_)), "{unknown:?}");
        }
    }
}
