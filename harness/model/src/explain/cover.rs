//! The smallest set of settings that covers all cells.

use std::collections::BTreeSet;

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
    let mut search = Search { groups, best: greedy(groups), tried: 0 };
    let mut chosen = Vec::new();
    search.go_on(&mut chosen);
    search.best
}

struct Search<'a> {
    groups: &'a [Group],
    best: BTreeSet<usize>,
    tried: usize,
}

impl Search<'_> {
    /// Tries each setting that fits the open group with the fewest: one of them must be in the set.
    fn go_on(&mut self, chosen: &mut Vec<usize>) {
        self.tried += 1;
        let open = self.groups.iter().filter(|group| !group.fits.iter().any(|(setting, _)| chosen.contains(setting)));
        let Some(group) = open.min_by_key(|group| group.fits.len()) else {
            let found: BTreeSet<usize> = chosen.iter().copied().collect();
            if is_better(&found, &self.best, self.groups) {
                self.best = found;
            }
            return;
        };
        if chosen.len() >= self.best.len() || self.tried > LIMIT {
            return;
        }
        for (setting, _) in &group.fits {
            chosen.push(*setting);
            self.go_on(chosen);
            chosen.pop();
        }
    }
}

/// Fewer settings, then more cells that fit surely, then lower places.
fn is_better(one: &BTreeSet<usize>, other: &BTreeSet<usize>, groups: &[Group]) -> bool {
    let key = |set: &BTreeSet<usize>| (set.len(), std::cmp::Reverse(sure(set, groups)));
    key(one).cmp(&key(other)).then_with(|| one.cmp(other)).is_lt()
}

/// The number of cells by how well the best of a set fits them, the surest first.
fn sure(set: &BTreeSet<usize>, groups: &[Group]) -> (usize, usize, usize) {
    let best =
        |group: &Group| group.fits.iter().filter(|(setting, _)| set.contains(setting)).map(|(_, how)| *how).max();
    let with = |least: Surety| groups.iter().filter(|group| best(group) >= Some(least)).map(|group| group.cells).sum();
    (with(Surety::Surely), with(Surety::Wholly), with(Surety::Perhaps))
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
