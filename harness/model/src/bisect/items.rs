//! What differs between a node of the candidate and one of its reference, as settings that can be exchanged.

use indexmap::IndexMap;

use crate::name::{Benchmark, ControlId};
use crate::setting::{Change, Setting};

/// A setting that can be exchanged: one fact, or several that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The name of its file in `suites/settings`, if it has one.
    pub setting: Option<String>,
    /// What people call it: `nftables forward policy`; the name of the fact if it has no file.
    pub label: String,
    /// The controls of the candidate's benchmark that require it.
    pub controls: Vec<ControlId>,
    /// Its facts.
    pub facts: Vec<Exchanged>,
}

/// A fact with its values on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// The fact.
    pub fact: String,
    /// How it is changed.
    pub change: Change,
    /// Its value on the candidate; `None` if it has none.
    pub candidate: Option<String>,
    /// Its value on the reference; `None` if it has none.
    pub reference: Option<String>,
}

/// A fact that differs and is not exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfReach {
    /// The fact.
    pub fact: String,
    /// Its value on the candidate; `None` if it has none.
    pub candidate: Option<String>,
    /// Its value on the reference; `None` if it has none.
    pub reference: Option<String>,
    /// Why, as a clause.
    pub why: String,
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Items {
    /// What can be exchanged, the most suspected first.
    pub items: Vec<Item>,
    /// How many of them, from the first on, are suspected by what is known already.
    pub suspected: usize,
    /// What cannot, and why.
    pub out_of_reach: Vec<OutOfReach>,
}

type Facts = IndexMap<String, String>;

/// What differs between two hosts.
///
/// `suspects` are names of settings, the most suspected first. After them come the other settings that are known to break something, then
/// facts that no file knows: those can be culprits, too.
pub fn between(
    candidate: &Facts,
    reference: &Facts,
    settings: &[Setting],
    benchmark: Option<&Benchmark>,
    suspects: &[String],
) -> Items {
    let mut found: IndexMap<String, (usize, Item)> = IndexMap::new();
    let mut out_of_reach = Vec::new();
    let names = candidate.keys().chain(reference.keys().filter(|name| !candidate.contains_key(*name)));
    for fact in names {
        let (here, there) = (value_of(candidate, fact), value_of(reference, fact));
        if here == there || (is_forwarding(fact) && candidate.get(FORWARD) != reference.get(FORWARD)) {
            continue;
        }
        let known = settings.iter().find_map(|setting| {
            let harmful = setting.harmful.iter().find(|harmful| {
                let is_it = harmful.find(candidate).is_some_and(|(own, _)| own == fact) || harmful.fact == *fact;
                is_it && harmful.is_absent_from(reference) && harmful.find(candidate).is_some()
            })?;
            Some((setting, harmful))
        });
        let Some(change) = known.map(|(_, harmful)| harmful.change.clone()).or_else(|| Change::of_fact(fact)) else {
            continue;
        };
        let both_ways = change.exchange(fact, here, there).and(change.exchange(fact, there, here));
        let (candidate, reference) = (here.map(str::to_owned), there.map(str::to_owned));
        if let Err(why) = both_ways {
            out_of_reach.push(OutOfReach { fact: fact.clone(), candidate, reference, why });
            continue;
        }
        let exchanged = Exchanged { fact: fact.clone(), change, candidate, reference };
        let (key, rank, item) = match known {
            Some((setting, harmful)) => {
                let rank = suspects.iter().position(|name| *name == setting.name).unwrap_or(suspects.len());
                let controls = benchmark.map(|benchmark| harmful.controls_of(benchmark)).unwrap_or_default();
                let (name, label) = (setting.name.clone(), harmful.label.clone());
                let item = Item { setting: Some(name.clone()), label, controls, facts: Vec::new() };
                (name, rank, item)
            }
            None => {
                let family = family(fact);
                let item = Item { setting: None, label: fact.clone(), controls: Vec::new(), facts: Vec::new() };
                (family, suspects.len() + 1, item)
            }
        };
        found.entry(key).or_insert((rank, item)).1.facts.push(exchanged);
    }
    let mut found: Vec<(usize, Item)> = found.into_values().collect();
    found.sort_by_key(|(rank, _)| *rank);
    let suspected = found.iter().filter(|(rank, _)| *rank < suspects.len()).count();
    Items { items: found.into_iter().map(|(_, item)| item).collect(), suspected, out_of_reach }
}

