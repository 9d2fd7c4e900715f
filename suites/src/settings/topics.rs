//! Everything that is known or reported to break nodes, with the settings that cover it, or the reason why none does.

use std::collections::BTreeSet;

use amiproof_model::benchmark;

use super::all;

/// The settings for a topic, or why there are none.
enum By {
    Settings(&'static [&'static str]),
    Nothing(&'static str),
}
use By::{Nothing, Settings};

/// What hardening changes, by topic.
const HARDENING: [(&str, By); 45] = [
    ("default deny of forwarded packets", Settings(&["forward-policy", "forward-policy-ipv6"])),
    ("default deny of packets to the host", Settings(&["input-policy", "input-policy-ipv6"])),
    (
        "bootstrap script with default deny in both protocols",
        Settings(&["input-policy", "output-policy", "forward-policy", "input-policy-ipv6", "output-policy-ipv6"]),
    ),
    (
        "bootstrap container with legacy iptables",
        Nothing("no fact shows which program wrote a rule; what its rules do is in the policies"),
    ),
    ("rules for open ports without 10250", Settings(&["input-policy"])),
    ("no forwarding", Settings(&["ip-forward", "ipv6-forwarding"])),
    ("strict reverse path filter", Settings(&["rp-filter"])),
    ("kernel flags against protectKernelDefaults", Settings(&["kernel-defaults"])),
    ("umask 027", Settings(&["umask", "program-modes"])),
    (
        "SELinux enforcing",
        Settings(&["selinux-enforcing", "container-selinux", "containerd-selinux", "selinux-booleans"]),
    ),
    ("unconfined daemons", Nothing("a scanner's row about running processes: nothing fails with or without them")),
    (
        "noexec on /tmp",
        Nothing("scripts of image builds alone: pods, kubelet and the SSM agent run nothing from the host's /tmp"),
    ),
    (
        "noexec below /var or /opt",
        Settings(&["volumes-noexec", "image-volumes-noexec", "plugins-noexec", "agent-noexec"]),
    ),
    (
        "separate partitions",
        Settings(&["small-partitions", "small-log-partitions", "small-audit-partition", "full-disk"]),
    ),
    (
        "noexec on /dev/shm and /var/tmp",
        Nothing("pods have a /dev/shm of their own, and nothing of a node runs from either"),
    ),
    ("firewalld", Settings(&["firewalld"])),
    ("flush of all rules", Settings(&["nftables-service", "iptables-service"])),
    (
        "IPv6 off, advertisements off",
        Settings(&["ipv6-disabled", "ipv6-disabled-at-boot", "ipv6-router-advertisements"]),
    ),
    ("source routing and redirects off", Nothing("no packet of a pod, a Service or the VPC CNI uses either")),
    ("martian packets logged", Settings(&["martian-logging"])),
    ("no user namespaces", Settings(&["user-namespaces", "other-namespaces", "user-namespace-support"])),
    ("kernel lockdown", Settings(&["kernel-lockdown"])),
    ("no unprivileged eBPF", Nothing("agents that load programs are privileged")),
    ("SCTP and other protocols blocked", Settings(&["sctp-module"])),
    (
        "squashfs, udf and cramfs blocked",
        Nothing("nothing that EKS nodes run mounts them; the snapshotters that do are not installed"),
    ),
    (
        "block list that is too long",
        Settings(&[
            "overlay-module",
            "veth-module",
            "bridge-modules",
            "connection-tracking-modules",
            "masquerade-module",
            "match-modules",
            "nftables-modules",
            "mesh-modules",
            "ip-vs-modules",
            "tunnel-modules",
            "fuse-module",
            "volume-file-system-modules",
            "traffic-control-modules",
            "modules-disabled",
        ]),
    ),
    ("rpcbind and nfs-utils removed", Settings(&["nfs-modules"])),
    ("dnsmasq and other services removed", Nothing("nothing of an EKS node uses them")),
    ("default deny against NodeLocal DNS", Settings(&["input-policy"])),
    ("connection tracking", Settings(&["conntrack-limit"])),
    (
        "auditing",
        Settings(&["audit-backlog", "audit-panic", "audit-halts", "audit-keeps-logs", "small-audit-partition"]),
    ),
    ("file integrity scan", Settings(&["integrity-scanner"])),
    ("modes of log files", Settings(&["log-folder-modes"])),
    (
        "journald persistent and not forwarded",
        Nothing("agents of the catalogue and the add-ons read files of pods or the journal, not syslog"),
    ),
    (
        "world-writable and unowned files",
        Nothing("a scanner's row about files in images of containers: nothing fails by it"),
    ),
    (
        "sticky bits and set-user-id programs",
        Nothing("folders of pods are made by the kubelet, and programs of pods are in their images"),
    ),
    ("ptrace scope and core dumps", Nothing("no check and no add-on traces another process or collects dumps")),
    ("FIPS and crypto policies", Settings(&["fips"])),
    ("allow list of programs", Settings(&["application-allow-list"])),
    ("metadata hop limit", Nothing("an attribute of the launch template, not of the image: host/imds reads it")),
    ("boot loader password", Nothing("no fact shows whether a boot loader asks for it")),
    ("sudo, time-outs and ages of passwords", Settings(&["account-expiry"])),
    (
        "modes of the kubelet's files",
        Nothing("what reads them is root: the kubelet, kube-bench and the agents of add-ons"),
    ),
    ("port ranges", Settings(&["local-port-range", "reserved-ports"])),
    ("boot arguments lost", Settings(&["cgroup-version", "cgroup-controllers"])),
];

