//! Whether a changed setting fits a failed cell, and what speaks against it.

use std::collections::BTreeMap;

use crate::capability::Capability;
use crate::name::CheckId;
use crate::report::NodeRecord;
use crate::report::result::CheckResult;
use crate::setting::{Effect, Extent, Harmful, Setting};
use crate::verdict::Outcome;

/// Capabilities as a set: one bit each.
pub(super) type Capabilities = u64;

/// How well a setting fits a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Surety {
    /// It takes away in part what otherwise works.
    InPart,
    /// It may take away what nothing else shows to work, or a part of that.
    Perhaps,
    /// It takes away all of that, or nothing; more checks fail because of it than pass in spite of it.
    Mostly,
    /// It takes away all of that, or nothing.
    Wholly,
    /// It takes away what the cell exercises.
    Surely,
}

impl Surety {
    pub(super) fn is_strong(self) -> bool {
        self > Self::InPart
    }
}

/// A changed setting that nothing refutes.
pub(super) struct Alive {
    /// Its position among the changed settings.
    pub(super) setting: usize,
    /// Its effects that nothing refutes, by position, and whether checks passed in spite of them that the failures
    /// outnumber.
    pub(super) effects: Vec<(usize, bool)>,
    /// What is known to work on a node with it.
    pub(super) works: Capabilities,
}

/// A setting that fits a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fit {
    /// Its position among the changed settings.
    pub(super) setting: usize,
    pub(super) surety: Surety,
}

/// A setting that nodes of the variant have and the reference has not.
pub(super) struct Changed<'a> {
    pub(super) setting: &'a Setting,
    pub(super) harmful: &'a Harmful,
    /// The nodes that have it, by position.
    pub(super) nodes: Vec<usize>,
    fact: &'a str,
    value: &'a str,
    /// All facts by which such a node has it.
    facts: Vec<&'a str>,
    /// The effects whose conditions hold on such a node, by position, with their capabilities.
    effects: Vec<(usize, Capabilities)>,
}

impl<'a> Changed<'a> {
    pub(super) fn of(setting: &'a Setting, nodes: &'a [NodeRecord], twins: &[NodeRecord]) -> Option<Self> {
        // One reference node without facts says nothing; one with the value, that it is nothing new.
        let is_new = |harmful: &&Harmful| {
            twins.iter().all(|twin| twin.facts.is_empty() || harmful.find(&twin.facts).is_none())
                && twins.iter().any(|twin| harmful.is_absent_from(&twin.facts))
        };
        // Most values are on no node, which is cheap to see.
        let is_there = |harmful: &&Harmful| nodes.iter().any(|node| harmful.find(&node.facts).is_some());
        let candidates: Vec<&'a Harmful> = setting.harmful.iter().filter(is_there).filter(is_new).collect();
        let found =
            |node: &'a NodeRecord| candidates.iter().find_map(|harmful| Some((*harmful, harmful.find(&node.facts)?)));
        let having: Vec<usize> =
            nodes.iter().enumerate().filter(|(_, node)| found(node).is_some()).map(|(at, _)| at).collect();
        let first = nodes.get(*having.first()?)?;
        let (harmful, (fact, value)) = found(first)?;
        let facts: Vec<&str> =
            candidates.iter().filter_map(|harmful| harmful.find(&first.facts)).map(|(fact, _)| fact).collect();
        let holds = |effect: &Effect| {
            effect
                .when
                .iter()
                .all(|condition| first.facts.get(&condition.fact).is_some_and(|value| condition.value.matches(value)))
        };
        let effects = setting.takes.iter().enumerate().filter(|(_, effect)| holds(effect));
        let effects: Vec<(usize, Capabilities)> =
            effects.map(|(at, effect)| (at, bits(&effect.capabilities))).collect();
        (!effects.is_empty()).then_some(Self { setting, harmful, nodes: having, fact, value, facts, effects })
    }

    pub(super) fn quoted(&self) -> (&'a str, &'a str) {
        (self.fact, self.value)
    }

    /// Whether findings of a cell are about one of its facts: `node 1, kernel.panic` about `sysctl.kernel.panic`.
    pub(super) fn is_meant_by(&self, cell: &Cell<'_>) -> bool {
        let is_about = |fact: &str, thing: &str| {
            fact.strip_suffix(thing).is_some_and(|head| head.is_empty() || head.ends_with('.'))
        };
        self.facts.iter().any(|fact| cell.things.iter().any(|thing| is_about(fact, thing)))
    }

