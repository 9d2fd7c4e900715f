//! The smallest set of settings that covers all cells.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::fit::Surety;

/// Cells that the same settings fit.
pub(super) struct Group {
    /// The settings that fit, with how well.
    pub(super) fits: Vec<(usize, Surety)>,
    /// Number of cells.
    pub(super) cells: usize,
}

/// Branches that the search may try. Far above what facts of nodes give rise to: a search that ends here takes the best set so far.
const LIMIT: usize = 200_000;

/// The smallest set of settings of which at least one fits each group; of several the one that fits most cells surely, then the one
/// with the lowest places.
pub(super) fn smallest(groups: &[Group]) -> BTreeSet<usize> {
    let groups = distinct(groups);
    let most = groups.iter().flat_map(|group| &group.fits).map(|(setting, _)| setting + 1).max().unwrap_or_default();
    let mut widths = vec![0_usize; most];
    groups.iter().flat_map(|group| &group.fits).for_each(|(setting, _)| widths[*setting] += 1);
    let widest = widths.into_iter().max().unwrap_or_default().max(1);
    let best = greedy(&groups);
    let is_chosen = vec![false; most];
    let mut search = Search { groups: &groups, sure: (0, 0, 0), best: Vec::new(), is_chosen, widest, tried: 0 };
    for setting in &best {
        search.is_chosen[*setting] = true;
    }
    search.sure = search.sure();
    search.is_chosen.fill(false);
    search.best = best.into_iter().collect();
    search.go_on(&mut Vec::new());
    search.best.into_iter().collect()
}

/// The groups without the settings that fit exactly the same cells, equally well, as a setting with a lower place:
/// the best set contains none of them.
fn distinct(groups: &[Group]) -> Vec<Group> {
    let mut fitted: BTreeMap<usize, Vec<(usize, Surety)>> = BTreeMap::new();
    for (at, group) in groups.iter().enumerate() {
        for (setting, surety) in &group.fits {
            fitted.entry(*setting).or_default().push((at, *surety));
        }
    }
    let mut seen = BTreeSet::new();
    let kept: BTreeSet<usize> =
        fitted.into_iter().filter(|(_, fits)| seen.insert(fits.clone())).map(|(at, _)| at).collect();
    let of = |group: &Group| Group {
        fits: group.fits.iter().filter(|(setting, _)| kept.contains(setting)).copied().collect(),
        cells: group.cells,
    };
    groups.iter().map(of).collect()
}

/// The number of cells by how well the best of a set fits them, the surest first.
type Sure = (usize, usize, usize);

struct Search<'a> {
    groups: &'a [Group],
    /// The best set so far, in order of places, and how well it fits.
    best: Vec<usize>,
    sure: Sure,
    /// By place, whether a setting is in the set that is tried.
    is_chosen: Vec<bool>,
    /// The most groups that one setting fits.
    widest: usize,
    tried: usize,
}

impl Search<'_> {
    /// Tries each setting that fits the open group with the fewest: one of them must be in the set.
    fn go_on(&mut self, chosen: &mut Vec<usize>) {
        self.tried += 1;
        let (mut open, mut fewest) = (0_usize, None::<&Group>);
        for group in self.groups {
            if group.fits.iter().any(|(setting, _)| self.is_chosen[*setting]) {
                continue;
            }
            open += 1;
            if fewest.is_none_or(|known| group.fits.len() < known.fits.len()) {
                fewest = Some(group);
            }
        }
        let Some(group) = fewest else {
            self.compare(chosen);
            return;
        };
        // No setting fits more of what is open than it fits in all.
        if chosen.len() + open.div_ceil(self.widest) > self.best.len() || self.tried > LIMIT {
            return;
        }
        for (setting, _) in &group.fits {
            chosen.push(*setting);
            self.is_chosen[*setting] = true;
            self.go_on(chosen);
            self.is_chosen[*setting] = false;
            chosen.pop();
        }
    }

    /// Takes the set that is tried if it is better: fewer settings, then more cells that fit surely, then lower places.
    fn compare(&mut self, chosen: &[usize]) {
        if chosen.len() > self.best.len() {
            return;
        }
        let sure = self.sure();
        let mut found = chosen.to_vec();
        found.sort_unstable();
        let order = (found.len(), Reverse(sure)).cmp(&(self.best.len(), Reverse(self.sure)));
        if order.then_with(|| found.cmp(&self.best)).is_lt() {
            (self.best, self.sure) = (found, sure);
        }
    }

    fn sure(&self) -> Sure {
        let mut sure = (0, 0, 0);
        for group in self.groups {
            let chosen = group.fits.iter().filter(|(setting, _)| self.is_chosen[*setting]);
            let Some(best) = chosen.map(|(_, how)| *how).max() else { continue };
            sure.0 += if best >= Surety::Surely { group.cells } else { 0 };
            sure.1 += if best >= Surety::Wholly { group.cells } else { 0 };
            sure.2 += if best >= Surety::Perhaps { group.cells } else { 0 };
        }
        sure
    }
}

