//! The script that reads a Linux host, section by section.
//!
//! It needs a POSIX shell, coreutils, procps and grep. Whatever else a section asks for may be missing: then it prints nothing. Nothing in it
//! changes the host.

use super::super::section::shell;
use super::{certificates, containerd, files, modules, sysctl};

/// Services whose state is read even where they are neither enabled nor active.
const SERVICES: &str = "sshd firewalld nftables iptables ip6tables auditd rsyslog amazon-ssm-agent snap.amazon-ssm-agent \
                        kubelet containerd chronyd rpcbind nfs-server fapolicyd";

/// Configuration files of the kubelet: AL2023, AL2, Bottlerocket.
const KUBELET_FILES: &str = "/etc/kubernetes/kubelet/config.json /etc/kubernetes/kubelet/kubelet-config.json \
                             /etc/kubernetes/kubelet/config";

/// Packages whose versions are read: what runs or guards a node, by its names in Amazon Linux 2 and 2023.
const PACKAGES: &str = "kernel kernel6.1 kernel6.12 systemd kubelet containerd runc nerdctl cni-plugins amazon-ssm-agent openssh-server nftables iptables \
                        iptables-nft iptables-legacy iptables-services firewalld audit aide container-selinux selinux-policy-targeted \
                        crypto-policies openssl openssl-libs openssl-fips-provider-latest chrony rsyslog libpwquality nfs-utils rpcbind \
                        amazon-efs-utils iscsi-initiator-utils ec2-net-utils amazon-ec2-net-utils fapolicyd";

/// Accounts whose ages are read: those that people and agents log in with.
const ACCOUNTS: &str = "root|ec2-user|ssm-user";

/// Chains that kube-proxy, the VPC CNI plugin and other network plugins write: the same on every node of a cluster, and many.
const CHAINS: &str = "KUBE-|AWS-|CNI-|cali-|CILIUM_|FLANNEL-|NETAVARK";

/// The part of the script for all Linux families.
pub(in crate::probe::facts) fn common() -> String {
    let mut script = String::new();
    let mut add = |name: &str, command: &str| script.push_str(&shell(name, command));
    add("date", "date +%s");
    add("os-release", "cat /etc/os-release 2> /dev/null");
    add("kernel", "uname -r");
    add("cmdline", "cat /proc/cmdline 2> /dev/null");
    add("lockdown", "cat /sys/kernel/security/lockdown 2> /dev/null");
    add("routes", "cut -f 1,2 /proc/net/route 2> /dev/null");
    add("sysctl", &sysctl::command());
    // Only a kernel that lists what it has shows that it has none; a program that does not run shows nothing.
    add(
        "selinux",
        "getenforce 2> /dev/null || cat /sys/fs/selinux/enforce 2> /dev/null || if [ -e /sys/kernel ]; then echo Disabled; fi",
    );
    add("booleans", "getsebool -a 2> /dev/null | grep ' on$'");
    add(
        "cgroup",
        "if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo 2; elif [ -e /sys/fs/cgroup ]; then echo 1; fi",
    );
    add("umask", "umask");
    // Without what pods and sessions mount: a node has hundreds of those.
    let passing = "-e /kubelet/pods/ -e /run/containerd/ -e /run/netns/ -e /run/user/ -e /run/credentials/";
    add("mounts", &format!("grep -v {passing} -e ' cgroup' -e binfmt_misc /proc/mounts 2> /dev/null"));
    add("file-systems", &format!("df -Pk 2> /dev/null | grep -v {passing}"));
    add("files", &files::command());
    add("modules", "cut -d ' ' -f 1 /proc/modules 2> /dev/null");
    add(
        "modprobe",
        "cat /etc/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf 2> /dev/null | grep -E '^(install|blacklist) '",
    );
    add("builtin", &modules::builtin());
    // A chain is printed as a block, so all of it is left out.
    let blocks = format!("sed -E '/^[[:space:]]*chain ({CHAINS})/,/^[[:space:]]*}}/d' | grep -vE '{CHAINS}'");
    add("nft", &format!("nft -s list ruleset 2> /dev/null | {blocks}"));
    add("iptables", &format!("iptables -S 2> /dev/null | grep -vE '{CHAINS}'"));
    add("ip6tables", &format!("ip6tables -S 2> /dev/null | grep -vE '{CHAINS}'"));
    add("listening", "cat /proc/net/tcp /proc/net/tcp6 2> /dev/null | grep ' 0A '");
    add("listening-udp", "cat /proc/net/udp /proc/net/udp6 2> /dev/null | grep ' 07 '");
    add(
        "services",
        &format!(
            "for s in {SERVICES}; do echo \"$s $(systemctl is-enabled $s 2> /dev/null) $(systemctl is-active $s 2> /dev/null)\"; done"
        ),
    );
    add("units", "systemctl list-unit-files --type=service --no-legend --no-pager 2> /dev/null | cut -c 1-200");
    add(
        "active",
        "systemctl list-units --type=service --state=active --plain --no-legend --no-pager 2> /dev/null | cut -c 1-200",
    );
    add(
        "unit-settings",
        "for s in kubelet containerd; do echo \"unit $s\"; systemctl show $s.service -p UMask -p LimitNOFILE -p LimitNOFILESoft -p LimitNPROC 2> /dev/null; done",
    );
    add("manager", "systemctl show -p DefaultLimitNOFILE 2> /dev/null");
    add("time-sources", "timeout 5 chronyc -n -c sources 2> /dev/null");
    add("time-tracking", "timeout 5 chronyc -n -c tracking 2> /dev/null");
    add("time-synchronized", "timeout 5 timedatectl 2> /dev/null | grep -i synchronized");
    add("containerd", containerd::COMMAND);
    add("containerd-version", "containerd --version 2> /dev/null");
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
    add("sysctl-later", &sysctl::later());
    script
}