    pub(super) fn effects(&self) -> impl Iterator<Item = (usize, (&'a Effect, Capabilities))> {
        self.effects.iter().filter_map(|(at, bits)| Some((*at, (self.setting.takes.get(*at)?, *bits))))
    }

    pub(super) fn effect(&self, wanted: usize) -> Option<(&'a Effect, Capabilities)> {
        self.effects().find(|(at, _)| *at == wanted).map(|(_, effect)| effect)
    }

    pub(super) fn indices(&self, nodes: &[NodeRecord]) -> Vec<u32> {
        self.nodes.iter().filter_map(|at| nodes.get(*at)).map(|node| node.index).collect()
    }
}

/// What passed, by what it exercises.
pub(super) struct Working<'a> {
    passed: Vec<(&'a CheckId, Capabilities, Option<Vec<usize>>)>,
    /// By capability, the nodes on which something that exercises it passed.
    nodes: BTreeMap<u32, Vec<usize>>,
    all: Vec<usize>,
}

impl<'a> Working<'a> {
    pub(super) fn of(passed: &[&'a CheckResult], nodes: &[NodeRecord]) -> Self {
        let all: Vec<usize> = (0..nodes.len()).collect();
        let mut known = Self { passed: Vec::new(), nodes: BTreeMap::new(), all };
        for result in passed {
            let bits = exercised(result);
            let on = ran_on(result, nodes);
            for bit in (0..u64::BITS).filter(|bit| bits & (1 << bit) != 0) {
                let seen = known.nodes.entry(bit).or_default();
                seen.extend(on.as_ref().unwrap_or(&known.all));
                seen.sort_unstable();
                seen.dedup();
            }
            known.passed.push((&result.check, bits, on));
        }
        known
    }

    /// The checks that passed although they need what an effect takes away completely. Traffic that may not have left
    /// the node says nothing about packets that leave it.
    pub(super) fn refuting(&self, (effect, bits): (&Effect, Capabilities), changed: &Changed<'_>) -> Vec<&'a CheckId> {
        if effect.extent <= Extent::Some {
            return Vec::new();
        }
        let bits = bits & !unseen(bits);
        let needs = |(check, own, on): &&(&'a CheckId, Capabilities, Option<Vec<usize>>)| {
            (own & bits != 0 || is_named(effect, check)) && self.was_on(on.as_deref(), changed)
        };
        self.passed.iter().filter(needs).map(|(check, ..)| *check).collect()
    }

    /// Whether what passed on these nodes passed on one with the setting. Where it ran is not always known; then it is one only if all have it.
    fn was_on(&self, on: Option<&[usize]>, changed: &Changed<'_>) -> bool {
        match on {
            Some(on) => on.iter().any(|node| changed.nodes.contains(node)),
            None => changed.nodes.len() == self.all.len(),
        }
    }

    /// The capabilities that something showed to work on a node with the setting.
    pub(super) fn on(&self, changed: &Changed<'_>) -> Capabilities {
        let works = self.nodes.iter().filter(|(_, nodes)| nodes.iter().any(|node| changed.nodes.contains(node)));
        works.fold(0, |bits, (bit, _)| bits | 1 << bit)
    }

    /// The checks that passed although they exercise what the setting takes away in part, or takes away completely
    /// according to a majority of failures.
    pub(super) fn against(&self, changed: &Changed<'_>, doubted: &[usize]) -> Vec<CheckId> {
        let parts = changed.effects().filter(|(at, (effect, _))| effect.extent <= Extent::Some || doubted.contains(at));
        let bits = parts.fold(0, |all, (_, (_, bits))| all | bits);
        let passed = self.passed.iter().filter(|(_, own, on)| own & bits != 0 && self.was_on(on.as_deref(), changed));
        passed.map(|(check, ..)| (*check).clone()).collect()
    }
}

/// A failed cell.
pub(super) struct Cell<'a> {
    check: &'a CheckId,
    bits: Capabilities,
    /// The nodes that it failed on, as far as its findings and placements tell.
    on: Option<Vec<usize>>,
    /// What its findings are about on a node.
    things: Vec<&'a str>,
}

impl<'a> Cell<'a> {
    pub(super) fn of(result: &'a CheckResult, nodes: &[NodeRecord]) -> Self {
        let things = match &result.outcome {
            Outcome::Fail { findings } => findings.iter().filter_map(|finding| thing(&finding.resource)).collect(),
            _ => Vec::new(),
        };
        Self { check: &result.check, bits: exercised(result), on: ran_on(result, nodes), things }
    }

