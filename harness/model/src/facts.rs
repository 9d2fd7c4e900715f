//! Which facts of a node matter to which capability, and how they are added to failures.
//!
//! What breaks a capability is in the hardening that takes it away (CIS Amazon Linux 2023 and Bottlerocket benchmarks): a failed
//! workload is explained by the few settings that its capability depends on, beside those of the reference.

use crate::capability::Capability;
use crate::name::VariantName;
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::report::{NodeRecord, Report};
use crate::verdict::{Evidence, Outcome};

/// What separates two readings of one fact that differ: `1, later 0`.
pub const LATER: &str = ", later ";

/// The title of the evidence that a failure carries.
pub const TITLE: &str = "relevant node settings";

/// The title of the evidence that a variant whose nodes never joined carries: everything that differs from its reference.
pub const DIFFERENCE: &str = "node settings that differ from the reference";

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
/// Facts that decide how files of the kubelet and of volumes can be used.
const FILES: [&str; 5] = ["mount./var", "mount./var/lib/kubelet", "mount./var/lib/containerd", "umask", "selinux.mode"];

/// Facts that decide whether a kubelet starts and stays.
const KUBELET: [&str; 10] = [
    "service.kubelet",
    "service.containerd",
    "package.kubelet",
    "package.containerd",
    "sysctl.vm.overcommit_memory",
    "sysctl.vm.panic_on_oom",
    "sysctl.kernel.panic",
    "sysctl.kernel.panic_on_oops",
    "cgroup.version",
    "selinux.mode",
];
/// Facts about log-in.
const ACCESS: [&str; 8] = [
    "listening.tcp",
    "service.sshd",
    "package.openssh-server",
    "host-container.admin",
    "windows.rdp",
    "service.TermService",
    "service.WinRM",
    "firewall.windows.Public",
];
/// Facts about the agent of Systems Manager.
const AGENT: [&str; 5] = [
    "service.amazon-ssm-agent",
    "service.snap.amazon-ssm-agent",
    "service.AmazonSSMAgent",
    "package.amazon-ssm-agent",
    "host-container.control",
];
/// Facts about the operating system.
const SYSTEM: [&str; 5] = ["os.name", "os.variant", "kernel.release", "windows.installation", "windows.build"];

/// The facts that a check of amiproof's own suites depends on, by name; none for workloads, which say what they exercise.
fn of_check(suite: &str, name: &str) -> Vec<&'static str> {
    let groups: &[&[&'static str]] = match (suite, name) {
        ("kubelet-path", _) => &[&INPUT],
        ("disruptive" | "addon", _) => &[&FORWARDING, &INPUT, &KUBELET, &FILES],
        ("node", "kernel-modules") => &[&["modules.blocked", "modules.loaded"]],
        ("node", "cgroups") => &[&["cgroup.version", "kernel.cmdline", "os.name"]],
        ("node", "disk-space") => &[&["mount./var", "mount./var/lib/kubelet", "mount./var/lib/containerd"]],
        ("node", "audit") => &[&["service.auditd", "kernel.cmdline", "mount./var/log/audit"]],
        ("node", "ipv6") => &[&[
            "kernel.cmdline",
            "sysctl.net.ipv6.conf.all.disable_ipv6",
            "sysctl.net.ipv6.conf.all.forwarding",
            "sysctl.net.ipv6.conf.all.accept_ra",
        ]],
        ("node", "ebpf") => {
            &[&["kernel.lockdown", "kernel.cmdline", "sysctl.kernel.unprivileged_bpf_disabled", "kernel.release"]]
        }
        ("node", "clock") => &[&["time.offset.seconds", "time.synchronized", "time.sources", "service.chronyd"]],
        ("node", "expiry") => &[&["password.maxDays", "account.root.passwordExpires", "account.root.expires"]],
        ("node", "log-space") => &[&["disk./var/log", "disk./var/log/audit", "mount./var/log", "mount./var/log/audit"]],
        ("node", "monitoring-agent") => &[&FORWARDING, &["service.chronyd"]],
        ("node", "webhooks") => &[&FORWARDING],
        ("node", "conntrack") => &[&["sysctl.net.netfilter.nf_conntrack_max"]],
        ("node", "sctp") => &[&["modules.blocked"]],
        ("node", "local-dns") => &[&["firewall.nft.input", "firewall.iptables.INPUT"]],
        ("node", "integrity-scan") => &[&["package.aide"]],
        ("node", "martian-packets") => {
            &[&["sysctl.net.ipv4.conf.all.log_martians", "sysctl.net.ipv4.conf.all.rp_filter"]]
        }
        ("node", "joined" | "ready" | "boot-time" | "kubelet-config" | "kubelet-skew" | "kernel-defaults") => {
            &[&KUBELET, &["sysctl.kernel.keys.root_maxkeys", "sysctl.kernel.keys.root_maxbytes", "os.name"]]
        }
        ("host", "no-ssh" | "sshd") | ("windows", "no-remote-access") => &[&ACCESS],
        ("host", "ssm-managed" | "run-command" | "ssm-permissions") => &[&AGENT, &OUTPUT],
        ("host", "imds" | "imds-answers") => &[&OUTPUT],
        ("host", "selinux" | "selinux-denials") => {
            &[&["selinux.mode", "package.container-selinux", "kernel.cmdline", "os.name"]]
        }
        ("node" | "host" | "windows", _) => &[&SYSTEM],
        _ => &[],
    };
    groups.concat()
}