/// Always the setting that fits most of what is still open: not always the smallest set, but a set.
fn greedy(groups: &[Group]) -> BTreeSet<usize> {
    let mut chosen = BTreeSet::new();
    let mut open: Vec<&Group> = groups.iter().filter(|group| !group.fits.is_empty()).collect();
    while !open.is_empty() {
        let all: BTreeSet<usize> =
            open.iter().flat_map(|group| group.fits.iter().map(|(setting, _)| *setting)).collect();
        let gain = |setting: &usize| {
            let fits = |group: &&&Group| group.fits.iter().any(|(fit, _)| fit == setting);
            open.iter().filter(fits).map(|group| group.cells).sum::<usize>()
        };
        let Some(next) = all.iter().rev().max_by_key(|setting| gain(setting)).copied() else { break };
        open.retain(|group| !group.fits.iter().any(|(setting, _)| *setting == next));
        chosen.insert(next);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group(cells: usize, fits: &[usize]) -> Group {
        Group { fits: fits.iter().map(|setting| (*setting, Surety::Perhaps)).collect(), cells }
    }

    #[test]
    fn the_smallest_set_is_found_where_the_greedy_one_is_not() {
        // The greedy choice takes 0, which fits most, and then needs two more.
        let groups = [
            group(1, &[0, 1]),
            group(1, &[0, 2]),
            group(1, &[0, 1]),
            group(1, &[0, 2]),
            group(1, &[1]),
            group(1, &[2]),
        ];
        assert_eq!(greedy(&groups).len(), 3);
        assert_eq!(smallest(&groups), BTreeSet::from([1, 2]));
        assert_eq!(smallest(&[]), BTreeSet::new());
    }

    #[test]
    fn of_equal_sets_the_surer_one_is_taken() {
        let sure = Group { fits: vec![(0, Surety::Perhaps), (1, Surety::Surely)], cells: 3 };
        assert_eq!(smallest(&[sure]), BTreeSet::from([1]));
        assert_eq!(smallest(&[group(3, &[4, 2])]), BTreeSet::from([2]));
    }

    /// The size of the smallest cover, by trying all subsets.
    fn least(groups: &[Group], settings: usize) -> usize {
        let covers = |set: &u32| groups.iter().all(|group| group.fits.iter().any(|(at, _)| set & (1 << at) != 0));
        (0..1_u32 << settings).filter(covers).map(|set| set.count_ones() as usize).min().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn every_group_is_covered_by_the_fewest_settings(
            sets in prop::collection::vec(prop::collection::btree_set(0_usize..9, 1..4), 0..12)
        ) {
            let groups: Vec<Group> = sets.iter().map(|set| group(1, &set.iter().copied().collect::<Vec<_>>())).collect();
            let found = smallest(&groups);
            for group in &groups {
                prop_assert!(group.fits.iter().any(|(setting, _)| found.contains(setting)));
            }
            prop_assert_eq!(found.len(), least(&groups, 9));
        }
    }
}
