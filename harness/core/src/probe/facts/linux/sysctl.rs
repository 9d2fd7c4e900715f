//! Kernel settings: all of `sysctl -a` but what says nothing about an image.

use amiproof_model::facts::LATER;
use indexmap::IndexMap;

use super::super::Collected;

/// Settings that differ between any two hosts of one image, or change by themselves, and why each is left out. A name that ends in a dot
/// stands for everything below it.
const PASSING: [(&str, &str); 36] = [
    ("abi.", "how programs of other systems run; nothing in Kubernetes depends on it"),
    ("dev.cdrom.", "describes drives"),
    ("dev.raid.", "describes arrays"),
    ("fs.aio-nr", "counts requests"),
    ("fs.binfmt_misc.", "describes registered formats"),
    ("fs.dentry-negative", "counts entries"),
    ("fs.dentry-state", "counts entries"),
    ("fs.epoll.max_user_watches", "is computed from the exact size of memory"),
    ("fs.fanotify.max_user_marks", "is computed from the exact size of memory"),
    ("fs.file-nr", "counts open files"),
    ("fs.inode-nr", "counts inodes"),
    ("fs.inode-state", "counts inodes"),
    ("fs.quota.", "counts operations"),
    ("kernel.acpi_video_flags", "describes the machine"),
    ("kernel.bootloader_", "describes the machine"),
    ("kernel.core_modes", "lists what the kernel knows"),
    ("kernel.domainname", "names the host"),
    ("kernel.hostname", "names the host"),
    ("kernel.hung_task_detect_count", "counts"),
    ("kernel.hung_task_warnings", "counts down"),
    ("kernel.ns_last_pid", "counts processes"),
    ("kernel.osrelease", "is the fact kernel.release"),
    ("kernel.perf_event_max_sample_rate", "is lowered by the kernel when sampling takes too long"),
    ("kernel.pty.nr", "counts terminals"),
    ("kernel.random.", "differs at every boot, or counts"),
    ("kernel.sched_domain.", "describes processors"),
    ("kernel.tainted", "changes with a warning or a module"),
    ("kernel.version", "is the build of kernel.release"),
    ("net.core.netdev_rss_key", "is random"),
    ("net.ipv4.tcp_fastopen_key", "is random"),
    ("net.ipv4.tcp_mem", "is computed from the exact size of memory"),
    ("net.ipv4.udp_mem", "is computed from the exact size of memory"),
    ("net.netfilter.nf_conntrack_count", "counts connections"),
    ("sunrpc.", "describes mounted file systems"),
    ("user.max_fanotify_marks", "is computed from the exact size of memory"),
    ("vm.user_reserve_kbytes", "is computed from the exact size of memory"),
];

/// Prefixes of interfaces that belong to single pods or to a network plugin; the host leaves their settings out, which are a hundred for
/// each interface.
const INTERFACES: &str =
    "eni|veth|cali|cni|lxc|lxd|vlan|cilium|flannel|vxlan|tunl|wg|docker|br-|dummy|ifb|kube-|nodelocaldns|pod-id-link";

/// The command that prints them.
pub(super) fn command() -> String {
    format!(r"sysctl -a 2> /dev/null | grep -vE '^net\.ipv[46]\.(conf|neigh)\.({INTERFACES})'")
}

/// Settings that hardening changes and that nodes depend on. Two programs can be at odds over them, a network plugin that turns forwarding on
/// for a pod and an agent that turns it off again every other second, so that one reading says too little.
const AT_ODDS: [&str; 21] = [
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
    "kernel.kptr_restrict",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.perf_event_paranoid",
    "kernel.unprivileged_bpf_disabled",
    "net.bridge.bridge-nf-call-ip6tables",
    "net.bridge.bridge-nf-call-iptables",
    "net.ipv4.conf.all.forwarding",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.rp_filter",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.all.forwarding",
    "net.netfilter.nf_conntrack_max",
    "user.max_user_namespaces",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
];

/// The command that prints those again, after a time in which an agent that looks every other second has looked.
pub(super) fn later() -> String {
    format!("sleep 3; sysctl {} 2> /dev/null", AT_ODDS.join(" "))
}

/// The command that prints them a few more times, over most of a minute: a program that writes one now and then need not have done so while
/// everything else was read.
pub(in crate::probe::facts) fn again() -> String {
    let read = format!("sysctl {} 2> /dev/null", AT_ODDS.join(" "));
    format!("{read}; sleep 20; {read}; sleep 20; {read}; true")
}

/// Adds what a later reading says where it differs, once for each setting: `1, later 0`.
pub(in crate::probe::facts) fn changes(facts: &mut IndexMap<String, String>, text: &str) {
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        let (name, value) = (format!("sysctl.{}", name.trim()), value.split_whitespace().collect::<Vec<_>>().join(" "));
        if let Some(first) = facts.get_mut(&name)
            && *first != value
            && !first.contains(LATER)
        {
            first.push_str(LATER);
            first.push_str(if value.is_empty() { "nothing" } else { &value });
        }
    }
}

