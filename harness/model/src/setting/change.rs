//! How settings are changed on running nodes.

use serde::Deserialize;

/// How a setting is changed on a running node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// `sysctl -w`.
    Sysctl,
    /// The policy of a base chain of nftables.
    NftPolicy,
    /// The policy of a built-in chain of iptables or ip6tables.
    IptablesPolicy,
    /// Options of a mount, which is mounted again.
    Mount,
    /// The SELinux mode.
    Selinux,
    /// A boolean of the SELinux policy.
    SelinuxBoolean,
    /// A service that is stopped or started.
    Service,
    /// A kernel module that is loaded in spite of `modprobe.d(5)`, or removed.
    Module,
    /// Mode and owner of a file or folder.
    FileMode,
    /// The umask or a limit of a unit, by a drop-in until the next boot and a restart of the unit.
    Unit,
    /// An option of the kubelet, by a drop-in of its configuration and a restart.
    Kubelet,
    /// An option of containerd, in its configuration, and a restart. Running containers go on.
    Containerd,
    /// The state of the kernel's auditing, or an action of the audit daemon.
    Audit,
    /// The age of an account or its password.
    Account,
    /// A source of time for chronyd.
    TimeSource,
    /// Not in place, and why: another image, boot or launch template is needed.
    Rebuild(String),
}

impl Change {
    /// A command that gives a fact the value that it has elsewhere, for a person to try on a node; `None` if there is none. An empty value
    /// means that the fact is absent elsewhere: a service that is not installed, a module that is not loaded.
    pub fn command(&self, fact: &str, value: &str) -> Option<String> {
        let (kind, name) = fact.split_once('.')?;
        let word = value.split([',', ' ', '\t']).next().unwrap_or_default();
        if word.is_empty() && !matches!(self, Self::Service | Self::Module | Self::SelinuxBoolean) {
            return None;
        }
        match self {
            Self::Sysctl => Some(format!("sysctl -w '{name}={value}'")),
            Self::NftPolicy => {
                let hook = name.strip_prefix("nft.")?;
                Some(format!("nft chain inet filter {hook} '{{ policy {word}; }}'")).filter(|_| word == "accept")
            }
            Self::IptablesPolicy => {
                let (tool, chain) = name.split_once('.')?;
                Some(format!("{tool} -P {chain} {}", word.to_uppercase()))
            }
            Self::Mount => Some(remount(name, value)),
            Self::Selinux if kind == "selinux" => {
                Some(format!("setenforce {}", u8::from(word == "Enforcing"))).filter(|_| word != "Disabled")
            }
            Self::SelinuxBoolean => {
                let name = name.strip_prefix("boolean.")?;
                Some(format!("setsebool {name} {}", if word == "on" { "on" } else { "off" }))
            }
            Self::Service => {
                let verb = if value.split_whitespace().any(|word| word == "active") { "start" } else { "stop" };
                Some(format!("systemctl {verb} {name}"))
            }
            Self::Module if value == "blocked" => Some(format!("modprobe -r {name}")),
            Self::Module => Some(format!("modprobe --ignore-install {name}")),
            Self::FileMode => {
                let (mode, owner) = value.split_once(' ')?;
                Some(format!("chmod {mode} {name} && chown {owner} {name}"))
            }
            Self::Unit => unit(kind, name, word),
            Self::Kubelet => Some(kubelet(name, value)),
            Self::Containerd => {
                let key = name.rsplit('.').next()?;
                let value = scalar(value);
                let file = "/etc/containerd/config.toml";
                Some(format!("sed -i -E 's|^( *{key} *=).*|\\1 {value}|' {file} && systemctl restart containerd"))
            }
            Self::Audit => audit(kind, name, word),
            Self::Account => {
                let (user, key) = name.rsplit_once('.')?;
                let option = if key == "expires" { "-E" } else { "-M" };
                Some(format!("chage {option} -1 {user}")).filter(|_| word == "never")
            }
            Self::TimeSource => {
                let is_address = word.parse::<std::net::IpAddr>().is_ok();
                is_address.then(|| format!("chronyc add server {word} iburst"))
            }
            Self::Selinux | Self::Rebuild(_) => None,
        }
    }
}