    /// How well an effect of a changed setting fits, where these capabilities are known to work on a node with it; `None` if it does not.
    pub(super) fn surety(
        &self,
        (effect, bits): (&Effect, Capabilities),
        changed: &Changed<'_>,
        works: Capabilities,
        is_doubted: bool,
    ) -> Option<Surety> {
        if self.on.as_ref().is_some_and(|on| !on.iter().any(|node| changed.nodes.contains(node))) {
            return None;
        }
        let shared = self.bits & bits;
        let works = if effect.extent > Extent::Some { works & !unseen(bits) } else { works };
        let (is_named, is_silent) = (is_named(effect, self.check), shared & !works != 0);
        match effect.extent {
            _ if is_doubted => (is_named || shared != 0).then_some(Surety::Mostly),
            Extent::All if shared != 0 || is_named => Some(Surety::Surely),
            Extent::All | Extent::AllOrNothing => (is_named || is_silent).then_some(Surety::Wholly),
            Extent::Some if is_named || is_silent => Some(Surety::Perhaps),
            Extent::Part if shared & works == 0 => is_named.then_some(Surety::Perhaps),
            Extent::Part | Extent::Some => (is_named || shared != 0).then_some(Surety::InPart),
        }
    }
}

impl Cell<'_> {
    /// Whether it is one of those that an effect of a changed setting would break.
    pub(super) fn is_hit_by(&self, (effect, bits): (&Effect, Capabilities), changed: &Changed<'_>) -> bool {
        let is_there = self.on.as_ref().is_none_or(|on| on.iter().any(|node| changed.nodes.contains(node)));
        is_there && (self.bits & bits != 0 || is_named(effect, self.check))
    }
}

/// What a resource is about on a node: `kernel.panic` of `node 1, kernel.panic`.
fn thing(resource: &str) -> Option<&str> {
    resource.strip_prefix("node ")?.split_once(", ").map(|(_, thing)| thing)
}

/// Whether an effect names a check, its suite, or what it is part of.
fn is_named(effect: &Effect, check: &CheckId) -> bool {
    let check = check.as_str();
    let names =
        |name: &String| check.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    effect.checks.iter().any(names)
}

/// What a pass does not show about an effect with these capabilities. A name may be resolved, and a Service may answer, from a pod of the
/// node itself (CoreDNS runs on any node), while no packet leaves the node: only where an effect is about something else than packets
/// between nodes does such a pass speak against it.
fn unseen(effect: Capabilities) -> Capabilities {
    if effect & bits(&[Capability::PodNetwork]) == 0 {
        return 0;
    }
    bits(&[Capability::ClusterDns, Capability::ServiceVip])
}

fn bits(capabilities: &[Capability]) -> Capabilities {
    capabilities.iter().fold(0, |bits, capability| bits | 1 << (*capability as u32))
}

fn exercised(result: &CheckResult) -> Capabilities {
    let known = Capability::ALL.iter().filter(|known| result.exercises.iter().any(|word| word == known.as_str()));
    known.fold(0, |bits, capability| bits | 1 << (*capability as u32))
}

/// The nodes that a result is about, by position; `None` if it does not say.
fn ran_on(result: &CheckResult, nodes: &[NodeRecord]) -> Option<Vec<usize>> {
    let named = |name: &str| nodes.iter().position(|node| node.name == name);
    if let Outcome::Fail { findings } = &result.outcome {
        let of = |resource: &str| {
            let index = resource.strip_prefix("node ")?.split(',').next()?.trim().parse::<u32>().ok()?;
            nodes.iter().position(|node| node.index == index)
        };
        let found: Vec<usize> = findings.iter().filter_map(|finding| of(&finding.resource)).collect();
        if !found.is_empty() {
            return Some(found);
        }
    }
    let ends = result.traffic.iter().filter(|pair| !pair.ok).flat_map(|pair| [&pair.from, &pair.to]);
    let names =
        result.placements.iter().map(|placement| placement.node.as_str()).chain(ends.map(|end| end.node.as_str()));
    let mut found: Vec<usize> = names.filter_map(named).collect();
    found.sort_unstable();
    found.dedup();
    (!found.is_empty()).then_some(found)
}
