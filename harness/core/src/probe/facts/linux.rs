//! Facts of an Amazon Linux host.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::Value;

use super::section::shell;
use super::{Collected, firewall};

/// Kernel settings that benchmarks change and that Kubernetes, its network or workloads depend on.
pub(super) const SYSCTLS: [&str; 34] = [
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.rp_filter",
    "net.ipv4.conf.all.send_redirects",
    "net.ipv4.conf.all.accept_redirects",
    "net.ipv4.conf.all.secure_redirects",
    "net.ipv4.conf.all.accept_source_route",
    "net.ipv4.conf.all.log_martians",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv6.conf.all.accept_ra",
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
    "net.netfilter.nf_conntrack_max",
    "net.core.bpf_jit_harden",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.keys.root_maxkeys",
    "kernel.keys.root_maxbytes",
    "kernel.pid_max",
    "kernel.randomize_va_space",
    "kernel.unprivileged_bpf_disabled",
    "kernel.yama.ptrace_scope",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "vm.max_map_count",
    "fs.inotify.max_user_watches",
    "fs.inotify.max_user_instances",
    "fs.file-max",
    "fs.suid_dumpable",
    "user.max_user_namespaces",
];

/// Paths whose mount options decide what runs and what is written there.
const PATHS: [&str; 14] = [
    "/",
    "/etc",
    "/opt",
    "/run",
    "/tmp",
    "/var",
    "/var/tmp",
    "/var/log",
    "/var/log/audit",
    "/var/lib/kubelet",
    "/var/lib/containerd",
    "/home",
    "/dev/shm",
    "/local",
];

/// Services whose state is read.
const SERVICES: &str = "sshd firewalld nftables iptables ip6tables auditd rsyslog amazon-ssm-agent snap.amazon-ssm-agent \
                        kubelet containerd chronyd rpcbind nfs-server fapolicyd";

/// Modules that something depends on, by their names in `lsmod`.
const MODULES: [&str; 16] = [
    "overlay",
    "br_netfilter",
    "nf_conntrack",
    "nf_tables",
    "nft_compat",
    "ip_vs",
    "sctp",
    "squashfs",
    "nfs",
    "fuse",
    "vxlan",
    "wireguard",
    "xt_MASQUERADE",
    "xt_REDIRECT",
    "ip_tables",
    "iptable_nat",
];

/// Configuration files of the kubelet: AL2023, AL2, Bottlerocket.
const KUBELET_FILES: &str = "/etc/kubernetes/kubelet/config.json /etc/kubernetes/kubelet/kubelet-config.json \
                             /etc/kubernetes/kubelet/config";

/// The part of the script for all Linux families.
pub(super) fn common() -> String {
    let mut script = String::new();
    let mut add = |name: &str, command: &str| script.push_str(&shell(name, command));
    add("os-release", "cat /etc/os-release 2> /dev/null");
    add("kernel", "uname -r");
    add("cmdline", "cat /proc/cmdline 2> /dev/null");
    add("lockdown", "cat /sys/kernel/security/lockdown 2> /dev/null");
    add("sysctl", &format!("sysctl {} 2> /dev/null", SYSCTLS.join(" ")));
    // That a kernel has none is said by a kernel that shows what it has, not by a program that does not run.
    add(
        "selinux",
        "getenforce 2> /dev/null || cat /sys/fs/selinux/enforce 2> /dev/null || if [ -e /sys/kernel ]; then echo Disabled; fi",
    );
    add(
        "cgroup",
        "if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo 2; elif [ -e /sys/fs/cgroup ]; then echo 1; fi",
    );
    add("umask", "umask");
    // Without what pods mount: a node has hundreds of those.
    add(
        "mounts",
        "grep -v -e /kubelet/pods/ -e /run/containerd/ -e /run/netns/ -e ' cgroup' /proc/mounts 2> /dev/null",
    );
    add("modules", "cut -d ' ' -f 1 /proc/modules 2> /dev/null");
    add(
        "modprobe",
        "cat /etc/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf 2> /dev/null | grep -E '^(install|blacklist) '",
    );
    // Chains of kube-proxy are the same everywhere, and many.
    add("nft", "nft list ruleset 2> /dev/null | grep -v KUBE- | head -n 600");
    add("iptables", "iptables -S 2> /dev/null | grep -v KUBE- | head -n 300");
    add("ip6tables", "ip6tables -S 2> /dev/null | grep -v KUBE- | head -n 300");
    add("listening", "cat /proc/net/tcp /proc/net/tcp6 2> /dev/null");
    add(
        "services",
        &format!(
            "for s in {SERVICES}; do echo \"$s $(systemctl is-enabled $s 2> /dev/null) $(systemctl is-active $s 2> /dev/null)\"; done"
        ),
    );
    add(
        "kubelet-file",
        &format!("for f in {KUBELET_FILES}; do if [ -r $f ]; then cat $f 2> /dev/null; break; fi; done"),
    );
    add(
        "kubelet-drop-ins",
        "for f in /etc/kubernetes/kubelet/config.json.d/*.conf; do if [ -r \"$f\" ]; then echo '%%'; cat \"$f\"; fi; done",
    );
    add(
        "disks",
        "for p in /var/lib/kubelet /var/lib/containerd; do echo \"blocks $p $(df -Pk $p 2> /dev/null | tail -n 1)\"; \
         echo \"inodes $p $(df -Pi $p 2> /dev/null | tail -n 1)\"; done",
    );
    add("martians", "journalctl -k -n 1 > /dev/null 2>&1 && journalctl -k --since=-10min --no-pager | grep -c martian");
    add(
        "denials",
        "if ausearch --version > /dev/null 2>&1; then echo asked; ausearch -m avc -ts boot --raw 2> /dev/null; \
         elif journalctl -k -n 1 > /dev/null 2>&1; then echo asked; journalctl -k -b --no-pager; fi \
         | grep -e '^asked' -e 'avc: *denied' | tail -n 40",
    );
    for unit in ["kubelet", "containerd"] {
        let name = format!("journal-{unit}");
        add(&name, &format!("journalctl -u {unit} -n 60 --no-pager 2> /dev/null | cut -c 1-400"));
    }
    script
}

