//! Scripts that give a fact of a running host another value, and that put back what was there.
//!
//! Unlike [`Change::command`], which is for a person to try, these run unattended: they refuse what cannot be undone exactly, what could
//! cut the host off from whoever changes it, and they end with another status than 0 if the host did not take the value. Values come
//! from other hosts and are quoted; one that could not be a value is refused.

use super::Change;
use super::change::{kubelet_drop_in, unit_property};

/// How a fact is exchanged on a host: shell scripts for root. Each may run any number of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Gives the fact the other value. Ends with another status than 0 if the host does not have it then.
    pub apply: String,
    /// Puts the value back. Ends with another status than 0 if the host does not have it then, as far as the host can be asked: what a unit
    /// runs with, and what a reload took, show in the facts alone.
    pub undo: String,
    /// Ends with 0 if the host has the other value now: agents of the host may write the old one again. Empty where only the facts tell.
    pub holds: String,
}

impl Exchange {
    fn new(apply: String, undo: String) -> Self {
        Self { apply, undo, holds: String::new() }
    }
}

/// Settings of the kernel that can be raised and not lowered until the next boot (kernel documentation, admin-guide/sysctl/kernel and Yama).
const ONE_WAY: [(&str, &str); 4] = [
    ("kernel.modules_disabled", "1"),
    ("kernel.kexec_load_disabled", "1"),
    ("kernel.unprivileged_bpf_disabled", "1"),
    ("kernel.yama.ptrace_scope", "3"),
];

/// Settings of the kernel whose value is a program that it runs, which no other host may name.
const PROGRAMS: [&str; 4] = ["kernel.core_pattern", "kernel.hotplug", "kernel.modprobe", "kernel.poweroff_cmd"];

/// Services without which the host cannot be reached, or is not a node.
const NEEDED: [&str; 9] = [
    "amazon-ssm-agent",
    "containerd",
    "dbus",
    "dbus-broker",
    "kubelet",
    "network",
    "NetworkManager",
    "systemd-networkd",
    "systemd-resolved",
];

/// Services of firewalls: each flushes rules of others when it starts or stops.
const FIREWALLS: [&str; 4] = ["firewalld", "ip6tables", "iptables", "nftables"];

/// What separates the values of a fact that changed while the host was read.
const LATER: &str = ", later ";

/// The name of everything that is made on a host, so that it can be told from what is there.
const NAME: &str = "amiproof-trial";