/// The script for Amazon Linux.
pub(in crate::probe::facts) fn script() -> String {
    let rpm = format!("rpm -q {PACKAGES} 2> /dev/null | grep -v 'not installed'");
    let audit = "auditctl -s 2> /dev/null; grep -E '^ *[a-z_]+ *=' /etc/audit/auditd.conf 2> /dev/null";
    // The statuses of a question without a token and of one with it; 000 for no answer.
    let imds =
        "u=http://169.254.169.254/latest; code() { curl -s -m 2 -o /dev/null -w '%{http_code}' \"$@\" 2> /dev/null; }
echo \"plain $(code $u/meta-data/instance-id)\"
t=$(curl -s -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $u/api/token 2> /dev/null)
echo \"token $(code -H \"X-aws-ec2-metadata-token: $t\" $u/meta-data/instance-id)\"";
    let aide = "grep -hE '^[!=/]' /etc/aide.conf 2> /dev/null";
    // The server itself says what it runs with, all files and defaults together.
    let sshd = "{ sshd -T 2> /dev/null || cat /etc/ssh/sshd_config 2> /dev/null; } | grep -iE '^(PermitRootLogin|PasswordAuthentication) '";
    let crypto = "update-crypto-policies --show 2> /dev/null || cat /etc/crypto-policies/state/current 2> /dev/null";
    let ages = "grep -E '^PASS_(MAX|MIN)_DAYS' /etc/login.defs 2> /dev/null";
    // Without the second field, the hash of the password.
    let accounts = format!("grep -E '^({ACCOUNTS}):' /etc/shadow 2> /dev/null | cut -d : -f 1,3-8");
    let certificates = certificates::command();
    [
        ("packages", rpm.as_str()),
        ("package-count", "rpm -qa 2> /dev/null | wc -l"),
        ("sshd", sshd),
        ("audit", audit),
        ("imds", imds),
        ("aide", aide),
        ("crypto-policy", crypto),
        ("password-ages", ages),
        ("accounts", accounts.as_str()),
        ("certificates", certificates.as_str()),
    ]
    .iter()
    .fold(common(), |script, (name, command)| script + &shell(name, command))
}