/// The script for Amazon Linux.
pub(super) fn script() -> String {
    let rpm = "rpm -q kubelet containerd runc amazon-ssm-agent openssh-server nftables firewalld audit aide container-selinux 2> /dev/null | grep -v 'not installed'";
    let audit = "auditctl -s 2> /dev/null; grep -iE '^ *(space_left_action|admin_space_left_action|disk_full_action|disk_error_action|max_log_file_action) *=' /etc/audit/auditd.conf 2> /dev/null";
    // The statuses of a question without a token and of one with it; 000 for no answer.
    let imds =
        "u=http://169.254.169.254/latest; code() { curl -s -m 2 -o /dev/null -w '%{http_code}' \"$@\" 2> /dev/null; }
echo \"plain $(code $u/meta-data/instance-id)\"
t=$(curl -s -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $u/api/token 2> /dev/null)
echo \"token $(code -H \"X-aws-ec2-metadata-token: $t\" $u/meta-data/instance-id)\"";
    let aide = "grep -hE '^[!=/]' /etc/aide.conf 2> /dev/null";
    // The server itself says what it runs with, all files and defaults together.
    let sshd = "{ sshd -T 2> /dev/null || cat /etc/ssh/sshd_config 2> /dev/null; } | grep -iE '^(PermitRootLogin|PasswordAuthentication) '";
    format!(
        "{}{}{}{}{}{}{}",
        common(),
        shell("packages", rpm),
        shell("package-count", "rpm -qa 2> /dev/null | wc -l"),
        shell("sshd", sshd),
        shell("audit", audit),
        shell("imds", imds),
        shell("aide", aide)
    )
}

/// What the sections of [`script`] say.
pub(super) fn parse(sections: &IndexMap<String, String>) -> Collected {
    let mut found = parse_common(sections);
    measure(&mut found, sections, &["audit", "aide", "imds", "sshd"]);
    let text = |name: &str| sections.get(name).map_or("", String::as_str);
    for line in text("packages").lines() {
        if let Some((name, version)) = package(line) {
            found.put(format!("package.{name}"), version);
        }
    }
    if text("package-count").trim() != "0" {
        found.put("packages", text("package-count"));
    }
    found
}

/// `containerd-2.1.4-1.amzn2023.x86_64`: the name, and version with release.
fn package(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let release = line.rfind('-')?;
    let version = line[..release].rfind('-')?;
    Some((&line[..version], &line[version + 1..]))
}