impl Change {
    /// How a fact that has the value `from` on a host gets the value `to`. `None` stands for a host that does not have the fact.
    ///
    /// # Errors
    /// Why that is not done, as a clause.
    pub fn exchange(&self, fact: &str, from: Option<&str>, to: Option<&str>) -> Result<Exchange, String> {
        let (from, to) = (from.map(last_seen), to.map(last_seen));
        if from == to {
            return Err("both sides have the same value".to_owned());
        }
        let texts = [Some(fact), from, to].into_iter().flatten();
        if texts.into_iter().any(|text| text.chars().any(char::is_control)) {
            return Err("it contains unexpected characters".to_owned());
        }
        let (_, name) = fact.split_once('.').ok_or_else(|| "it is not a setting".to_owned())?;
        let absent = || "one side does not have it".to_owned();
        let both = || Ok::<_, String>((from.ok_or_else(absent)?, to.ok_or_else(absent)?));
        match self {
            Self::Sysctl => both().and_then(|(from, to)| sysctl(name, from, to)),
            Self::NftPolicy => nft(name, from.unwrap_or("accept"), to.unwrap_or("accept")),
            Self::IptablesPolicy => both().and_then(|(from, to)| iptables(name, from, to)),
            Self::Mount => both().and_then(|(from, to)| mount(name, from, to)),
            Self::Selinux => both().and_then(|(from, to)| enforcing(from, to)),
            Self::SelinuxBoolean => {
                let name = name.strip_prefix("boolean.").ok_or_else(|| "it is not a boolean".to_owned())?;
                let set = |value: Option<&str>| format!("setsebool {} {}", quoted(name), value.unwrap_or("off"));
                // Without SELinux no boolean was set.
                Ok(Exchange::new(set(to), format!("{{ ! getenforce | grep -q -v Disabled || {}; }}", set(from))))
            }
            Self::Service => both().and_then(|(from, to)| service(name, from, to)),
            Self::Module => module(name, from, to),
            Self::FileMode => {
                let (from, to) = both()?;
                let has = |mode: &str, owner: &str| {
                    let wanted = format!("{} {owner}", mode.trim_start_matches('0'));
                    format!("[ \"$(stat -c '%a %U:%G' {})\" = {} ]", quoted(name), quoted(&wanted))
                };
                let set = |value: &str| -> Result<String, String> {
                    let (mode, owner) =
                        value.split_once(' ').ok_or_else(|| "its mode and owner are not known".to_owned())?;
                    if !mode.chars().all(|c| ('0'..='7').contains(&c)) || mode.trim_start_matches('0').len() > 3 {
                        return Err("the mode has a setuid, setgid or sticky bit, or is unknown".to_owned());
                    }
                    Ok(format!(
                        "chmod {} {path} && chown {} {path} && {}",
                        quoted(mode),
                        quoted(owner),
                        has(mode, owner),
                        path = quoted(name)
                    ))
                };
                let holds = to.split_once(' ').map(|(mode, owner)| has(mode, owner)).unwrap_or_default();
                Ok(Exchange { holds, ..Exchange::new(set(to)?, set(from)?) })
            }
            Self::Unit => both().and_then(|(_, to)| unit(fact, to)),
            Self::Kubelet => both().and_then(|(_, to)| kubelet(name, to)),
            Self::Containerd => both().and_then(|(from, to)| containerd(name, from, to)),
            Self::Audit => both().and_then(|(from, to)| audit(fact, from, to)),
            Self::Account => {
                let (from, to) = both()?;
                let user = name
                    .strip_suffix(".passwordExpires")
                    .ok_or_else(|| "only the age of a password is exchanged".to_owned())?;
                let days = |value: &str| if value == "never" { "-1".to_owned() } else { quoted(value) };
                if from != "never" && to != "never" {
                    return Err("dates of two hosts say nothing about their settings".to_owned());
                }
                if [from, to].iter().any(|value| *value != "never" && value.parse::<u32>().is_err()) {
                    return Err("a date cannot be put back as an age".to_owned());
                }
                let set = |value: &str| format!("chage -M {} {}", days(value), quoted(user));
                Ok(Exchange::new(set(to), set(from)))
            }
            Self::TimeSource => Err("sources of time differ by network and not by image".to_owned()),
            Self::Rebuild(why) => Err(why.clone()),
        }
    }

    /// How to change a fact that no setting's file describes; `None` for facts that are not settings.
    pub fn of_fact(fact: &str) -> Option<Self> {
        let (kind, name) = fact.split_once('.')?;
        let is_policy = |name: &str| !name.ends_with(".rules") && !name.ends_with(".digest");
        match kind {
            "sysctl" => Some(Self::Sysctl),
            "firewall" if name.starts_with("nft.") && is_policy(name) => Some(Self::NftPolicy),
            "firewall" if name.contains("tables.") && is_policy(name) => Some(Self::IptablesPolicy),
            "mount" => Some(Self::Mount),
            "selinux" if name == "mode" => Some(Self::Selinux),
            "selinux" if name.starts_with("boolean.") => Some(Self::SelinuxBoolean),
            "module" => Some(Self::Module),
            "file" => Some(Self::FileMode),
            "service" => Some(Self::Service),
            "umask" | "limits" if unit_property(kind, name).is_some() => Some(Self::Unit),
            "audit" if matches!(name, "enabled" | "failure" | "backlog_limit") => Some(Self::Audit),
            "auditd" if name.ends_with("_action") => Some(Self::Audit),
            _ => None,
        }
    }
}

/// The last of the values that a fact had while the host was read.
fn last_seen(value: &str) -> &str {
    value.rsplit(LATER).next().unwrap_or(value)
}

/// A word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._:,=+-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn sysctl(name: &str, from: &str, to: &str) -> Result<Exchange, String> {
    if ONE_WAY.iter().any(|(own, value)| *own == name && (from == *value || to == *value)) {
        return Err("the kernel can only undo it at the next boot".to_owned());
    }
    if PROGRAMS.contains(&name) {
        return Err("its value is a program that the kernel runs".to_owned());
    }
    // Either takes the host's addresses or routes away, and they do not come back with the old value.
    if name.starts_with("net.ipv6.conf.") && (name.ends_with(".disable_ipv6") || name.ends_with(".forwarding")) {
        return Err("the host's own IPv6 addresses and routes would not come back with it".to_owned());
    }
    let holds = |value: &str| format!("set -- $(sysctl -n {}) && [ \"$*\" = {} ]", quoted(name), quoted(value));
    let set = |value: &str| {
        let write = format!("sysctl -q -w {}", quoted(&format!("{name}={value}")));
        // The kernel sets this one to the opposite of the switch (ip-sysctl, ip_forward).
        let redirects = "net.ipv4.conf.all.accept_redirects";
        let write = match name {
            "net.ipv4.ip_forward" => {
                format!("own=$(sysctl -n {redirects}) && {write} && sysctl -q -w {redirects}=$own")
            }
            _ => write,
        };
        format!("{write} && {}", holds(value))
    };
    Ok(Exchange { holds: holds(to), ..Exchange::new(set(to), set(from)) })
}

