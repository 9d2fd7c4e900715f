//! Covering arrays: few trials in which every two of many settings meet in every way.

use std::collections::BTreeSet;

/// Trials that cover all pairs of `settings`: for every two of them there is one in which both are set, and for each of the two one in which
/// only it is set. (Neither is set where nothing is.) Their number grows with the logarithm of that of the settings.
///
/// Settings become different subsets of `2k - 1` trials, each of `k`: two of those always share a trial, and neither contains the other
/// (Katona 1973, Kleitman and Spencer 1973).
pub fn covering(settings: usize) -> Vec<BTreeSet<usize>> {
    let Some(half) = (1_usize..).find(|half| binomial(2 * half - 1, *half) >= settings).filter(|_| settings > 1) else {
        return Vec::new();
    };
    let mut trials = vec![BTreeSet::new(); 2 * half - 1];
    let mut chosen: Vec<usize> = (0..half).collect();
    for setting in 0..settings {
        for trial in &chosen {
            if let Some(trial) = trials.get_mut(*trial) {
                trial.insert(setting);
            }
        }
        advance(&mut chosen, 2 * half - 1);
    }
    trials
}

/// The next subset in lexicographic order of the same size below `all`.
fn advance(chosen: &mut [usize], all: usize) {
    let size = chosen.len();
    let Some(at) = (0..size).rev().find(|at| chosen.get(*at).is_some_and(|own| *own < all - size + at)) else { return };
    let first = chosen.get(at).copied().unwrap_or_default() + 1;
    for (offset, one) in chosen.iter_mut().skip(at).enumerate() {
        *one = first + offset;
    }
}

/// The number of subsets of `size` among `all`, as far as it matters here.
fn binomial(all: usize, size: usize) -> usize {
    (0..size).fold(1, |product: usize, at| product.saturating_mul(all - at) / (at + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_two_settings_meet_in_every_way(settings in 2_usize..200) {
            let trials = covering(settings);
            for one in 0..settings {
                for other in 0..one {
                    let has = |first: bool, second: bool| {
                        trials.iter().any(|trial| trial.contains(&one) == first && trial.contains(&other) == second)
                    };
                    prop_assert!(has(true, true) && has(true, false) && has(false, true), "{one} {other}");
                }
            }
        }
    }

    #[test]
    fn few_trials_are_enough_for_many_settings() {
        let sizes: Vec<usize> = [0, 1, 2, 10, 35, 60, 126, 250, 462].map(|settings| covering(settings).len()).to_vec();
        assert_eq!(sizes, [0, 0, 3, 5, 7, 9, 9, 11, 11]);
    }
}
