//! Which facts of a node matter to which capability, and how a failure carries them.
//!
//! What breaks a capability is in the hardening that takes it away (CIS Amazon Linux 2023 and Bottlerocket benchmarks): a failed
//! workload is explained by the few settings that its capability depends on, beside those of the reference.

use crate::capability::Capability;
use crate::name::VariantName;
use crate::report::{CheckResult, NodeRecord, Report, Subject};
use crate::verdict::{Evidence, Outcome};

/// The title of the evidence that a failure carries.
pub const TITLE: &str = "facts that matter here";

/// Facts that decide whether packets pass through the host.
const FORWARDING: [&str; 7] = [
    "sysctl.net.ipv4.ip_forward",
    "sysctl.net.ipv4.conf.all.rp_filter",
    "sysctl.net.bridge.bridge-nf-call-iptables",
    "firewall.nft.forward",
    "firewall.iptables.FORWARD",
    "firewall.ip6tables.FORWARD",
    "service.firewalld",
];
/// Facts that decide whether packets reach the host itself.
const INPUT: [&str; 5] =
    ["firewall.nft.input", "firewall.iptables.INPUT", "listening.tcp", "service.firewalld", "service.nftables"];
/// Facts that decide whether packets leave the host.
const OUTPUT: [&str; 2] = ["firewall.nft.output", "firewall.iptables.OUTPUT"];
/// Facts that decide what files of the kubelet and of volumes are good for.
const FILES: [&str; 5] = ["mount./var", "mount./var/lib/kubelet", "mount./var/lib/containerd", "umask", "selinux.mode"];

/// The facts that a capability depends on, by name.
pub fn of_capability(capability: Capability) -> Vec<&'static str> {
    use Capability::{
        ApiServer, ClusterDns, DaemonSet, Egress, ExecFromVolume, HostNetwork, HostPath, ImagePull, Inotify,
        InstanceMetadata, KubeletApi, LogFiles, NetworkPolicy, NodePort, NonRoot, PersistentVolume, PodIdentity,
        PodNetwork, Privileged, Probes, ReadOnlyRoot, RunAsJob, SameNodeNetwork, ServiceVip, UserNamespaces,
    };
    let groups: &[&[&'static str]] = match capability {
        PodNetwork | SameNodeNetwork | ClusterDns | ServiceVip | NetworkPolicy => {
            &[&FORWARDING, &["modules.loaded", "modules.blocked"]]
        }
        Egress | ApiServer => &[&FORWARDING, &OUTPUT],
        InstanceMetadata => &[&FORWARDING, &OUTPUT],
        HostNetwork | PodIdentity => &[&INPUT, &FORWARDING],
        NodePort => &[&INPUT, &FORWARDING, &["sysctl.net.ipv4.ip_local_reserved_ports"]],
        KubeletApi => &[&INPUT],
        Probes => &[&OUTPUT, &["umask", "mount./var/lib/kubelet"]],
        ImagePull => &[&OUTPUT, &["mount./var/lib/containerd", "package.containerd", "service.containerd"]],
        ExecFromVolume | HostPath | NonRoot | ReadOnlyRoot => &[&FILES],
        PersistentVolume => &[&FILES, &["modules.blocked"]],
        LogFiles => &[&["mount./var/log", "umask", "selinux.mode"]],
        UserNamespaces => &[&["sysctl.user.max_user_namespaces", "kernel.release", "selinux.mode"]],
        Inotify => &[&["sysctl.fs.inotify.max_user_watches", "sysctl.fs.inotify.max_user_instances"]],
        Privileged => &[&["selinux.mode", "kernel.lockdown", "sysctl.kernel.unprivileged_bpf_disabled"]],
        DaemonSet | RunAsJob => &[&["sysctl.kernel.pid_max", "selinux.mode", "mount./var/lib/containerd"]],
    };
    groups.concat()
}