/// Words of controls, and what facts they are about beside those that they name.
const TOPICS: [(&str, &[&str]); 6] = [
    ("SELinux", &["selinux.mode"]),
    ("nftables", &["firewall.nft.input", "firewall.nft.forward", "firewall.nft.output", "service.nftables"]),
    ("iptables", &["firewall.iptables.INPUT", "firewall.iptables.FORWARD", "firewall.iptables.OUTPUT"]),
    ("firewalld", &["service.firewalld"]),
    ("kubelet", &["service.kubelet", "package.kubelet"]),
    ("IP forwarding", &["sysctl.net.ipv4.ip_forward", "sysctl.net.ipv6.conf.all.forwarding"]),
];

/// The facts of a node that a scanner's row is about: those that its title or a finding names, such as a kernel setting or a mount.
fn of_control(result: &CheckResult, node: &NodeRecord) -> Vec<String> {
    let mut text = result.title.to_string();
    if let Outcome::Fail { findings } = &result.outcome {
        findings.iter().for_each(|finding| text.extend([" ", &finding.summary, " ", &finding.detail]));
    }
    let topics = TOPICS.iter().filter(|(word, _)| text.contains(word)).flat_map(|(_, names)| names.iter());
    let mut names: Vec<String> = topics.map(|name| (*name).to_owned()).collect();
    let named = node.facts.keys().filter(|name| is_named(&text, own_name(name)));
    names.extend(named.filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
    names
}

/// Kinds of facts whose own names appear in titles of controls: `kernel.randomize_va_space`, `/var/log`, `nftables`,
/// `space_left_action`. Those of other kinds are words of everyday language (`audit.enabled`, `time.sources`).
const NAMED: [&str; 9] = ["sysctl", "mount", "disk", "file", "service", "package", "module", "auditd", "selinux"];

/// The name of a fact without its kind; empty for a kind whose names no title mentions.
fn own_name(name: &str) -> &str {
    name.split_once('.').filter(|(kind, _)| NAMED.contains(kind)).map_or("", |(_, own)| own)
}

/// Whether a text has a name as a word of its own; what is shorter than four letters names nothing.
fn is_named(text: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-'));
    let begins = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.'));
    name.len() >= 4 && text.match_indices(name).any(|(at, _)| begins(&text[..at]) && ends(&text[at + name.len()..]))
}

/// The facts that a capability depends on, by name.
pub fn of_capability(capability: Capability) -> Vec<&'static str> {
    use Capability::{
        ApiServer, ClusterDns, DaemonSet, Egress, ExecFromVolume, HostNetwork, HostPath, HostPort, HostProcesses,
        ImagePull, Inotify, InstanceMetadata, KernelTracing, KubeletApi, LogFiles, NetworkPolicy, NodePort, NonRoot,
        PersistentVolume, PodIdentity, PodNetwork, Privileged, Probes, ReadOnlyRoot, ResourceLimits, RunAsJob,
        SameNodeNetwork, ServiceVip, SharedVolume, TrafficRedirect, UserNamespaces, WebIdentity,
    };
    let groups: &[&[&'static str]] = match capability {
        PodNetwork | SameNodeNetwork | ClusterDns | ServiceVip | NetworkPolicy => {
            &[&FORWARDING, &["modules.loaded", "modules.blocked"]]
        }
        Egress | ApiServer => &[&FORWARDING, &OUTPUT],
        InstanceMetadata => &[&FORWARDING, &OUTPUT],
        WebIdentity => &[&FORWARDING, &OUTPUT, &["service.chronyd"]],
        HostNetwork | PodIdentity => &[&INPUT, &FORWARDING],
        NodePort => &[&INPUT, &FORWARDING, &["sysctl.net.ipv4.ip_local_reserved_ports"]],
        KubeletApi => &[&INPUT],
        HostPort => &[&FORWARDING],
        TrafficRedirect => {
            &[&["modules.blocked", "modules.loaded", "module.xt_REDIRECT", "module.xt_owner", "selinux.mode"]]
        }
        HostProcesses => &[&["mount./proc", "selinux.mode"]],
        KernelTracing => &[&[
            "kernel.lockdown",
            "sysctl.kernel.kptr_restrict",
            "sysctl.kernel.perf_event_paranoid",
            "sysctl.kernel.unprivileged_bpf_disabled",
            "selinux.mode",
        ]],
        ResourceLimits => &[&[
            "cgroup.version",
            "limits.containerd.nofile",
            "limits.containerd.nofile.soft",
            "sysctl.vm.overcommit_memory",
            "kernel.cmdline",
        ]],
        Probes => &[&OUTPUT, &["umask", "mount./var/lib/kubelet"]],
        ImagePull => &[&OUTPUT, &["mount./var/lib/containerd", "package.containerd", "service.containerd"]],
        ExecFromVolume => &[&FILES, &["package.runc", "package.containerd"]],
        HostPath | NonRoot | ReadOnlyRoot => &[&FILES],
        PersistentVolume => &[&FILES, &["modules.blocked"]],
        SharedVolume => &[&OUTPUT, &["modules.blocked", "module.nfs", "module.nfsv4", "fips.enabled", "crypto.policy"]],
        LogFiles => &[&["mount./var/log", "umask", "selinux.mode"]],
        UserNamespaces => &[&["sysctl.user.max_user_namespaces", "kernel.release", "selinux.mode"]],
        Inotify => &[&["sysctl.fs.inotify.max_user_watches", "sysctl.fs.inotify.max_user_instances"]],
        Privileged => &[&["selinux.mode", "kernel.lockdown", "sysctl.kernel.unprivileged_bpf_disabled"]],
        DaemonSet | RunAsJob => &[&["sysctl.kernel.pid_max", "selinux.mode", "mount./var/lib/containerd"]],
    };
    groups.concat()
}

/// Adds to every failure of a variant the facts of its nodes that matter to the check, with those of the reference if they differ.
pub fn attach(report: &mut Report) {
    let nodes: Vec<(VariantName, Option<VariantName>, Vec<NodeRecord>)> = report
        .variants
        .iter()
        .map(|variant| {
            // Instances that never joined were read by the same script as nodes.
            let nodes = if variant.nodes.is_empty() { &variant.never_joined } else { &variant.nodes };
            (variant.name.clone(), variant.reference.clone(), nodes.clone())
        })
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
        let text = comparison(&wanted(result, own), own, twin);
        if !text.is_empty() {
            result.evidence.push(Evidence { name: TITLE.to_owned(), text, file: None });
        }
        let difference = match (result.check.as_str(), own.first(), twin) {
            ("node/joined", Some(node), Some(twin)) => difference(node, twin),
            _ => String::new(),
        };
        if !difference.is_empty() {
            result.evidence.push(Evidence { name: DIFFERENCE.to_owned(), text: difference, file: None });
        }
    }
}

