//! What a real host prints, and what is made of it.

use super::*;
use crate::probe::facts::section::split;

const OUTPUT: &str = r#"@@ os-release
NAME="Amazon Linux"
VERSION="2023"
ID="amzn"
VERSION_ID="2023"
PRETTY_NAME="Amazon Linux 2023.9.20261103"
@@ kernel
6.12.53-69.119.amzn2023.x86_64
@@ sysctl
net.ipv4.ip_forward = 1
net.ipv4.ip_local_port_range = 32768	60999
@@ selinux
Permissive
@@ cgroup
2
@@ umask
0027
@@ mounts
/dev/nvme0n1p1 / xfs rw,seclabel,noatime,attr2,inode64 0 0
tmpfs /tmp tmpfs rw,nosuid,nodev,noexec 0 0
/dev/nvme1n1 /var xfs rw,nosuid,nodev 0 0
/dev/nvme1n1 /variety xfs rw 0 0
@@ modules
overlay
br_netfilter
ena
@@ modprobe
install sctp /bin/false
blacklist sctp
install udf /bin/true
blacklist pcspkr
@@ nft
table inet filter {
	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
@@ iptables
-P INPUT ACCEPT
-P FORWARD ACCEPT
-P OUTPUT ACCEPT
@@ listening
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2808 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2
   2: 0A00000A:0016 0B00000A:C000 01 00000000:00000000 00:00000000 00000000     0        0 3
   0: 00000000000000000000000000000000:280A 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4
@@ services
sshd enabled active
firewalld not-found inactive
nftables
@@ kubelet-file
{"readOnlyPort": 0, "authentication": {"anonymous": {"enabled": false}, "webhook": {"enabled": true}}}
@@ kubelet-drop-ins
%%
{"authentication": {"anonymous": {"enabled": true}}, "maxPods": 29}
@@ journal-kubelet
started
@@ packages
containerd-2.1.4-1.amzn2023.0.2.x86_64
amazon-ssm-agent-3.3.3270.0-1.amzn2023.x86_64
@@ package-count
312
"#;

#[test]
fn the_output_of_a_host_becomes_facts() {
    let found = parse(&split(OUTPUT));
    insta::assert_debug_snapshot!(found.facts);
    let kubelet = found.kubelet.unwrap();
    assert_eq!(kubelet.pointer("/authentication/anonymous/enabled"), Some(&Value::Bool(true)), "the drop-in wins");
    assert_eq!(kubelet.pointer("/authentication/webhook/enabled"), Some(&Value::Bool(true)), "and keeps the rest");
    let texts: Vec<&str> = found.texts.keys().map(String::as_str).collect();
    assert_eq!(
        texts,
        [
            "nft ruleset",
            "iptables rules",
            "mounts",
            "modprobe configuration",
            "kubelet configuration",
            "kubelet drop-ins",
            "kubelet journal"
        ]
    );
}

#[test]
fn a_host_that_says_nothing_has_few_facts() {
    let found = parse(&split("@@ kernel\n6.12\n@@ nft\n"));
    let facts: Vec<_> = found.facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(facts, ["kernel.release=6.12"], "what was not asked is not known: neither disabled nor of version 1");
    assert!(found.kubelet.is_none() && found.texts.is_empty());
    assert_eq!((found.measured("modprobe"), found.measured("lockdown")), (None, None));
}

#[test]
fn what_a_kernel_has_is_what_it_says() {
    let of = |section: &str, text: &str| parse_common(&split(&format!("@@ {section}\n{text}")));
    for (text, mode) in
        [("Enforcing\n", Some("Enforcing")), ("0\n", Some("Permissive")), ("Disabled\n", Some("Disabled")), ("", None)]
    {
        assert_eq!(of("selinux", text).get("selinux.mode"), mode, "{text}");
    }
    for (text, version) in [("2\n", Some("2")), ("1\n", Some("1")), ("", None)] {
        assert_eq!(of("cgroup", text).get("cgroup.version"), version, "{text}");
    }
}

#[test]
fn the_script_is_one_that_a_posix_shell_reads() {
    let mut shell = std::process::Command::new("sh");
    let checked = shell.args(["-n", "-c", &script()]).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn the_lockdown_of_a_kernel_is_its_word_in_brackets() {
    let of = |text: &str| parse_common(&split(&format!("@@ lockdown\n{text}")));
    assert_eq!(of("none [integrity] confidentiality\n").get("kernel.lockdown"), Some("integrity"));
    assert_eq!(of("").get("kernel.lockdown"), None);
}
