//! Settings of hosts as data: which values take which capabilities away, which controls ask for them, and how to change them.
//!
//! The files are in `suites/settings`, one per setting. [`crate::explain`] joins them with the facts of nodes and the cells that failed.

pub(crate) mod value;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use self::value::Value;
use crate::capability::Capability;
use crate::name::{Benchmark, ControlId};

/// A setting that hardening changes and that can take capabilities away.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its name, which is that of its file.
    pub name: String,
    /// What is the matter on a node that has it, as a clause: `forwarded packets are dropped`.
    pub title: String,
    /// The facts that show it. One is enough: hosts have nftables or iptables.
    pub harmful: Vec<Harmful>,
    /// What it takes away.
    pub takes: Vec<Effect>,
    /// What keeps the control and gives the capability back, as a clause in the imperative; empty if nothing is known to.
    pub compensation: String,
    /// Where the claim comes from: documentation, issues, or what was measured.
    pub sources: Vec<String>,
}

/// A value of a fact that takes something away.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Harmful {
    /// The fact. One `*` stands for any part of a name: `sysctl.net.ipv4.conf.*.rp_filter`.
    pub fact: String,
    /// What people call it: `nftables forward policy`.
    pub label: String,
    /// The values.
    pub value: Value,
    /// The controls that ask for such a value, by benchmark.
    #[serde(default)]
    pub controls: BTreeMap<Benchmark, Vec<String>>,
    /// How it is changed on a running node.
    pub change: Change,
}

/// What a setting takes away.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Effect {
    /// The capabilities that nodes lack.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// Checks, suites or add-ons that fail for other reasons than a capability: `addon/aws-ebs-csi-driver`, `kubelet-path`.
    #[serde(default)]
    pub checks: Vec<String>,
    /// How much of it.
    pub extent: Extent,
    /// Further facts of the node that the effect depends on; all of them must hold.
    #[serde(default)]
    pub when: Vec<Condition>,
}

/// How much of what an effect names fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// Some of it may fail, and some may not: what passes says little.
    Some,
    /// All of it or nothing, which depends on what facts do not show. Refuted by anything that passes.
    AllOrNothing,
    /// All of it. Refuted by anything that passes.
    All,
}

/// A condition on a fact.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    /// The fact.
    pub fact: String,
    /// The values.
    pub value: Value,
}

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
    /// A service that is stopped or started.
    Service,
    /// Not in place, and why: another image, boot or launch template is needed.
    Rebuild(String),
}

impl Change {
    /// A command that gives a fact the value that it has elsewhere, for a person to try on a node; `None` if there is none.
    pub fn command(&self, fact: &str, value: &str) -> Option<String> {
        let (kind, name) = fact.split_once('.')?;
        let word = value.split_whitespace().next().unwrap_or_default();
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
            Self::Mount => {
                let words = value.split([',', ' ']).any(|word| word == "noexec");
                Some(format!("mount -o remount,{} {name}", if words { "noexec" } else { "exec" }))
            }
            Self::Selinux if kind == "selinux" => {
                Some(format!("setenforce {}", u8::from(word == "Enforcing"))).filter(|_| word != "Disabled")
            }
            Self::Service => {
                let verb = if value.split_whitespace().any(|word| word == "active") { "start" } else { "stop" };
                Some(format!("systemctl {verb} {name}"))
            }
            Self::Selinux | Self::Rebuild(_) => None,
        }
    }
}

impl Harmful {
    /// The first fact of a host that has such a value, with the value.
    pub fn find<'a>(&self, facts: &'a indexmap::IndexMap<String, String>) -> Option<(&'a str, &'a str)> {
        let found = |(fact, value): (&'a String, &'a String)| {
            self.value.matches(value).then_some((fact.as_str(), value.as_str()))
        };
        match self.fact.split_once('*') {
            None => facts.get_key_value(&self.fact).and_then(found),
            Some((head, tail)) => {
                let named =
                    |fact: &str| fact.len() > head.len() + tail.len() && fact.starts_with(head) && fact.ends_with(tail);
                facts.iter().filter(|(fact, _)| named(fact)).find_map(found)
            }
        }
    }

    /// The controls of a benchmark that ask for it.
    pub fn controls_of(&self, benchmark: &Benchmark) -> Vec<ControlId> {
        let numbers = self.controls.get(benchmark).into_iter().flatten();
        numbers.filter_map(|number| ControlId::new(benchmark, number).ok()).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    title: String,
    harmful: Vec<Harmful>,
    takes: Vec<Effect>,
    #[serde(default)]
    compensation: String,
    sources: Vec<String>,
}

