//! What each control changes on a node, and which checks could notice.

use indexmap::IndexMap;

use crate::bisect::items::{Exchanged, Item, value_of};
use crate::controls::{Controls, Demand, Entry, Requirement};
use crate::name::{CheckId, Level};
use crate::report::impact::SettingRecord;
use crate::setting::{Change, Setting};

type Facts = IndexMap<String, String>;

/// One control on one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'a> {
    /// The control.
    pub entry: &'a Entry,
    /// Its settings, with what the node has and what the control requires.
    pub settings: Vec<SettingRecord>,
    /// How the node is made to meet it.
    pub way: Way,
}

/// How a node is made to meet a control.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// By giving it other values. Its `candidate` values are those that the control requires.
    Set(Item),
    /// It meets it as it is.
    AsItIs,
    /// Not at all while it runs, and why.
    Cannot(String),
}

/// What the controls of a benchmark, up to a level, change on a node with these facts.
pub fn rows<'a>(controls: &'a Controls, level: Level, facts: &Facts) -> Vec<Row<'a>> {
    controls.entries.iter().filter(|entry| entry.level <= level).map(|entry| row(entry, facts)).collect()
}

fn row<'a>(entry: &'a Entry, facts: &Facts) -> Row<'a> {
    let set = match &entry.demand {
        Demand::Cannot(why) => return Row { entry, settings: Vec::new(), way: Way::Cannot(why.clone()) },
        Demand::Set(set) => set,
    };
    let mut item =
        Item { setting: None, label: entry.title.clone(), controls: entry.controls.clone(), facts: Vec::new() };
    let mut settings = Vec::new();
    let mut reasons: Vec<String> = Vec::new();
    for (fact, requirement) in set {
        let own = value_of(facts, fact);
        let mut record = SettingRecord {
            fact: fact.clone(),
            own: own.map(str::to_owned),
            required: requirement.example(),
            not_set: None,
        };
        match exchanged(fact, own, requirement) {
            Ok(Some(exchanged)) => {
                record.required = exchanged.candidate.clone().unwrap_or_default();
                item.facts.push(exchanged);
            }
            Ok(None) => record.required = own.map_or_else(|| requirement.example(), str::to_owned),
            Err(why) => {
                reasons.push(why.clone());
                record.not_set = Some(why);
            }
        }
        settings.push(record);
    }
    let way = match (item.facts.is_empty(), reasons.into_iter().next()) {
        (false, _) => Way::Set(item),
        (true, Some(why)) => Way::Cannot(why),
        (true, None) => Way::AsItIs,
    };
    Row { entry, settings, way }
}

/// How a fact gets the value that is required; `None` if it has it.
fn exchanged(fact: &str, own: Option<&str>, required: &Requirement) -> Result<Option<Exchanged>, String> {
    let change = Change::of_fact(fact).ok_or_else(|| format!("amiproof does not know how to change {fact}"))?;
    let wanted = match required.is_met(fact, own) {
        Some(true) => return Ok(None),
        None => return Err("the host does not have it".to_owned()),
        Some(false) => own.and_then(|own| required.instead_of(own)).unwrap_or_else(|| required.example()),
    };
    change.exchange(fact, own, Some(&wanted)).and(change.exchange(fact, Some(&wanted), own))?;
    Ok(Some(Exchanged { fact: fact.to_owned(), change, candidate: Some(wanted), reference: own.map(str::to_owned) }))
}

