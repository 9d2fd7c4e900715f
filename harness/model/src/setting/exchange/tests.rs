use super::*;

fn exchanged(change: &Change, fact: &str, from: Option<&str>, to: Option<&str>) -> (String, String) {
    let Exchange { apply, undo, .. } = change.exchange(fact, from, to).unwrap_or_else(|why| panic!("{fact}: {why}"));
    (apply, undo)
}

#[test]
fn what_is_applied_is_undone() {
    for (change, fact, from, to, apply, undo) in [
        (
            Change::Sysctl,
            "sysctl.net.ipv4.ip_local_port_range",
            Some("32768 60999"),
            Some("1024 65000"),
            "sysctl -q -w 'net.ipv4.ip_local_port_range=1024 65000' && set -- $(sysctl -n net.ipv4.ip_local_port_range) && [ \"$*\" = '1024 65000' ]",
            "sysctl -q -w 'net.ipv4.ip_local_port_range=32768 60999' && set -- $(sysctl -n net.ipv4.ip_local_port_range) && [ \"$*\" = '32768 60999' ]",
        ),
        (
            Change::Sysctl,
            "sysctl.net.ipv4.ip_forward",
            Some("1, later 0"),
            Some("1"),
            "own=$(sysctl -n net.ipv4.conf.all.accept_redirects) && sysctl -q -w net.ipv4.ip_forward=1 && \
             sysctl -q -w net.ipv4.conf.all.accept_redirects=$own && set -- $(sysctl -n net.ipv4.ip_forward) && [ \"$*\" = 1 ]",
            "own=$(sysctl -n net.ipv4.conf.all.accept_redirects) && sysctl -q -w net.ipv4.ip_forward=0 && \
             sysctl -q -w net.ipv4.conf.all.accept_redirects=$own && set -- $(sysctl -n net.ipv4.ip_forward) && [ \"$*\" = 0 ]",
        ),
        (
            Change::NftPolicy,
            "firewall.nft.forward",
            Some("drop (inet filter forward)"),
            None,
            "nft chain inet filter forward '{ policy accept ; }'",
            "nft chain inet filter forward '{ policy drop ; }'",
        ),
        (
            Change::NftPolicy,
            "firewall.nft.forward",
            Some("accept"),
            Some("drop (inet filter forward)"),
            "nft delete table inet amiproof_trial 2> /dev/null; nft add table inet amiproof_trial && nft add chain inet amiproof_trial forward \
             '{ type filter hook forward priority 0 ; policy accept ; }' && nft chain inet amiproof_trial forward '{ policy drop ; }'",
            "nft delete table inet amiproof_trial 2> /dev/null; ! nft list table inet amiproof_trial > /dev/null 2>&1",
        ),
        (
            Change::IptablesPolicy,
            "firewall.iptables.FORWARD",
            Some("DROP"),
            Some("ACCEPT"),
            "iptables -w 5 -P FORWARD ACCEPT",
            "iptables -w 5 -P FORWARD DROP",
        ),
        (
            Change::Mount,
            "mount./var",
            Some("rw,nosuid,nodev,noexec"),
            Some("rw,nodev"),
            "mount -o remount,exec,suid /var && now=$(grep ' /var ' /proc/mounts | tail -n 1 | cut -d ' ' -f 4) && ! echo \",$now,\" | grep -q ,noexec, && ! echo \",$now,\" | grep -q ,nosuid,",
            "mount -o remount,noexec,nosuid /var && now=$(grep ' /var ' /proc/mounts | tail -n 1 | cut -d ' ' -f 4) && echo \",$now,\" | grep -q ,noexec, && echo \",$now,\" | grep -q ,nosuid,",
        ),
        (
            Change::Selinux,
            "selinux.mode",
            Some("Enforcing"),
            Some("Permissive"),
            "setenforce 0 && [ \"$(getenforce)\" = Permissive ]",
            "setenforce 1 && [ \"$(getenforce)\" = Enforcing ]",
        ),
        (
            Change::SelinuxBoolean,
            "selinux.boolean.deny_ptrace",
            Some("on"),
            None,
            "setsebool deny_ptrace off",
            "{ ! getenforce | grep -q -v Disabled || setsebool deny_ptrace on; }",
        ),
        (
            Change::Service,
            "service.rpcbind",
            Some("enabled active"),
            Some("disabled inactive"),
            "systemctl stop rpcbind && ! systemctl is-active rpcbind > /dev/null",
            "systemctl start rpcbind && systemctl is-active rpcbind > /dev/null",
        ),
        (
            Change::Module,
            "module.sctp",
            Some("blocked"),
            None,
            "modprobe --ignore-install sctp",
            "{ ! lsmod | grep -q '^sctp ' || modprobe -r sctp; }",
        ),
        (
            Change::Module,
            "module.sctp",
            Some("loaded"),
            Some("blocked"),
            "{ ! lsmod | grep -q '^sctp ' || modprobe -r sctp; } && mkdir -p /run/modprobe.d && echo 'install sctp /bin/false' > /run/modprobe.d/amiproof-trial-sctp.conf",
            "rm -f /run/modprobe.d/amiproof-trial-sctp.conf && modprobe --ignore-install sctp",
        ),
        (
            Change::FileMode,
            "file./var/log/pods",
            Some("0700 root:root"),
            Some("0755 root:root"),
            "chmod 0755 /var/log/pods && chown root:root /var/log/pods && [ \"$(stat -c '%a %U:%G' /var/log/pods)\" = '755 root:root' ]",
            "chmod 0700 /var/log/pods && chown root:root /var/log/pods && [ \"$(stat -c '%a %U:%G' /var/log/pods)\" = '700 root:root' ]",
        ),
        (
            Change::Audit,
            "audit.backlog_limit",
            Some("64"),
            Some("8192"),
            "auditctl -b 8192 > /dev/null && auditctl -s | grep -qx \"backlog_limit \"8192",
            "auditctl -b 64 > /dev/null && auditctl -s | grep -qx \"backlog_limit \"64",
        ),
        (
            Change::Account,
            "account.ec2-user.passwordExpires",
            Some("never"),
            Some("90"),
            "chage -M 90 ec2-user",
            "chage -M -1 ec2-user",
        ),
    ] {
        assert_eq!(exchanged(&change, fact, from, to), (apply.to_owned(), undo.to_owned()), "{fact}");
    }
}

