//! Network plug-ins: which one runs, and whether it enforces NetworkPolicies.

use super::facts::pods::{Container, Workload};
use super::facts::{Facts, Unreadable, seen};

/// DaemonSets of plug-ins that enforce NetworkPolicies according to their documentation, by prefixes of their names.
const ENFORCING: [&str; 8] =
    ["calico-node", "cilium", "canal", "antrea-agent", "kube-router", "weave-net", "kindnet", "kube-network-policies"];

/// What enforces NetworkPolicies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Enforcement {
    /// The plug-in with this name.
    By(String),
    /// The VPC CNI, in which it is disabled.
    SwitchedOff,
    /// None: no known plug-in has a DaemonSet.
    Unknown,
}

fn daemonsets(facts: &Facts) -> Result<impl Iterator<Item = &Workload>, Unreadable> {
    Ok(seen(&facts.workloads)?.iter().filter(|workload| workload.kind == "DaemonSet"))
}

/// The VPC CNI's own DaemonSet.
fn vpc_cni(facts: &Facts) -> Result<Option<&Workload>, Unreadable> {
    Ok(daemonsets(facts)?.find(|workload| workload.name == "aws-node" && workload.namespace == "kube-system"))
}

/// Whether network policies are enabled in the node agent of the VPC CNI (amazon-vpc-cni-k8s, network policy agent).
fn is_switched_on(container: &Container) -> bool {
    container.arguments.iter().any(|argument| argument == "--enable-network-policy=true")
}

/// What enforces NetworkPolicies in the cluster.
pub(crate) fn enforcement(facts: &Facts) -> Result<Enforcement, Unreadable> {
    let known = |workload: &&Workload| ENFORCING.iter().any(|name| workload.name.starts_with(name));
    if let Some(plugin) = daemonsets(facts)?.find(known) {
        return Ok(Enforcement::By(plugin.resource()));
    }
    Ok(match vpc_cni(facts)? {
        Some(cni) if cni.containers.iter().any(is_switched_on) => Enforcement::By(cni.resource()),
        Some(_) => Enforcement::SwitchedOff,
        None => Enforcement::Unknown,
    })
}

/// The running version of the VPC CNI, from its image's tag: `v1.20.4-eksbuild.1`; `None` if it does not run.
pub(crate) fn vpc_cni_version(facts: &Facts) -> Result<Option<String>, Unreadable> {
    let Some(cni) = vpc_cni(facts)? else { return Ok(None) };
    let main = cni.containers.iter().find(|container| container.name == "aws-node");
    let tag = main.and_then(|container| container.image.split('@').next()?.rsplit_once(':'));
    Ok(tag.map(|(_, tag)| tag.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{agent, clean};
    use super::*;

    #[test]
    fn enforcement_is_known_by_daemonsets_and_the_switch_of_the_vpc_cni() {
        let with = |change: fn(&mut Workload)| {
            let mut workload = agent();
            change(&mut workload);
            enforcement(&Facts { workloads: Ok(vec![workload]), ..clean() }).unwrap()
        };
        assert_eq!(with(|_| ()), Enforcement::By("kube-system/DaemonSet/aws-node".into()));
        let off = |cni: &mut Workload| cni.containers[1].arguments = vec!["--enable-network-policy=false".into()];
        assert_eq!(with(off), Enforcement::SwitchedOff);
        assert_eq!(
            with(|cni| cni.name = "calico-node".into()),
            Enforcement::By("kube-system/DaemonSet/calico-node".into())
        );
        assert_eq!(with(|cni| cni.name = "our-cni".into()), Enforcement::Unknown);
    }
}