/// Mounts the file system that a path is on again, with the option of `value` that matters there.
fn remount(path: &str, value: &str) -> String {
    let mut options = value.split([',', ' ']);
    let option = match path {
        "/proc" => options.find(|option| option.starts_with("hidepid=")).unwrap_or("hidepid=0"),
        _ => options.find(|option| *option == "noexec").unwrap_or("exec"),
    };
    format!("mount -o remount,{option} \"$(findmnt -n -o TARGET -T {path})\"")
}

/// The unit and its property that a fact is about: `umask.kubelet` and `limits.containerd.nofile`.
pub(super) fn unit_property<'a>(kind: &str, name: &'a str) -> Option<(&'a str, &'static str)> {
    match (kind, name.split_once('.')) {
        ("umask", None) => Some((name, "UMask")),
        ("limits", Some((unit, "nofile"))) => Some((unit, "LimitNOFILE")),
        ("limits", Some((unit, "nproc"))) => Some((unit, "LimitNPROC")),
        _ => None,
    }
}

fn unit(kind: &str, name: &str, value: &str) -> Option<String> {
    let (unit, property) = unit_property(kind, name)?;
    let folder = format!("/run/systemd/system/{unit}.service.d");
    Some(format!(
        "mkdir -p {folder} && printf '[Service]\\n{property}={value}\\n' > {folder}/99-trial.conf && systemctl daemon-reload && \
         systemctl restart {unit}"
    ))
}

/// `audit.backlog_limit` of the kernel and `auditd.disk_full_action` of the daemon.
fn audit(kind: &str, name: &str, value: &str) -> Option<String> {
    match (kind, name) {
        ("audit", "enabled") => Some(format!("auditctl -e {value}")),
        ("audit", "failure") => Some(format!("auditctl -f {value}")),
        ("audit", "backlog_limit") => Some(format!("auditctl -b {value}")),
        ("auditd", _) => Some(format!(
            "sed -i -E 's/^ *{name} *=.*/{name} = {value}/' /etc/audit/auditd.conf && systemctl kill -s HUP auditd"
        )),
        _ => None,
    }
}

/// Maps of the kubelet's configuration whose keys have dots in them.
const DOTTED: [&str; 5] =
    ["evictionHard", "evictionSoft", "evictionSoftGracePeriod", "evictionMinimumReclaim", "kubeReserved"];

/// A drop-in for `authentication.webhook.enabled`, which is read in addition to the configuration (`--config-dir`).
pub(super) fn kubelet_drop_in(name: &str, value: &str) -> String {
    let keys: Vec<&str> = match name.split_once('.') {
        Some((map, key)) if DOTTED.contains(&map) => vec![map, key],
        _ => name.split('.').collect(),
    };
    let mut option = scalar(value);
    for (depth, key) in keys.iter().rev().enumerate() {
        let inner = if depth > 0 { format!("{{{option}}}") } else { option };
        option = format!("\"{key}\": {inner}");
    }
    format!("{{\"apiVersion\": \"kubelet.config.k8s.io/v1beta1\", \"kind\": \"KubeletConfiguration\", {option}}}")
}

fn kubelet(name: &str, value: &str) -> String {
    let drop_in = kubelet_drop_in(name, value);
    format!("echo '{drop_in}' > /etc/kubernetes/kubelet/config.json.d/99-trial.conf && systemctl restart kubelet")
}