#[test]
fn what_has_a_file_of_ours_removes_it() {
    for (change, fact, from, to, file) in [
        (
            Change::Unit,
            "umask.kubelet",
            "0077",
            "0022",
            "/run/systemd/system/kubelet.service.d/99-amiproof-trial-UMask.conf",
        ),
        (
            Change::Kubelet,
            "kubelet.authentication.webhook.enabled",
            "false",
            "true",
            "/etc/kubernetes/kubelet/config.json.d/99-amiproof-trial-authentication-webhook-enabled.conf",
        ),
    ] {
        let (apply, undo) = exchanged(&change, fact, Some(from), Some(to));
        assert!(
            apply.contains(&format!("> {file} && ")) && undo.starts_with(&format!("rm -f {file} && ")),
            "{apply}\n{undo}"
        );
    }
}

#[test]
fn a_host_that_drops_still_answers_what_it_began_and_never_stops_sending() {
    let (apply, undo) = exchanged(&Change::IptablesPolicy, "firewall.iptables.INPUT", Some("ACCEPT"), Some("DROP"));
    let begun = apply.find("ESTABLISHED,RELATED").unwrap();
    assert!(begun < apply.find("-P INPUT DROP").unwrap(), "{apply}");
    assert!(undo.starts_with("iptables -w 5 -P INPUT ACCEPT && ") && undo.contains("-D INPUT"), "{undo}");
    let (apply, _) = exchanged(&Change::NftPolicy, "firewall.nft.input", None, Some("drop (inet filter input)"));
    assert!(apply.find("established,related accept").unwrap() < apply.find("policy drop").unwrap(), "{apply}");
    for (change, fact, to) in [
        (Change::IptablesPolicy, "firewall.iptables.OUTPUT", "DROP"),
        (Change::NftPolicy, "firewall.nft.output", "drop (inet filter output)"),
    ] {
        let from = if change == Change::NftPolicy { "accept" } else { "ACCEPT" };
        assert!(change.exchange(fact, Some(from), Some(to)).unwrap_err().contains("become unreachable"), "{fact}");
    }
}