/// Reads the file of a setting.
///
/// # Errors
/// The first thing that is wrong with it, as a sentence.
pub fn parse(text: &str) -> Result<Setting, String> {
    let File { api_version, kind, metadata, spec } = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    if (api_version.as_str(), kind.as_str()) != ("amiproof/v1", "Setting") {
        return Err(format!("it is {api_version} {kind} and not amiproof/v1 Setting"));
    }
    let Spec { title, harmful, takes, compensation, sources } = spec;
    Ok(Setting { name: metadata.name, title, harmful, takes, compensation, sources })
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    const FORWARD: &str = r#"
apiVersion: amiproof/v1
kind: Setting
metadata: {name: forward}
spec:
  title: forwarded packets are dropped
  harmful:
    - fact: firewall.nft.forward
      label: nftables forward policy
      value: {starts: [drop]}
      controls: {cis-al2023-1.0.0: ["3.4.2.7"]}
      change: nft-policy
    - fact: sysctl.net.ipv4.conf.*.rp_filter
      label: reverse path filter
      value: {is: ["1"]}
      change: {rebuild: it needs another image}
  takes:
    - {capabilities: [pod-network], extent: all, when: [{fact: package.runc, value: {olderThan: "1.2"}}]}
  sources: [measured]
"#;

    #[test]
    fn a_file_is_read_and_what_it_does_not_know_is_refused() {
        let setting = parse(FORWARD).unwrap();
        assert_eq!((setting.name.as_str(), setting.takes[0].extent), ("forward", Extent::All));
        assert_eq!(setting.harmful[1].change, Change::Rebuild("it needs another image".to_owned()));
        assert!(parse(&FORWARD.replace("label:", "lable:")).unwrap_err().contains("lable"));
        assert!(parse(&FORWARD.replace("pod-network", "telepathy")).unwrap_err().contains("telepathy"));
        assert!(parse(&FORWARD.replace("kind: Setting", "kind: Waivers")).unwrap_err().contains("Waivers"));
    }

    #[test]
    fn a_fact_is_found_by_its_name_or_by_a_pattern() {
        let setting = parse(FORWARD).unwrap();
        let facts = |pairs: &[(&str, &str)]| -> IndexMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let host = facts(&[
            ("firewall.nft.forward", "drop (inet filter forward)"),
            ("sysctl.net.ipv4.conf.all.rp_filter", "0"),
            ("sysctl.net.ipv4.conf.ens5.rp_filter", "1"),
        ]);
        assert_eq!(setting.harmful[0].find(&host), Some(("firewall.nft.forward", "drop (inet filter forward)")));
        assert_eq!(setting.harmful[1].find(&host), Some(("sysctl.net.ipv4.conf.ens5.rp_filter", "1")));
        assert_eq!(setting.harmful[0].find(&facts(&[("firewall.nft.forward", "accept")])), None);
        let benchmark: Benchmark = "cis-al2023-1.0.0".parse().unwrap();
        let controls = setting.harmful[0].controls_of(&benchmark);
        assert_eq!(controls.iter().map(ControlId::number).collect::<Vec<_>>(), ["3.4.2.7"]);
        assert!(setting.harmful[1].controls_of(&benchmark).is_empty());
    }

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
            (Change::IptablesPolicy, "firewall.iptables.FORWARD", "accept", Some("iptables -P FORWARD ACCEPT")),
            (Change::Mount, "mount./var", "rw,relatime (on /)", Some("mount -o remount,exec /var")),
            (Change::Selinux, "selinux.mode", "Permissive", Some("setenforce 0")),
            (Change::Selinux, "selinux.mode", "Disabled", None),
            (Change::Service, "service.firewalld", "disabled inactive", Some("systemctl stop firewalld")),
            (Change::Rebuild("boot".to_owned()), "kernel.cmdline", "ro", None),
        ] {
            assert_eq!(change.command(fact, value).as_deref(), command, "{fact}");
        }
    }
}