/// Adds every setting that says something about the image. Of interfaces there remain `all`, `default`, `lo` and the one of the default
/// route: further ones are attached as pods need addresses.
pub(super) fn facts(found: &mut Collected, text: &str, routes: &str) {
    let primary = primary(routes);
    for line in text.lines() {
        // A value of several lines repeats the name; the last one stays.
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim();
        if is_passing(name) || is_of_another_interface(name, primary) {
            continue;
        }
        found.put(format!("sysctl.{name}"), value.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

/// The interface of the default route, from the first two columns of `/proc/net/route`.
fn primary(routes: &str) -> Option<&str> {
    let mut words = routes.lines().map(|line| line.split_whitespace());
    words.find_map(|mut words| {
        let interface = words.next()?;
        (words.next()? == "00000000").then_some(interface)
    })
}

fn is_passing(name: &str) -> bool {
    PASSING.iter().any(|(own, _)| if own.ends_with(['.', '_']) { name.starts_with(own) } else { name == *own })
}

fn is_of_another_interface(name: &str, primary: Option<&str>) -> bool {
    let Some(rest) = ["net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.neigh.", "net.ipv6.neigh."]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
    else {
        return false;
    };
    let interface = rest.split('.').next().unwrap_or_default();
    !matches!(interface, "all" | "default" | "lo") && primary != Some(interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, routes: &str) -> Vec<String> {
        let mut found = Collected::default();
        facts(&mut found, text, routes);
        found.facts.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn every_setting_is_a_fact_but_those_that_pass() {
        let text = "kernel.kptr_restrict = 1\nkernel.random.boot_id = 0f\nfs.file-nr = 1\t0\t9\nkernel.perf_event_paranoid = 2\n\
                    net.ipv4.tcp_rmem = 4096\t131072\t6291456\nnet.ipv4.ip_local_reserved_ports = \nkernel.randomize_va_space = 2\n";
        let wanted = [
            "sysctl.kernel.kptr_restrict=1",
            "sysctl.kernel.perf_event_paranoid=2",
            "sysctl.net.ipv4.tcp_rmem=4096 131072 6291456",
            "sysctl.kernel.randomize_va_space=2",
        ];
        assert_eq!(of(text, ""), wanted, "randomize_va_space is not below kernel.random.");
    }

    #[test]
    fn a_setting_that_changes_between_two_readings_has_both_values() {
        let mut found = Collected::default();
        facts(
            &mut found,
            "net.ipv4.ip_forward = 1\nkernel.panic = 10\nnet.ipv4.ip_local_port_range = 32768\t60999\n",
            "",
        );
        changes(
            &mut found.facts,
            "net.ipv4.ip_forward = 0\nkernel.panic = 10\nnet.ipv4.ip_local_port_range = 32768\t60999\nvm.panic_on_oom = 0\n",
        );
        let found: Vec<String> = found.facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let wanted = [
            "sysctl.net.ipv4.ip_forward=1, later 0",
            "sysctl.kernel.panic=10",
            "sysctl.net.ipv4.ip_local_port_range=32768 60999",
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn of_interfaces_the_primary_one_remains() {
        let text = "net.ipv4.conf.all.rp_filter = 0\nnet.ipv4.conf.ens5.rp_filter = 2\nnet.ipv4.conf.ens6.rp_filter = 1\n\
                    net.ipv6.neigh.lo.retrans_time_ms = 1000\nnet.ipv4.conf.eni0a1b/100.rp_filter = 1\n";
        let wanted = [
            "sysctl.net.ipv4.conf.all.rp_filter=0",
            "sysctl.net.ipv4.conf.ens5.rp_filter=2",
            "sysctl.net.ipv6.neigh.lo.retrans_time_ms=1000",
        ];
        assert_eq!(of(text, "Iface\tDestination\nens6\t0000020A\nens5\t00000000\n"), wanted);
        assert_eq!(of(text, "").len(), 2, "without a route no interface is the primary one");
    }

    #[test]
    fn the_list_of_what_passes_has_a_reason_each_and_no_setting_that_nodes_depend_on() {
        for (name, why) in PASSING {
            assert!(why.len() > 5, "{name}");
        }
        for needed in [
            "net.ipv4.ip_forward",
            "kernel.panic",
            "kernel.panic_on_oops",
            "vm.overcommit_memory",
            "user.max_user_namespaces",
            "net.netfilter.nf_conntrack_max",
            "fs.inotify.max_user_watches",
            "kernel.pid_max",
            "kernel.threads-max",
        ] {
            assert!(!is_passing(needed), "{needed}");
        }
    }
}