#[test]
fn what_cannot_be_undone_is_refused_with_the_reason() {
    for (change, fact, from, to, why) in [
        (Change::Sysctl, "sysctl.kernel.modules_disabled", Some("0"), Some("1"), "next boot"),
        (Change::Sysctl, "sysctl.kernel.kexec_load_disabled", Some("1"), Some("0"), "next boot"),
        (Change::Sysctl, "sysctl.net.ipv4.ip_local_reserved_ports", None, Some("80"), "does not have it"),
        (Change::Sysctl, "sysctl.net.ipv4.ip_forward", Some("0"), Some("1, later 0"), "same value"),
        (Change::Sysctl, "sysctl.kernel.domain", Some("core"), Some("a\nb"), "characters"),
        (Change::Mount, "mount./var", Some("rw,noexec"), Some("rw (on /)"), "one side only"),
        (Change::Mount, "mount./var", Some("rw,relatime"), Some("rw,noatime"), "only options"),
        (Change::Selinux, "selinux.mode", Some("Enforcing"), Some("Disabled"), "at boot"),
        (Change::Service, "service.kubelet", Some("enabled active"), Some("enabled inactive"), "be reached"),
        (Change::Service, "service.firewalld", Some("enabled active"), Some("enabled inactive"), "kube-proxy"),
        (Change::Service, "service.cups", Some("enabled inactive"), Some("disabled inactive"), "next boot"),
        (Change::Sysctl, "sysctl.kernel.core_pattern", Some("core"), Some("|/bin/sh"), "program"),
        (Change::Sysctl, "sysctl.net.ipv6.conf.all.disable_ipv6", Some("1"), Some("0"), "IPv6"),
        (Change::Module, "module.x;reboot;y", Some("blocked"), None, "not the name"),
        (Change::Module, "module.veth", Some("builtin"), Some("blocked"), "built in"),
        (Change::Unit, "umask.kubelet", Some("0022"), Some("0022\\nExecStartPre=/bin/sh"), "not a number"),
        (Change::IptablesPolicy, "firewall.rebootables.FORWARD", Some("DROP"), Some("ACCEPT"), "not a tool"),
        (Change::FileMode, "file./usr/bin/x", Some("0755 root:root"), Some("4755 root:root"), "setuid"),
        (Change::Audit, "audit.enabled", Some("2"), Some("1"), "locked"),
        (Change::Containerd, "containerd.root", Some("/a|b"), Some("/c"), "plain word"),
        (Change::Kubelet, "kubelet.clusterDNS", Some("10.0.0.10"), Some("a\",\"b"), "plain text"),
        (
            Change::Rebuild("partitions are made with the image".into()),
            "mount./var",
            Some("a"),
            Some("b"),
            "partitions",
        ),
    ] {
        let refused = change.exchange(fact, from, to).unwrap_err();
        assert!(refused.contains(why), "{fact}: {refused}");
    }
}

/// What a host of somebody else has as a value is a word of the shell and nothing else.
#[test]
fn no_value_of_a_host_is_a_command() {
    for value in ["1'; reboot #", "$(reboot)", "`reboot`", "a\" b", "x && y", "| z"] {
        let quoted = quoted(value);
        let output = std::process::Command::new("sh").arg("-c").arg(format!("printf %s {quoted}")).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        let (apply, undo) = exchanged(&Change::Sysctl, "sysctl.kernel.domain", Some("core"), Some(value));
        assert!(apply.contains(&quoted) || apply.contains(&format!("={}", &quoted[1..])), "{apply}");
        assert!(!undo.contains("reboot"), "{undo}");
    }
}

#[test]
fn facts_without_a_file_of_a_setting_are_changed_by_what_they_are() {
    for (fact, change) in [
        ("sysctl.vm.swappiness", Some(Change::Sysctl)),
        ("firewall.nft.forward", Some(Change::NftPolicy)),
        ("firewall.nft.digest", None),
        ("firewall.ip6tables.FORWARD", Some(Change::IptablesPolicy)),
        ("firewall.iptables.rules", None),
        ("mount./tmp", Some(Change::Mount)),
        ("selinux.mode", Some(Change::Selinux)),
        ("selinux.policy", None),
        ("umask.kubelet", Some(Change::Unit)),
        ("umask", None),
        ("limits.containerd.nofile", Some(Change::Unit)),
        ("auditd.disk_full_action", Some(Change::Audit)),
        ("package.runc", None),
        ("kernel.release", None),
        ("time.sources", None),
    ] {
        assert_eq!(Change::of_fact(fact), change, "{fact}");
    }
}