/// A value as JSON and TOML both write it.
pub(super) fn scalar(value: &str) -> String {
    let is_bare = matches!(value, "true" | "false") || value.parse::<i64>().is_ok();
    if is_bare { value.to_owned() } else { format!("\"{value}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_puts_back_the_value_of_the_reference() {
        for (change, fact, value, command) in [
            (Change::Sysctl, "sysctl.net.ipv4.ip_forward", "1", Some("sysctl -w 'net.ipv4.ip_forward=1'")),
            (
                Change::NftPolicy,
                "firewall.nft.forward",
                "accept",
                Some("nft chain inet filter forward '{ policy accept; }'"),
            ),
            (Change::IptablesPolicy, "firewall.iptables.FORWARD", "ACCEPT", Some("iptables -P FORWARD ACCEPT")),
            (
                Change::Mount,
                "mount./var/lib/kubelet",
                "rw,relatime (on /)",
                Some("mount -o remount,exec \"$(findmnt -n -o TARGET -T /var/lib/kubelet)\""),
            ),
            (
                Change::Mount,
                "mount./proc",
                "rw,nosuid",
                Some("mount -o remount,hidepid=0 \"$(findmnt -n -o TARGET -T /proc)\""),
            ),
            (Change::Selinux, "selinux.mode", "Permissive", Some("setenforce 0")),
            (Change::Selinux, "selinux.mode", "Disabled", None),
            (Change::SelinuxBoolean, "selinux.boolean.deny_ptrace", "", Some("setsebool deny_ptrace off")),
            (Change::Service, "service.firewalld", "disabled inactive", Some("systemctl stop firewalld")),
            (Change::Service, "service.firewalld", "", Some("systemctl stop firewalld")),
            (Change::Service, "service.chronyd", "enabled active", Some("systemctl start chronyd")),
            (Change::Module, "module.sctp", "", Some("modprobe --ignore-install sctp")),
            (Change::Module, "module.sctp", "loaded", Some("modprobe --ignore-install sctp")),
            (Change::Module, "module.sctp", "blocked", Some("modprobe -r sctp")),
            (
                Change::FileMode,
                "file./var/log/pods",
                "0755 root:root",
                Some("chmod 0755 /var/log/pods && chown root:root /var/log/pods"),
            ),
            (
                Change::Unit,
                "umask.kubelet",
                "0022",
                Some(
                    "mkdir -p /run/systemd/system/kubelet.service.d && printf '[Service]\\nUMask=0022\\n' > \
                     /run/systemd/system/kubelet.service.d/99-trial.conf && systemctl daemon-reload && systemctl restart kubelet",
                ),
            ),
            (Change::Unit, "limits.nofile", "1024", None),
            (
                Change::Containerd,
                "containerd.SystemdCgroup",
                "true",
                Some(
                    "sed -i -E 's|^( *SystemdCgroup *=).*|\\1 true|' /etc/containerd/config.toml && systemctl restart containerd",
                ),
            ),
            (Change::Audit, "audit.backlog_limit", "8192", Some("auditctl -b 8192")),
            (
                Change::Audit,
                "auditd.disk_full_action",
                "SUSPEND",
                Some(
                    "sed -i -E 's/^ *disk_full_action *=.*/disk_full_action = SUSPEND/' /etc/audit/auditd.conf && systemctl kill -s HUP auditd",
                ),
            ),
            (Change::Account, "account.ec2-user.passwordExpires", "never", Some("chage -M -1 ec2-user")),
            (Change::Account, "account.root.expires", "2026-01-01", None),
            (
                Change::TimeSource,
                "time.sources",
                "169.254.169.123, servers",
                Some("chronyc add server 169.254.169.123 iburst"),
            ),
            (Change::TimeSource, "time.sources", "servers", None),
            (Change::Sysctl, "sysctl.net.ipv4.ip_local_reserved_ports", "", None),
            (Change::Rebuild("boot".to_owned()), "kernel.cmdline", "ro", None),
        ] {
            assert_eq!(change.command(fact, value).as_deref(), command, "{fact}");
        }
    }

    #[test]
    fn a_drop_in_of_the_kubelet_is_json_with_the_option_in_its_place() {
        for (fact, value, pointer, wanted) in [
            ("kubelet.cgroupDriver", "systemd", "/cgroupDriver", serde_json::json!("systemd")),
            (
                "kubelet.authentication.webhook.enabled",
                "true",
                "/authentication/webhook/enabled",
                serde_json::json!(true),
            ),
            (
                "kubelet.evictionHard.nodefs.available",
                "10%",
                "/evictionHard/nodefs.available",
                serde_json::json!("10%"),
            ),
            ("kubelet.maxPods", "29", "/maxPods", serde_json::json!(29)),
        ] {
            let command = Change::Kubelet.command(fact, value).unwrap();
            let text = command
                .strip_prefix("echo '")
                .unwrap()
                .split_once("' > /etc/kubernetes/kubelet/config.json.d/")
                .unwrap()
                .0;
            let drop_in: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(drop_in.pointer(pointer), Some(&wanted), "{text}");
            assert_eq!(drop_in["kind"], "KubeletConfiguration");
        }
    }
}
