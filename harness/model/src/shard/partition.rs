//! Which shard tests which variant.

use std::collections::BTreeMap;

use crate::matrix::Variant;

/// What decides where a variant is tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its reference.
    pub reference: Option<&'a str>,
    /// The expected work: the number of its nodes, as far as the matrix says it; at least 1.
    pub nodes: u32,
    /// Whether the run creates its nodes.
    pub is_made: bool,
    /// Whether it is a Linux variant.
    pub is_linux: bool,
    /// Whether it is hardened.
    pub is_hardened: bool,
}

impl<'a> From<&'a Variant> for Work<'a> {
    fn from(variant: &'a Variant) -> Self {
        Self {
            name: variant.name.as_str(),
            reference: variant.reference.as_ref().map(|name| name.as_str()),
            nodes: variant.made().map_or(1, |made| made.count).max(1),
            is_made: variant.made().is_some(),
            is_linux: variant.family.is_linux(),
            is_hardened: variant.hardening.is_some(),
        }
    }
}

/// Variants that stay together.
struct Unit {
    /// Where they are in the list.
    members: Vec<usize>,
    nodes: u64,
    /// The first of their names in alphabetical order.
    name: String,
}

/// The number of the shard that tests each variant, from 1 to `count`, by position. It depends on the variants and not on their order.
///
/// Variants whose reference is created stay with it, because its nodes would have to be created once per shard otherwise; so do all Windows
/// variants whose nodes are created, because one access entry admits them. The rest is spread by expected work: the largest first, each
/// to the shard with the least. The first shard, which checks the cluster as a whole, has a stock Linux image, if there is one.
pub fn partition(work: &[Work<'_>], count: u32) -> Vec<u32> {
    let mut units = units(work);
    units.sort_by(|one, other| other.nodes.cmp(&one.nodes).then_with(|| one.name.cmp(&other.name)));
    let stock = |work: &&Work<'_>| work.is_linux && !work.is_hardened;
    let first = work.iter().filter(stock).map(|work| work.name).min();
    let first = first.or_else(|| work.iter().filter(|work| work.is_linux).map(|work| work.name).min());
    let is_first = |unit: &Unit| unit.members.iter().any(|at| work.get(*at).map(|work| work.name) == first);
    if let Some(at) = units.iter().position(is_first) {
        let unit = units.remove(at);
        units.insert(0, unit);
    }
    let mut loads: Vec<u64> = vec![0; usize::try_from(count.max(1)).unwrap_or(1)];
    let mut shards = vec![1; work.len()];
    for unit in units {
        let Some((least, load)) = loads.iter_mut().enumerate().min_by_key(|(at, load)| (**load, *at)) else { break };
        *load += unit.nodes;
        let number = u32::try_from(least + 1).unwrap_or(u32::MAX);
        for member in unit.members {
            if let Some(shard) = shards.get_mut(member) {
                *shard = number;
            }
        }
    }
    shards
}

/// The variants by what keeps them together.
fn units(work: &[Work<'_>]) -> Vec<Unit> {
    let places: BTreeMap<&str, usize> = work.iter().enumerate().map(|(at, work)| (work.name, at)).collect();
    // Each variant begins as a unit of its own, named by its place; units that belong together get the lesser name.
    let mut names: Vec<usize> = (0..work.len()).collect();
    let mut join = |one: usize, other: usize| {
        let of = |at: usize| names.get(at).copied().unwrap_or(at);
        let (least, most) = (of(one).min(of(other)), of(one).max(of(other)));
        names.iter_mut().filter(|name| **name == most).for_each(|name| *name = least);
    };
    let is_made = |at: usize| work.get(at).is_some_and(|work| work.is_made);
    let mut windows: Option<usize> = None;
    for (at, own) in work.iter().enumerate() {
        if let Some(reference) = own.reference.and_then(|name| places.get(name).copied()).filter(|at| is_made(*at)) {
            join(at, reference);
        }
        if own.is_made && !own.is_linux {
            join(*windows.get_or_insert(at), at);
        }
    }
    let mut units: BTreeMap<usize, Unit> = BTreeMap::new();
    for ((at, own), name) in work.iter().enumerate().zip(names) {
        let new = || Unit { members: Vec::new(), nodes: 0, name: own.name.to_owned() };
        let unit = units.entry(name).or_insert_with(new);
        unit.members.push(at);
        unit.nodes += u64::from(own.nodes.max(1));
        if own.name < unit.name.as_str() {
            unit.name = own.name.to_owned();
        }
    }
    units.into_values().collect()
}