/// `drop (inet filter forward)` as its table and chain.
fn chain_of(policy: &str) -> Option<&str> {
    policy.strip_prefix("drop (")?.strip_suffix(')')
}

fn nft(name: &str, from: &str, to: &str) -> Result<Exchange, String> {
    let hook = name.strip_prefix("nft.").ok_or_else(|| "it is not a hook".to_owned())?;
    match (chain_of(from), chain_of(to)) {
        (Some(chain), None) => {
            let chain: Vec<String> = chain.split(' ').map(quoted).collect();
            let set = |policy: &str| format!("nft chain {} '{{ policy {policy} ; }}'", chain.join(" "));
            Ok(Exchange::new(set("accept"), set("drop")))
        }
        (None, Some(_)) if hook == "output" => Err(CUT_OFF.to_owned()),
        (None, Some(_)) => {
            let table = NAME.replace('-', "_");
            // What the host began itself is answered in every rule set.
            let rules = match hook {
                "input" => format!(
                    " && nft add rule inet {table} {hook} iif lo accept && nft add rule inet {table} {hook} ct state established,related accept"
                ),
                _ => String::new(),
            };
            let apply = format!(
                "nft delete table inet {table} 2> /dev/null; nft add table inet {table} && nft add chain inet {table} {hook} '{{ type filter \
                 hook {hook} priority 0 ; policy accept ; }}'{rules} && nft chain inet {table} {hook} '{{ policy drop ; }}'"
            );
            let undo =
                format!("nft delete table inet {table} 2> /dev/null; ! nft list table inet {table} > /dev/null 2>&1");
            Ok(Exchange::new(apply, undo))
        }
        (Some(_), Some(_)) => Err("both sides drop, but in different tables".to_owned()),
        (None, None) => Err("both sides have the same value".to_owned()),
    }
}

/// Why packets that a host sends are not dropped.
const CUT_OFF: &str = "the host would become unreachable, so the setting could not be put back";

fn iptables(name: &str, from: &str, to: &str) -> Result<Exchange, String> {
    let (tool, chain) = name.split_once('.').ok_or_else(|| "it is not a chain".to_owned())?;
    let word = |policy: &str| policy.split([' ', '(']).next().unwrap_or_default().to_owned();
    let (from, to) = (word(from), word(to));
    if !["iptables", "ip6tables"].contains(&tool) {
        return Err("it is not a tool whose policies are known".to_owned());
    }
    if chain == "OUTPUT" && to == "DROP" {
        return Err(CUT_OFF.to_owned());
    }
    let (tool, chain) = (quoted(tool), quoted(chain));
    let set = |policy: &str| format!("{tool} -w 5 -P {chain} {}", quoted(policy));
    let holds = format!("{tool} -w 5 -S {chain} | grep -qx {}", quoted(&format!("-P {chain} {to}")));
    if chain != "INPUT" || to != "DROP" {
        return Ok(Exchange { holds, ..Exchange::new(set(&to), set(&from)) });
    }
    // What the host began itself is answered in every rule set.
    let (lo, begun) = ("-i lo -j ACCEPT", "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT");
    let comment = format!("-m comment --comment {NAME}");
    let each = |verb: &str, join: &str| {
        format!("{tool} -w 5 {verb} {chain} {comment} {lo}{join} {tool} -w 5 {verb} {chain} {comment} {begun}")
    };
    let gone = each("-D", " 2> /dev/null;");
    let apply = format!("{gone} 2> /dev/null; {} && {}", each("-I", " &&"), set(&to));
    let undo = format!("{} && {{ {gone} 2> /dev/null; true; }}", set(&from));
    Ok(Exchange { holds, ..Exchange::new(apply, undo) })
}

