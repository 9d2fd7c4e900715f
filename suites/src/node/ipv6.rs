//! `node/ipv6`: IPv6 has the settings that the cluster and its programs need (kernel, "IPv6" and "ip-sysctl"; EKS, "IPv6 addresses for
//! clusters").
//!
//! CIS (Amazon Linux 2023, 3.1.1 and 3.3.9) allows disabling IPv6 and router advertisements. With `ipv6.disable=1` a
//! kernel does not have the protocol at all, so that programs that listen on `[::]`, as many do for both protocols, do
//! not start in any cluster. A cluster with IPv6 pods needs IPv6, forwarding, and the advertisements that set a VPC's
//! default route.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, Doing as _, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::{Collected, NodeFacts};
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::Service;
use kube::Api;

use super::{judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "node/ipv6",
    "the host's IPv6 settings are what the cluster and programs that listen on [::] require",
    |context| run(context).boxed(),
)
.on(linux_only)
.within(Duration::from_secs(300));

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let services: Api<Service> = Api::namespaced(context.cluster.client(), "default");
    let service = services.get("kubernetes").await.doing("reading the Service default/kubernetes")?;
    // The API server's own Service has an address of the cluster's first family.
    let address = service.spec.and_then(|spec| spec.cluster_ip).unwrap_or_default();
    Ok(decision(context, assess(context.facts.of(context).await, address.contains(':'))))
}

/// Settings that a cluster with IPv6 pods needs: name, value that breaks it, what breaks, what to do.
const OF_CLUSTERS: [(&str, &str, &str, &str); 3] = [
    (
        "net.ipv6.conf.all.disable_ipv6",
        "1",
        "IPv6 is off, and pods of this cluster have no other address",
        "exclude IPv6 from hardening for this cluster",
    ),
    (
        "net.ipv6.conf.all.forwarding",
        "0",
        "the node does not forward IPv6, so nothing reaches pods of other nodes",
        "exclude net.ipv6.conf.all.forwarding from hardening: the VPC CNI sets it",
    ),
    (
        "net.ipv6.conf.all.accept_ra",
        "0",
        "the node takes no router advertisements, from which a VPC's IPv6 default route comes",
        "set net.ipv6.conf.all.accept_ra to 2, which takes them on a node that forwards",
    ),
];

fn assess(facts: &[NodeFacts], cluster_has_ipv6: bool) -> Verdict {
    judged(facts, |node, read| {
        if lacks_protocol(read) {
            let summary =
                "booted with ipv6.disable=1: programs that listen on [::] do not start, on the host or in pods";
            let help = "take ipv6.disable=1 out of the boot arguments and waive the control: CIS leaves it to the site. Turning IPv6 off by \
                        sysctl instead breaks others: the EKS Pod Identity agent listens on [fd00:ec2::23] unless it is told not to";
            return Ok(vec![Finding::new(resource(node), summary).with_remediation(help)]);
        }
        if !cluster_has_ipv6 {
            return match read.get("kernel.cmdline") {
                Some(_) => Ok(Vec::new()),
                None => Err(silent(node, "how it booted")),
            };
        }
        let mut findings = Vec::new();
        for (name, wrong, breaks, help) in OF_CLUSTERS {
            let Some(value) = read.get(&format!("sysctl.{name}")) else { return Err(silent(node, name)) };
            if value == wrong {
                let summary = format!("{name} is {value}: {breaks}");
                findings.push(Finding::new(format!("{}, {name}", resource(node)), summary).with_remediation(help));
            }
        }
        Ok(findings)
    })
}

fn lacks_protocol(read: &Collected) -> bool {
    read.get("kernel.cmdline").is_some_and(|line| line.split_whitespace().any(|word| word == "ipv6.disable=1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::read_facts;

    const ON: [(&str, &str); 4] = [
        ("kernel.cmdline", "root=/dev/nvme0n1p1 ro"),
        ("sysctl.net.ipv6.conf.all.disable_ipv6", "0"),
        ("sysctl.net.ipv6.conf.all.forwarding", "1"),
        ("sysctl.net.ipv6.conf.all.accept_ra", "2"),
    ];

    fn but(at: usize, value: &'static str) -> [NodeFacts; 1] {
        let mut facts = ON;
        facts[at].1 = value;
        [read_facts(1, &facts)]
    }

    #[test]
    fn a_kernel_without_the_protocol_breaks_programs_in_every_cluster() {
        for has_ipv6 in [false, true] {
            assert_eq!(assess(&[read_facts(1, &ON)], has_ipv6), Verdict::Pass);
            let Verdict::Fail(findings) = assess(&but(0, "ro ipv6.disable=1"), has_ipv6) else { panic!("a finding") };
            assert_eq!(findings.len(), 1, "the settings of a protocol that is not there say nothing");
        }
    }

    #[test]
    fn what_turns_ipv6_off_for_the_host_matters_to_a_cluster_with_ipv6_pods_alone() {
        for (at, value) in [(1, "1"), (2, "0"), (3, "0")] {
            assert_eq!(assess(&but(at, value), false), Verdict::Pass);
            let Verdict::Fail(findings) = assess(&but(at, value), true) else { panic!("{}", ON[at].0) };
            assert!(ON[at].0.ends_with(findings[0].resource.trim_start_matches("node 1, ")), "{findings:?}");
        }
        assert!(matches!(assess(&[read_facts(1, &ON[..1])], true), Verdict::NotEvaluated(_)));
        assert!(matches!(assess(&[read_facts(1, &[])], false), Verdict::NotEvaluated(_)));
    }
}