/// What the sections of [`common`] say.
pub(super) fn parse_common(sections: &IndexMap<String, String>) -> Collected {
    let mut found = Collected::default();
    let text = |name: &str| sections.get(name).map_or("", String::as_str);
    os_release(&mut found, text("os-release"));
    found.put("kernel.release", text("kernel"));
    found.put("kernel.cmdline", text("cmdline"));
    found.put("kernel.lockdown", lockdown(text("lockdown")));
    for line in text("sysctl").lines() {
        if let Some((name, value)) = line.split_once('=') {
            found.put(format!("sysctl.{}", name.trim()), value.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    found.put("selinux.mode", selinux(text("selinux")));
    found.put("cgroup.version", text("cgroup"));
    found.put("umask", text("umask"));
    mounts(&mut found, text("mounts"));
    modules(&mut found, text("modules"), text("modprobe"));
    for (hook, policy) in firewall::nft(text("nft")) {
        found.put(format!("firewall.nft.{hook}"), policy);
    }
    for tool in ["iptables", "ip6tables"] {
        for (chain, policy) in firewall::iptables(text(tool)) {
            found.put(format!("firewall.{tool}.{chain}"), policy);
        }
    }
    found.put("listening.tcp", listening(text("listening")));
    for line in text("services").lines() {
        if let Some((name, state)) = line.trim().split_once(' ').filter(|(_, state)| !state.contains("not-found")) {
            found.put(format!("service.{name}"), state);
        }
    }
    found.kubelet = kubelet(text("kubelet-file"), text("kubelet-drop-ins"));
    measure(&mut found, sections, &["disks", "martians", "denials", "lockdown", "modprobe"]);
    for (name, title) in [
        ("nft", "nft ruleset"),
        ("iptables", "iptables rules"),
        ("ip6tables", "ip6tables rules"),
        ("mounts", "mounts"),
        ("modprobe", "modprobe configuration"),
        ("kubelet-file", "kubelet configuration"),
        ("kubelet-drop-ins", "kubelet drop-ins"),
        ("journal-kubelet", "kubelet journal"),
        ("journal-containerd", "containerd journal"),
    ] {
        let text = text(name);
        if !text.trim().is_empty() {
            found.texts.insert(title.to_owned(), text.to_owned());
        }
    }
    found
}

/// Keeps what sections printed as it is, the empty ones too: a section that printed nothing was asked.
fn measure(found: &mut Collected, sections: &IndexMap<String, String>, names: &[&str]) {
    let asked = names.iter().filter_map(|name| Some(((*name).to_owned(), sections.get(*name)?.trim().to_owned())));
    found.measured.extend(asked);
}

fn os_release(found: &mut Collected, text: &str) {
    for (key, name) in
        [("ID", "os.id"), ("VERSION_ID", "os.version"), ("PRETTY_NAME", "os.name"), ("VARIANT_ID", "os.variant")]
    {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.put(name, value.unwrap_or_default().trim_matches(['"', '\'']));
    }
}

/// The mode in brackets of `none [integrity] confidentiality`; empty for a kernel without lockdown.
fn lockdown(text: &str) -> &str {
    text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']')).unwrap_or_default()
}

/// The word of `getenforce`, or the number of `/sys/fs/selinux/enforce`.
fn selinux(text: &str) -> &str {
    match text.trim() {
        "1" => "Enforcing",
        "0" => "Permissive",
        // Not asked, or no answer: not known, which is something else than disabled.
        word => word,
    }
}

/// The options of the mount that each path is on, from `/proc/mounts`.
fn mounts(found: &mut Collected, text: &str) {
    let mut mounts: BTreeMap<&str, &str> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, path, _, options, ..] = words[..] {
            // Later mounts cover earlier ones.
            mounts.insert(path, options);
        }
    }
    let covers = |mount: &str, path: &str| {
        mount == "/" || path == mount || path.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'))
    };
    for path in PATHS {
        let own = mounts.iter().filter(|(mount, _)| covers(mount, path)).max_by_key(|(mount, _)| mount.len());
        if let Some((mount, options)) = own {
            let on = if *mount == path { String::new() } else { format!(" (on {mount})") };
            found.put(format!("mount.{path}"), format!("{options}{on}"));
        }
    }
}

/// Which of the modules that matter are loaded, and which cannot be: `install sctp /bin/false`.
fn modules(found: &mut Collected, loaded: &str, configuration: &str) {
    let loaded: BTreeSet<&str> = loaded.split_whitespace().collect();
    let there: Vec<&str> = MODULES.into_iter().filter(|module| loaded.contains(module)).collect();
    found.put("modules.loaded", there.join(" "));
    let blocked: BTreeSet<&str> = configuration
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["install", module, program] if program.ends_with("/false") || program.ends_with("/true") => {
                    Some(module)
                }
                _ => None,
            }
        })
        .collect();
    found.put("modules.blocked", blocked.into_iter().collect::<Vec<_>>().join(" "));
}

/// Ports with a listener that others than the host itself can reach, from `/proc/net/tcp` and `tcp6`.
fn listening(text: &str) -> String {
    let ports: BTreeSet<u16> = text
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (address, port) = words.get(1)?.split_once(':')?;
            // Addresses are hexadecimal in the byte order of the machine; 0A is LISTEN (proc_net_tcp).
            let own = address == "0100007F" || address == "00000000000000000000000001000000";
            (words.get(3) == Some(&"0A") && !own).then(|| u16::from_str_radix(port, 16).ok())?
        })
        .collect();
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")
}

/// The configuration file with its drop-ins merged into it, as the kubelet does (`--config-dir`). `None` if the file is not JSON.
fn kubelet(file: &str, drop_ins: &str) -> Option<Value> {
    let mut merged: Value = serde_json::from_str(file).ok()?;
    for drop_in in drop_ins.split("%%\n").filter(|text| !text.trim().is_empty()) {
        merge(&mut merged, serde_json::from_str(drop_in).ok()?);
    }
    Some(merged)
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

#[cfg(test)]
mod tests;