/// Options that a mount has or has not, with what takes each away.
const FLAGS: [(&str, &str); 3] = [("noexec", "exec"), ("nosuid", "suid"), ("nodev", "dev")];

fn mount(path: &str, from: &str, to: &str) -> Result<Exchange, String> {
    let is_part = |value: &str| value.contains("(on ");
    if is_part(from) || is_part(to) {
        return Err("it is a file system of its own on one side only".to_owned());
    }
    let has = |value: &str, option: &str| value.split([',', ' ']).any(|own| own == option);
    let hidden = |value: &str| {
        let own = value.split([',', ' ']).find(|option| option.starts_with("hidepid="));
        own.unwrap_or("hidepid=0").to_owned()
    };
    let options = |value: &str| -> Vec<String> {
        let flags = FLAGS.iter().filter(|(flag, _)| has(from, flag) != has(to, flag));
        let mut options: Vec<String> =
            flags.map(|(flag, taken)| if has(value, flag) { *flag } else { *taken }.to_owned()).collect();
        if path == "/proc" && hidden(from) != hidden(to) {
            options.push(hidden(value));
        }
        options
    };
    if options(to).is_empty() {
        return Err("only options of the file system itself differ".to_owned());
    }
    // What is mounted there last counts. The kernel may print `hidepid` as a word, so that is not read back.
    let holds = |value: &str| {
        let parts = FLAGS.iter().filter(|(flag, _)| has(from, flag) != has(to, flag)).map(|(flag, _)| {
            let pattern = quoted(&format!(",{flag},"));
            let not = if has(value, flag) { "" } else { "! " };
            format!("{not}echo \",$now,\" | grep -q {pattern}")
        });
        let parts: Vec<String> = parts.collect();
        let place = quoted(&format!(" {path} "));
        match parts.is_empty() {
            true => "true".to_owned(),
            false => {
                format!("now=$(grep {place} /proc/mounts | tail -n 1 | cut -d ' ' -f 4) && {}", parts.join(" && "))
            }
        }
    };
    let set = |value: &str| {
        let options = quoted(&format!("remount,{}", options(value).join(",")));
        format!("mount -o {options} {} && {}", quoted(path), holds(value))
    };
    Ok(Exchange { holds: holds(to), ..Exchange::new(set(to), set(from)) })
}

fn enforcing(from: &str, to: &str) -> Result<Exchange, String> {
    let holds = |mode: &str| format!("[ \"$(getenforce)\" = {mode} ]");
    let set = |mode: &str| match mode {
        "Enforcing" => Ok(format!("setenforce 1 && {}", holds(mode))),
        "Permissive" => Ok(format!("setenforce 0 && {}", holds(mode))),
        _ => Err("SELinux is turned on at boot".to_owned()),
    };
    Ok(Exchange { holds: holds(to), ..Exchange::new(set(to)?, set(from)?) })
}

fn service(name: &str, from: &str, to: &str) -> Result<Exchange, String> {
    if NEEDED.contains(&name) {
        return Err("the host could not be reached or would no longer be a node".to_owned());
    }
    if FIREWALLS.contains(&name) {
        return Err("rules of kube-proxy and the CNI are removed with it and do not come back by themselves".to_owned());
    }
    let is_active = |value: &str| value.split_whitespace().any(|word| word == "active");
    if is_active(from) == is_active(to) {
        return Err("it takes effect only at the next boot".to_owned());
    }
    let holds = |value: &str| {
        let not = if is_active(value) { "" } else { "! " };
        format!("{not}systemctl is-active {} > /dev/null", quoted(name))
    };
    let set = |value: &str| {
        let verb = if is_active(value) { "start" } else { "stop" };
        format!("systemctl {verb} {} && {}", quoted(name), holds(value))
    };
    Ok(Exchange { holds: holds(to), ..Exchange::new(set(to), set(from)) })
}

/// Which modules are loaded, and which cannot be: what a host does not name is loaded when it is needed.
fn module(name: &str, from: Option<&str>, to: Option<&str>) -> Result<Exchange, String> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
        return Err("it is not the name of a module".to_owned());
    }
    if [from, to].iter().flatten().any(|value| !["loaded", "blocked"].contains(value)) {
        return Err("one of the kernels has it built in".to_owned());
    }
    let file = format!("/run/modprobe.d/{NAME}-{name}.conf");
    let load = format!("modprobe --ignore-install {name}");
    let remove = format!("{{ ! lsmod | grep -q '^{name} ' || modprobe -r {name}; }}");
    let block = format!("mkdir -p /run/modprobe.d && echo 'install {name} /bin/false' > {file}");
    let (apply, undo) = match (from, to) {
        (Some("blocked"), _) => (load, remove),
        (Some("loaded"), Some("blocked")) => (format!("{remove} && {block}"), format!("rm -f {file} && {load}")),
        (_, Some("blocked")) => (block, format!("rm -f {file}")),
        (Some("loaded"), _) => (remove, load),
        _ => (load, remove),
    };
    Ok(Exchange::new(apply, undo))
}