/// The switch that lets a host forward packets. Setting it sets the same of all interfaces (kernel documentation, ip-sysctl).
const FORWARD: &str = "sysctl.net.ipv4.ip_forward";

/// Whether a fact is that switch under another name.
fn is_forwarding(fact: &str) -> bool {
    fact.starts_with("sysctl.net.ipv4.conf.") && fact.ends_with(".forwarding")
}

/// The value of a fact. A hook of nftables that a host has no chain for accepts.
pub(crate) fn value_of<'a>(facts: &'a Facts, fact: &str) -> Option<&'a str> {
    let is_hook = || fact.starts_with("firewall.nft.") && Change::of_fact(fact).is_some();
    facts.get(fact).map(String::as_str).or_else(|| is_hook().then_some("accept"))
}

/// The name of a fact without the interface that it is about: what hardening sets on all interfaces is one setting.
fn family(fact: &str) -> String {
    for group in ["sysctl.net.ipv4.conf.", "sysctl.net.ipv6.conf.", "sysctl.net.ipv4.neigh.", "sysctl.net.ipv6.neigh."]
    {
        if let Some((_, setting)) = fact.strip_prefix(group).and_then(|rest| rest.rsplit_once('.')) {
            return format!("{group}*.{setting}");
        }
    }
    fact.to_owned()
}

impl Item {
    /// Its name in sentences: `nftables forward policy (3.4.2.7)`.
    pub fn headline(&self) -> String {
        let numbers: Vec<&str> = self.controls.iter().map(ControlId::number).collect();
        if numbers.is_empty() { self.label.clone() } else { format!("{} ({})", self.label, numbers.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting;

    fn facts(pairs: &[(&str, &str)]) -> Facts {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn forward() -> Setting {
        setting::parse(
            r#"
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
    - fact: sysctl.net.ipv4.ip_forward
      label: net.ipv4.ip_forward
      value: {is: ["0"]}
      change: sysctl
  takes: [{capabilities: [pod-network], extent: all}]
  sources: [measured]
"#,
        )
        .unwrap()
    }

    #[test]
    fn what_is_suspected_comes_first_and_what_no_file_knows_is_there_too() {
        let candidate = facts(&[
            ("sysctl.vm.swappiness", "10"),
            ("firewall.nft.forward", "drop (inet filter forward)"),
            ("sysctl.net.ipv4.conf.all.log_martians", "1"),
            ("sysctl.net.ipv4.conf.default.log_martians", "1"),
            ("sysctl.net.ipv4.ip_forward", "1"),
            ("package.runc", "1.2"),
            ("audit.enabled", "2"),
        ]);
        let reference = facts(&[
            ("sysctl.vm.swappiness", "60"),
            ("firewall.nft.input", "accept"),
            ("sysctl.net.ipv4.conf.all.log_martians", "0"),
            ("sysctl.net.ipv4.conf.default.log_martians", "0"),
            ("sysctl.net.ipv4.ip_forward", "1"),
            ("package.runc", "1.3"),
            ("audit.enabled", "1"),
        ]);
        let benchmark: Benchmark = "cis-al2023-1.0.0".parse().unwrap();
        let found = between(&candidate, &reference, &[forward()], Some(&benchmark), &["forward".to_owned()]);
        let names: Vec<String> = found.items.iter().map(Item::headline).collect();
        assert_eq!(
            names,
            ["nftables forward policy (3.4.2.7)", "sysctl.vm.swappiness", "sysctl.net.ipv4.conf.all.log_martians"]
        );
        assert_eq!(found.suspected, 1);
        assert_eq!(found.items[2].facts.len(), 2, "one setting for all interfaces");
        let left: Vec<(&str, &str)> =
            found.out_of_reach.iter().map(|one| (one.fact.as_str(), one.why.as_str())).collect();
        assert_eq!(left, [("audit.enabled", "rules are locked until the next boot")]);
        let unsuspected = between(&candidate, &reference, &[forward()], Some(&benchmark), &[]);
        assert_eq!((unsuspected.suspected, unsuspected.items[0].setting.as_deref()), (0, Some("forward")));
    }

    #[test]
    fn hosts_that_are_alike_differ_in_nothing() {
        let host = facts(&[("sysctl.vm.swappiness", "10")]);
        assert_eq!(between(&host, &host, &[forward()], None, &[]), Items::default());
    }
}