/// Gives every failure of a variant the facts of its nodes that matter to what the check exercises, beside those of the reference
/// where they differ.
pub fn attach(report: &mut Report) {
    let nodes: Vec<(VariantName, Option<VariantName>, Vec<NodeRecord>)> = report
        .variants
        .iter()
        .map(|variant| (variant.name.clone(), variant.reference.clone(), variant.nodes.clone()))
        .collect();
    let of = |name: &VariantName| nodes.iter().find(|(own, ..)| own == name);
    for result in &mut report.results {
        let Subject::Variant(name) = &result.subject else { continue };
        let known = result.evidence.iter().any(|evidence| evidence.name == TITLE);
        if known || !matches!(result.outcome, Outcome::Fail { .. }) {
            continue;
        }
        let Some((_, reference, own)) = of(name) else { continue };
        let twin = reference.as_ref().and_then(of).and_then(|(_, _, nodes)| nodes.first());
        let text = told(&wanted(&exercised(result)), own, twin);
        if !text.is_empty() {
            result.evidence.push(Evidence { name: TITLE.to_owned(), text, file: None });
        }
    }
}

/// What a check exercises: as its workload says, and the kubelet's port for the suite that is about it.
fn exercised(result: &CheckResult) -> Vec<String> {
    let port = (result.check.suite() == "kubelet-path").then(|| Capability::KubeletApi.word().to_owned());
    result.exercises.iter().cloned().chain(port).collect()
}

/// The facts behind the words of `exercises`, each once.
fn wanted(exercises: &[String]) -> Vec<&'static str> {
    let capabilities = Capability::ALL.into_iter().filter(|one| exercises.iter().any(|word| word == one.word()));
    let mut names: Vec<&'static str> = Vec::new();
    for name in capabilities.flat_map(of_capability) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// One line per fact; values of single nodes where they differ from each other.
fn told(names: &[&str], nodes: &[NodeRecord], twin: Option<&NodeRecord>) -> String {
    let mut text = String::new();
    for name in names {
        let values: Vec<(u32, &str)> =
            nodes.iter().filter_map(|node| Some((node.index, node.facts.get(*name)?.as_str()))).collect();
        let Some((_, first)) = values.first() else { continue };
        let mut line = if values.iter().all(|(_, value)| value == first) {
            format!("{name} = {first}")
        } else {
            let each: Vec<String> = values.iter().map(|(index, value)| format!("node {index}: {value}")).collect();
            format!("{name} = {}", each.join(", "))
        };
        let of_twin = twin.and_then(|twin| twin.facts.get(*name));
        if let Some(other) = of_twin.filter(|other| values.iter().any(|(_, value)| value != other)) {
            line.push_str(&format!("  (reference: {other})"));
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(index: u32, facts: &[(&str, &str)]) -> NodeRecord {
        let record = serde_json::json!({"index": index, "name": format!("node-{index}"), "facts": {}});
        let mut record: NodeRecord = serde_json::from_value(record).unwrap();
        record.facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        record
    }

    #[test]
    fn every_capability_depends_on_something() {
        for capability in Capability::ALL {
            assert!(!of_capability(capability).is_empty(), "{}", capability.word());
        }
    }

    #[test]
    fn a_failure_of_the_pod_network_shows_forwarding_and_what_the_reference_has() {
        let drop = "drop (inet filter forward)";
        let own = [
            node(1, &[("firewall.nft.forward", drop), ("sysctl.net.ipv4.ip_forward", "1"), ("umask", "0027")]),
            node(2, &[("firewall.nft.forward", drop), ("sysctl.net.ipv4.ip_forward", "0")]),
        ];
        let twin = node(1, &[("firewall.nft.forward", "accept"), ("sysctl.net.ipv4.ip_forward", "1")]);
        let names = wanted(&["pod-network".to_owned(), "service-vip".to_owned(), "telepathy".to_owned()]);
        assert_eq!(
            told(&names, &own, Some(&twin)),
            "sysctl.net.ipv4.ip_forward = node 1: 1, node 2: 0  (reference: 1)\n\
             firewall.nft.forward = drop (inet filter forward)  (reference: accept)\n"
        );
        assert_eq!(told(&names, &own[..1], None).lines().count(), 2);
        assert_eq!(told(&names, &[node(1, &[])], Some(&twin)), "");
    }
}