/// Restarts a unit. It may have been restarted often in a short time, which systemd counts; and it must still run a while later.
fn restart(unit: &str) -> String {
    format!(
        "{{ systemctl reset-failed {unit} 2> /dev/null; systemctl restart {unit} && sleep 10 && systemctl is-active {unit} > /dev/null; }}"
    )
}

fn unit(fact: &str, to: &str) -> Result<Exchange, String> {
    let (kind, name) = fact.split_once('.').unwrap_or((fact, ""));
    let (unit, property) = unit_property(kind, name).ok_or_else(|| "it belongs to no unit".to_owned())?;
    if to != "infinity" && (to.is_empty() || !to.chars().all(|c| c.is_ascii_digit())) {
        return Err("its value is not a number".to_owned());
    }
    let folder = format!("/run/systemd/system/{unit}.service.d");
    let (file, unit) = (quoted(&format!("{folder}/99-{NAME}-{property}.conf")), quoted(unit));
    let restart = format!("systemctl daemon-reload && {}", restart(&unit));
    let apply =
        format!("mkdir -p {} && printf '%s\\n' '[Service]' '{property}={to}' > {file} && {restart}", quoted(&folder));
    Ok(Exchange::new(apply, format!("rm -f {file} && {restart}")))
}

fn kubelet(name: &str, to: &str) -> Result<Exchange, String> {
    if to.contains(['"', '\\', ',', '[', '{']) {
        return Err("its value is a list, or no plain text".to_owned());
    }
    let short: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let file = format!("/etc/kubernetes/kubelet/config.json.d/99-{NAME}-{short}.conf");
    let restart = restart("kubelet");
    let apply = format!("echo {} > {file} && {restart}", quoted(&kubelet_drop_in(name, to)));
    Ok(Exchange::new(apply, format!("rm -f {file} && {restart}")))
}

fn containerd(name: &str, from: &str, to: &str) -> Result<Exchange, String> {
    let key = name.rsplit('.').next().unwrap_or(name);
    let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_-/.".contains(c));
    if ![key, from, to].into_iter().all(is_plain) {
        return Err("its value is not a plain word".to_owned());
    }
    let file = "/etc/containerd/config.toml";
    let set = |value: &str| {
        let value = super::change::scalar(value);
        // A key that several plugins have is another setting in each of them.
        format!(
            "[ \"$(grep -cE '^ *{key} *=' {file})\" = 1 ] && sed -i -E 's|^( *{key} *= *)[^ #]+|\\1{value}|' {file} && \
             grep -qE '^ *{key} *= *{value}( |$)' {file} && {}",
            restart("containerd")
        )
    };
    Ok(Exchange::new(set(to), set(from)))
}

fn audit(fact: &str, from: &str, to: &str) -> Result<Exchange, String> {
    let (kind, name) = fact.split_once('.').unwrap_or((fact, ""));
    let set = |value: &str| -> Result<String, String> {
        match (kind, name) {
            ("audit", "enabled") if from == "2" || to == "2" => Err("rules are locked until the next boot".to_owned()),
            ("audit", "enabled" | "failure" | "backlog_limit") => {
                let letter = &name[..1];
                let value = quoted(value);
                Ok(format!("auditctl -{letter} {value} > /dev/null && auditctl -s | grep -qx \"{name} \"{value}"))
            }
            ("auditd", _) => {
                let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if ![name, value].into_iter().all(is_word) {
                    return Err("its value is not a plain word".to_owned());
                }
                Ok(format!(
                    "sed -i -E 's/^ *{name} *=.*/{name} = {value}/' /etc/audit/auditd.conf && \
                     grep -qE '^{name} = {value}$' /etc/audit/auditd.conf && systemctl kill -s HUP auditd"
                ))
            }
            _ => Err("it is a counter, not a setting".to_owned()),
        }
    };
    Ok(Exchange::new(set(to)?, set(from)?))
}

#[cfg(test)]
mod tests;