/// Public reports of nodes that broke.
const REPORTS: [(&str, By); 31] = [
    ("kernel flags and nodeadm's folder after a STIG component", Settings(&["kernel-defaults", "nodeadm-services"])),
    ("host halts when its audit log is nearly full", Settings(&["audit-halts"])),
    ("user.max_user_namespaces is 0", Settings(&["user-namespaces"])),
    ("ipv6.disable=1", Settings(&["ipv6-disabled-at-boot"])),
    ("disable_ipv6 and the Pod Identity agent", Settings(&["ipv6-disabled"])),
    ("SELinux denies what nobody misses", Settings(&["selinux-enforcing"])),
    ("noexec below /var", Settings(&["volumes-noexec", "image-volumes-noexec"])),
    ("kernel symbols hidden from tracers", Settings(&["kernel-pointers"])),
    ("lockdown for confidentiality", Settings(&["kernel-lockdown"])),
    (
        "modules of meshes and tunnels blocked",
        Settings(&["mesh-modules", "tunnel-modules", "ip-vs-modules", "fuse-module"]),
    ),
    ("no network after a playbook", Nothing("four reports, none of which names the setting")),
    ("systemd may not run nodeadm", Settings(&["selinux-enforcing", "program-modes"])),
    ("FIPS self-test panics", Settings(&["fips"])),
    ("nodes that join late", Nothing("slower than the reference by no single setting")),
    ("accounts expire", Settings(&["account-expiry"])),
    ("EFS volumes under FIPS", Settings(&["fips"])),
    ("strict reverse path filter", Settings(&["rp-filter", "martian-logging"])),
    ("SELinux denies a socket in a folder of the host", Settings(&["selinux-enforcing", "containerd-selinux"])),
    ("hidepid", Settings(&["hidden-processes"])),
    ("no time source", Settings(&["time-sources", "clock-behind", "clock-ahead"])),
    ("read-only port in a drop-in", Nothing("a scanner's false alarm")),
    ("partitions too small", Settings(&["small-partitions", "small-log-partitions", "small-audit-partition"])),
    ("immutable audit rules", Nothing("no check and no add-on loads audit rules")),
    ("legacy xtables gone", Settings(&["legacy-iptables-modules"])),
    ("user data that is no TOML", Nothing("such an instance has no facts; the console shows the reason")),
    ("settings that the API refuses", Nothing("such an instance has no facts; the console shows the reason")),
    ("sysctls reloaded", Settings(&["rp-filter"])),
    ("registry credentials of the node", Nothing("a program of the image, not a setting")),
    ("lazy snapshotter and user namespaces", Settings(&["snapshotter"])),
    (
        "crypto policy FUTURE",
        Nothing("containerd, kubelet, nodeadm and the SSM agent bring TLS of their own (Go), as do images of pods"),
    ),
    ("resolv.conf without read permission", Settings(&["umask"])),
];

/// Controls of CIS Amazon Linux 2023 1.0.0 that the AWS sample leaves out.
const LEFT_OUT: [(&str, By); 15] = [
    ("1.4.1", Nothing("modes of the boot loader's files, which nobody reads after boot")),
    ("1.6.1.6", Nothing("a scanner's row about running processes: nothing fails by it")),
    ("3.2.1", Settings(&["ip-forward", "ipv6-forwarding"])),
    ("3.3.1", Nothing("source routing, which nothing uses; redirects have that number in another benchmark")),
    ("3.3.2", Nothing("redirects, which nothing needs")),
    ("3.3.9", Settings(&["ipv6-router-advertisements"])),
    ("3.4.1.1", Settings(&["nftables-service"])),
    ("3.4.2.4", Nothing("loopback addresses on other interfaces, which nothing uses")),
    ("3.4.2.5", Settings(&["input-policy", "firewalld"])),
    ("3.4.2.7", Settings(&["forward-policy", "input-policy", "output-policy"])),
    ("3.4.4.2.3", Nothing("a number of Amazon Linux 2")),
    ("3.4.4.2.4", Nothing("a number of Amazon Linux 2")),
    ("3.4.4.3.3", Nothing("a number of Amazon Linux 2")),
    ("6.1.11", Nothing("a scanner's row about files in images of containers: nothing fails by it")),
    ("6.1.12", Nothing("a scanner's row about files in images of containers: nothing fails by it")),
];

#[test]
fn every_topic_has_a_setting_or_a_reason() {
    let known: BTreeSet<&str> = all().iter().map(|setting| setting.name.as_str()).collect();
    let mut topics = BTreeSet::new();
    for (topic, by) in HARDENING.iter().chain(&REPORTS).chain(&LEFT_OUT) {
        assert!(topics.insert(*topic) || *topic == "strict reverse path filter", "{topic} is listed twice");
        match by {
            Settings(names) => {
                assert!(!names.is_empty(), "{topic}");
                names.iter().for_each(|name| assert!(known.contains(name), "{topic}: there is no setting {name}"));
            }
            Nothing(why) => assert!(why.len() > 12 && !why.ends_with('.'), "{topic}: {why}"),
        }
    }
}

#[test]
fn a_control_that_is_left_out_elsewhere_is_named_by_its_settings() {
    let benchmark = "cis-al2023-1.0.0".parse().unwrap();
    let numbers: BTreeSet<&str> = benchmark::controls("cis-al2023-1.0.0").unwrap().map(|(number, _)| number).collect();
    for (control, by) in &LEFT_OUT {
        match by {
            Settings(names) => {
                for name in *names {
                    let setting = all().iter().find(|setting| setting.name == *name).unwrap();
                    let asked = setting.harmful.iter().filter_map(|harmful| harmful.controls.get(&benchmark)).flatten();
                    assert!(asked.into_iter().any(|number| number == control), "{name} does not name {control}");
                }
            }
            Nothing(why) => {
                assert_eq!(why.contains("number of Amazon Linux 2"), !numbers.contains(control), "{control}")
            }
        }
    }
}