/// One line per fact that both nodes have and that is not the same on them.
fn difference(node: &NodeRecord, twin: &NodeRecord) -> String {
    let of_both = node.facts.iter().filter_map(|(name, value)| Some((name, value, twin.facts.get(name)?)));
    of_both
        .filter(|(_, value, other)| value != other)
        .map(|(name, value, other)| format!("{name} = {value}  (reference: {other})\n"))
        .collect()
}

/// The facts behind a failure, each once: those of what its workload exercises, of its own check, or of the control that failed.
fn wanted(result: &CheckResult, nodes: &[NodeRecord]) -> Vec<String> {
    let exercised = |one: &Capability| result.exercises.iter().any(|word| word == one.as_str());
    let capabilities = Capability::ALL.iter().copied().filter(exercised);
    let (suite, name) = result.check.as_str().split_once('/').unwrap_or_default();
    let own = capabilities.flat_map(of_capability).chain(of_check(suite, name)).map(str::to_owned);
    let of_control = match (suite, nodes.first()) {
        ("kube-bench" | "os-cis", Some(node)) => of_control(result, node),
        _ => Vec::new(),
    };
    let mut names: Vec<String> = Vec::new();
    for name in own.chain(of_control) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// One line per fact; values of single nodes where they differ from each other.
fn comparison(names: &[String], nodes: &[NodeRecord], twin: Option<&NodeRecord>) -> String {
    let mut text = String::new();
    for name in names {
        let values: Vec<(u32, &str)> =
            nodes.iter().filter_map(|node| Some((node.index, node.facts.get(name)?.as_str()))).collect();
        let Some((_, first)) = values.first() else { continue };
        let mut line = if values.iter().all(|(_, value)| value == first) {
            format!("{name} = {first}")
        } else {
            let each: Vec<String> = values.iter().map(|(index, value)| format!("node {index}: {value}")).collect();
            format!("{name} = {}", each.join(", "))
        };
        let of_twin = twin.and_then(|twin| twin.facts.get(name));
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

    fn failure(check: &str, title: &str, exercises: &[&str]) -> CheckResult {
        let findings = serde_json::json!([{"resource": "node 1", "summary": "is wrong"}]);
        let result = serde_json::json!({
            "check": check, "title": title, "subject": {"variant": "l1"}, "exercises": exercises,
            "outcome": {"fail": {"findings": findings}}, "disposition": "failed",
            "started": "2026-11-21T00:00:00Z", "seconds": 1.0,
        });
        serde_json::from_value(result).unwrap()
    }

    #[test]
    fn a_check_carries_what_decides_it_and_a_control_what_it_names() {
        let facts = [
            ("listening.tcp", "22"),
            ("firewall.nft.input", "drop"),
            ("selinux.mode", "Permissive"),
            ("sysctl.net.ipv4.conf.all.rp_filter", "1"),
            ("mount./tmp", "rw"),
            ("mount./var/tmp", "rw"),
            ("kernel.cmdline", "ro ipv6.disable=1"),
            ("kernel.lockdown", "confidentiality"),
        ];
        let own = [node(1, &facts)];
        let names = |check: &str, title: &str| {
            let names = wanted(&failure(check, title, &[]), &own);
            names.into_iter().filter(|name| own[0].facts.contains_key(name)).collect::<Vec<_>>()
        };
        assert_eq!(names("kubelet-path/logs", ""), ["firewall.nft.input", "listening.tcp"]);
        assert_eq!(names("host/selinux", ""), ["selinux.mode", "kernel.cmdline"]);
        assert_eq!(names("node/ipv6", ""), ["kernel.cmdline"]);
        assert_eq!(names("node/ebpf", ""), ["kernel.lockdown", "kernel.cmdline"]);
        assert_eq!(names("host/sshd", ""), ["listening.tcp"]);
        assert_eq!(names("os-cis/cis-al2023-1.0.0/1.1.2.1", "Ensure /tmp is a separate partition"), ["mount./tmp"]);
        assert_eq!(names("os-cis/cis-al2023-1.0.0/1.6.1.5", "Ensure the SELinux mode is enforcing"), ["selinux.mode"]);
        let title = "Ensure net.ipv4.conf.all.rp_filter is 1";
        assert_eq!(names("os-cis/cis-al2023-1.0.0/3.3.7", title), ["sysctl.net.ipv4.conf.all.rp_filter"]);
        assert!(names("os-cis/cis-al2023-1.0.0/4.6.5", "Ensure the default umask").is_empty());
    }

    #[test]
    fn what_differs_is_told_whole_and_in_the_order_of_the_script() {
        let own = node(1, &[("sysctl.vm.overcommit_memory", "0"), ("umask", "0022"), ("kernel.release", "6.12")]);
        let twin = node(1, &[("kernel.release", "6.12"), ("sysctl.vm.overcommit_memory", "1"), ("service.sshd", "on")]);
        assert_eq!(difference(&own, &twin), "sysctl.vm.overcommit_memory = 0  (reference: 1)\n");
        assert_eq!(difference(&own, &own), "");
    }

    #[test]
    fn every_capability_depends_on_something() {
        for &capability in Capability::ALL {
            assert!(!of_capability(capability).is_empty(), "{}", capability.as_str());
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
        let names = wanted(&failure("workload/web", "", &["pod-network", "service-vip", "telepathy"]), &own);
        assert_eq!(
            comparison(&names, &own, Some(&twin)),
            "sysctl.net.ipv4.ip_forward = node 1: 1, node 2: 0  (reference: 1)\n\
             firewall.nft.forward = drop (inet filter forward)  (reference: accept)\n"
        );
        assert_eq!(comparison(&names, &own[..1], None).lines().count(), 2);
        assert_eq!(comparison(&names, &[node(1, &[])], Some(&twin)), "");
    }
}
