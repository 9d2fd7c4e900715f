//! Settings of hosts as data: which values take which capabilities away, which controls ask for them, and how to change them.
//!
//! The files are in `suites/settings`, one per setting. [`crate::explain`] joins them with the facts of nodes and the cells that failed.

mod change;
mod exchange;
pub(crate) mod value;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;

pub use self::change::Change;
pub use self::exchange::Exchange;
pub use self::value::Value;
use crate::capability::Capability;
use crate::document;
use crate::name::{Benchmark, CheckId, ControlId};

/// The fact that names what was cut from the output of a host.
const CUT: &str = "facts.cut";

/// What stands for the value of a fact that a host does not have.
pub const MISSING: &str = "missing";

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
    /// A part of it fails while the rest works: explains nothing where nothing of it works.
    Part,
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

impl Setting {
    /// Whether a check could fail because of it: the setting takes away what the check exercises, or names the check, its suite or its add-on.
    /// `exercises` is what a workload needs from its node.
    pub fn could_break(&self, check: &CheckId, exercises: &[String]) -> bool {
        let is_named = |name: &String| check.as_str() == name || check.suite() == name;
        // No file says what the checks of this suite need.
        let is_asked_of_kubelet = |one: &Capability| *one == Capability::KubeletApi && check.suite() == "kubelet-path";
        self.takes.iter().any(|effect| {
            effect.checks.iter().any(is_named)
                || effect.capabilities.iter().any(|one| exercises.iter().any(|own| own == one.as_str()))
                || effect.capabilities.iter().any(is_asked_of_kubelet)
        })
    }
}

impl Harmful {
    /// The first fact of a host that has such a value, with the value.
    ///
    /// For [`Value::Missing`], the fact if the host lacks it although other facts of its kind (the word before the first dot) are known.
    /// Nothing is missing where part of what a host printed was cut.
    pub fn find<'a>(&'a self, facts: &'a IndexMap<String, String>) -> Option<(&'a str, &'a str)> {
        if self.value == Value::Missing {
            let is_missing = !facts.contains_key(&self.fact) && !facts.contains_key(CUT) && self.is_known_in(facts);
            return is_missing.then_some((self.fact.as_str(), MISSING));
        }
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

    /// Whether a reference is known to differ: it does not have such a value, and its facts of that kind were read.
    pub fn is_absent_from(&self, reference: &IndexMap<String, String>) -> bool {
        match self.value {
            Value::Missing => reference.contains_key(&self.fact),
            _ => self.is_known_in(reference) && self.find(reference).is_none(),
        }
    }

    /// Whether facts of this kind were read: those with the same first word. A fact of one word is a kind of its own, and says nothing.
    fn is_known_in(&self, facts: &IndexMap<String, String>) -> bool {
        let Some((kind, _)) = self.fact.split_once('.') else { return true };
        facts.keys().any(|fact| fact.strip_prefix(kind).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The controls of a benchmark that ask for it.
    pub fn controls_of(&self, benchmark: &Benchmark) -> Vec<ControlId> {
        let numbers = self.controls.get(benchmark).into_iter().flatten();
        numbers.filter_map(|number| ControlId::new(benchmark, number).ok()).collect()
    }
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
    let (name, spec): (String, Spec) = document::read(text, "Setting")?;
    let Spec { title, harmful, takes, compensation, sources } = spec;
    Ok(Setting { name, title, harmful, takes, compensation, sources })
}

#[cfg(test)]
mod tests {
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
    fn what_a_host_lacks_is_missing_only_where_its_like_was_read() {
        let text = FORWARD
            .replace("firewall.nft.forward", "package.container-selinux")
            .replace("value: {starts: [drop]}", "value: missing");
        let setting = parse(&text).unwrap();
        let missing = &setting.harmful[0];
        let facts = |names: &[&str]| -> IndexMap<String, String> {
            names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect()
        };
        for (names, found) in [
            (&["package.runc"][..], Some(("package.container-selinux", MISSING))),
            (&["package.runc", "package.container-selinux"], None),
            (&["package.runc", "facts.cut"], None),
            (&["packages", "os.name"], None),
        ] {
            assert_eq!(missing.find(&facts(names)), found, "{names:?}");
        }
        assert!(missing.is_absent_from(&facts(&["package.container-selinux"])));
        assert!(!missing.is_absent_from(&facts(&["package.runc"])), "the reference lacks it too");
    }

    #[test]
    fn a_reference_differs_only_where_it_was_read() {
        let setting = parse(FORWARD).unwrap();
        let facts = |pairs: &[(&str, &str)]| -> IndexMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let forward = &setting.harmful[0];
        assert!(forward.is_absent_from(&facts(&[("firewall.iptables.FORWARD", "ACCEPT")])), "it has no nftables");
        assert!(!forward.is_absent_from(&facts(&[("os.name", "x")])), "its firewall was not read");
        assert!(!forward.is_absent_from(&facts(&[("firewall.nft.forward", "drop (inet filter forward)")])));
    }
}