/// Whether a check could fail on a node that meets a control: a setting with such a value is known to take away what it needs, or the check
/// itself. `exercises` is what a workload needs from its node.
pub fn notices(entry: &Entry, settings: &[Setting], check: &CheckId, exercises: &[String]) -> bool {
    let Demand::Set(set) = &entry.demand else { return false };
    let host: Facts = set.iter().map(|(fact, requirement)| (fact.clone(), requirement.example())).collect();
    let takes = |setting: &&Setting| setting.harmful.iter().any(|harmful| harmful.find(&host).is_some());
    settings.iter().filter(takes).any(|setting| setting.could_break(check, exercises))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Capability;
    use crate::name::Benchmark;
    use crate::setting;

    fn facts(pairs: &[(&str, &str)]) -> Facts {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn controls(set: &[(&str, Requirement)]) -> Controls {
        let benchmark: Benchmark = "cis-al2023-1.0.0".parse().unwrap();
        let entry = Entry {
            controls: vec![crate::name::ControlId::new(&benchmark, "3.4.2.7").unwrap()],
            part: None,
            title: "forwarded packets are dropped".to_owned(),
            level: Level::Two,
            demand: Demand::Set(
                set.iter().map(|(fact, requirement)| ((*fact).to_owned(), requirement.clone())).collect(),
            ),
        };
        Controls { benchmark, entries: vec![entry], sources: Vec::new() }
    }

    fn is(value: &str) -> Requirement {
        Requirement::Is(value.to_owned())
    }

    #[test]
    fn what_a_node_has_decides_what_a_control_takes() {
        let node = facts(&[
            ("sysctl.net.ipv4.ip_forward", "1"),
            ("sysctl.kernel.yama.ptrace_scope", "1"),
            ("mount./tmp", "tmpfs rw,nosuid"),
            ("service.rsyslog", "enabled active"),
            ("firewall.nft.input", "accept"),
            ("file./var/log/messages", "0600 root:root"),
            ("module.sctp", "loaded"),
        ]);
        for (fact, requirement, way) in [
            ("sysctl.net.ipv4.ip_forward", is("0"), "set 0"),
            ("sysctl.kernel.yama.ptrace_scope", is("1"), "as it is"),
            ("sysctl.net.ipv6.conf.all.accept_ra", is("0"), "cannot: the host does not have it"),
            ("mount./tmp", Requirement::Adds { adds: vec!["noexec".to_owned()] }, "set noexec,tmpfs rw,nosuid"),
            ("mount./home", Requirement::Adds { adds: vec!["nodev".to_owned()] }, "cannot: the host does not have it"),
            ("service.rpcbind", is("disabled inactive"), "as it is"),
            ("service.rsyslog", is("disabled inactive"), "set disabled inactive"),
            ("firewall.nft.forward", is("drop (inet filter forward)"), "set drop (inet filter forward)"),
            (
                "firewall.nft.output",
                is("drop (inet filter output)"),
                "cannot: the host would become unreachable, so the setting could not be put back",
            ),
            ("file./var/log/messages", Requirement::Mode { mode: "0640".to_owned() }, "as it is"),
            ("module.squashfs", is("blocked"), "set blocked"),
            ("module.sctp", is("blocked"), "set blocked"),
            ("bootloader.password", is("set"), "cannot: amiproof does not know how to change bootloader.password"),
        ] {
            let controls = controls(&[(fact, requirement)]);
            let found = match &rows(&controls, Level::Two, &node)[0].way {
                Way::Set(item) => format!("set {}", item.facts[0].candidate.clone().unwrap()),
                Way::AsItIs => "as it is".to_owned(),
                Way::Cannot(why) => format!("cannot: {why}"),
            };
            assert_eq!(found, way, "{fact}");
        }
        let both =
            controls(&[("sysctl.net.ipv4.ip_forward", is("0")), ("sysctl.net.ipv6.conf.all.forwarding", is("0"))]);
        let all = rows(&both, Level::Two, &node);
        assert!(matches!(&all[0].way, Way::Set(item) if item.facts.len() == 1));
        assert_eq!(all[0].settings[1].not_set.as_deref(), Some("the host does not have it"));
        assert!(rows(&both, Level::One, &node).is_empty());
    }

    #[test]
    fn a_check_notices_what_takes_away_what_it_needs() {
        let setting = setting::parse(
            "apiVersion: amiproof/v1\nkind: Setting\nmetadata: {name: a}\nspec:\n  title: t\n  harmful:\n    - {fact: firewall.nft.forward, \
             label: l, value: {starts: [drop]}, change: nft-policy}\n  takes:\n    - {capabilities: [pod-network, kubelet-api], checks: \
             [addon/x], extent: all}\n  sources: [s]\n",
        )
        .unwrap();
        let controls = controls(&[("firewall.nft.forward", is("drop (inet filter forward)"))]);
        let does = |check: &str, exercises: &[Capability]| {
            let exercises: Vec<String> = exercises.iter().map(|one| one.as_str().to_owned()).collect();
            notices(&controls.entries[0], std::slice::from_ref(&setting), &check.parse().unwrap(), &exercises)
        };
        assert!(does("workload/a", &[Capability::PodNetwork]));
        assert!(!does("workload/a", &[Capability::NonRoot]));
        assert!(does("addon/x", &[]));
        assert!(does("kubelet-path/logs", &[]));
        assert!(!does("node/clock", &[]));
    }
}
