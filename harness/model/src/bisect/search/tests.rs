use proptest::prelude::*;

use super::*;

const ENOUGH: Limits = Limits { runs: 1000 };

fn set(items: &[usize]) -> BTreeSet<usize> {
    items.iter().copied().collect()
}

/// A world in which a check fails where all settings of any of `breaks` have the values of the candidate.
struct World {
    items: usize,
    breaks: Vec<BTreeSet<usize>>,
}

impl World {
    fn new(items: usize, breaks: &[&[usize]]) -> Self {
        Self { items, breaks: breaks.iter().map(|one| set(one)).collect() }
    }

    fn answer(&self, trial: &Trial) -> Answer {
        let has = |item: &usize| match trial.side {
            Side::Candidate => !trial.exchanged.contains(item),
            Side::Reference => trial.exchanged.contains(item),
        };
        if self.breaks.iter().any(|one| one.iter().all(has)) { Answer::Fails } else { Answer::Passes }
    }

    /// Searches to the end; the answers go through `noise` first, which knows how many there were.
    fn searched_with(
        &self,
        suspected: usize,
        limits: Limits,
        mut noise: impl FnMut(usize, &Trial, Answer) -> Answer,
    ) -> (End, History) {
        let mut history = History::default();
        loop {
            match next(self.items, suspected, &history, limits) {
                Step::End(end) => return (end, history),
                Step::Run(trial) => {
                    let answer = noise(history.runs(), &trial, self.answer(&trial));
                    history.add(trial, answer);
                }
            }
        }
    }

    fn searched(&self, suspected: usize) -> (End, usize) {
        let (end, history) = self.searched_with(suspected, ENOUGH, |_, _, answer| answer);
        (end, history.runs())
    }
}

fn proven(necessary: &[usize], sufficient: &[&[usize]]) -> End {
    End::Proven(Culprits { necessary: set(necessary), sufficient: sufficient.iter().map(|one| set(one)).collect() })
}

#[test]
fn one_two_or_three_culprits_are_found_in_few_runs_wherever_they_are() {
    for (items, breaks, suspected, wanted, most) in [
        // The suspect is it: twice as it is on both sides, twice each way.
        (40, &[&[0][..]][..], 1, proven(&[0], &[&[0]]), 10),
        (40, &[&[2]], 3, proven(&[2], &[&[2]]), 14),
        // Nobody suspects it.
        (40, &[&[37]], 0, proven(&[37], &[&[37]]), 18),
        (40, &[&[37]], 2, proven(&[37], &[&[37]]), 22),
        (1, &[&[0]], 0, proven(&[0], &[&[0]]), 11),
        (250, &[&[249]], 0, proven(&[249], &[&[249]]), 22),
        // Either alone is harmless.
        (250, &[&[17, 180]], 0, proven(&[17], &[&[17, 180]]), 40),
        (20, &[&[3, 15]], 0, proven(&[3], &[&[3, 15]]), 30),
        (250, &[&[17, 180]], 4, proven(&[17], &[&[17, 180]]), 40),
        (250, &[&[0, 180]], 1, proven(&[0], &[&[0, 180]]), 40),
        // Each alone breaks it.
        (250, &[&[17], &[180]], 0, proven(&[17, 180], &[&[17], &[180]]), 40),
        // Three together, and three each alone.
        (250, &[&[1, 99, 240]], 0, proven(&[1], &[&[1, 99, 240]]), 50),
        (250, &[&[1], &[99], &[240]], 0, proven(&[1, 99, 240], &[&[1], &[99], &[240]]), 60),
        // One alone, and a pair.
        (60, &[&[5], &[30, 50]], 0, proven(&[5, 30], &[&[5], &[30, 50]]), 50),
    ] {
        let (end, runs) = World::new(items, breaks).searched(suspected);
        assert_eq!(end, wanted, "{items} items, {breaks:?}, {suspected} suspected");
        assert!(runs <= most, "{runs} runs instead of {most}: {items} items, {breaks:?}, {suspected} suspected");
    }
}

#[test]
fn what_cannot_be_proven_names_no_cause() {
    // Nothing breaks it.
    assert_eq!(World::new(9, &[]).searched(0).0, End::NotReproduced);
    // It fails everywhere.
    assert_eq!(World::new(9, &[&[]]).searched(0).0, End::ReferenceFails);
    // What breaks it is not among the settings: the world's tenth.
    let hidden = World::new(9, &[&[9]]);
    assert_eq!(hidden.searched(0).0, End::OutOfReach);
    assert_eq!(hidden.searched(2).0, End::OutOfReach);
    // One that is among them and one that is not break it together.
    assert_eq!(World::new(9, &[&[4, 9]]).searched(0).0, End::NotSufficient(set(&[4])));
    let (end, history) = World::new(9, &[&[4]]).searched_with(0, Limits { runs: 6 }, |_, _, answer| answer);
    assert_eq!((end, history.runs()), (End::Spent, 6));
    assert_eq!(World::new(0, &[]).searched(0).0, End::NotReproduced);
}

#[test]
fn a_check_that_passes_and_fails_in_turn_proves_nothing() {
    let world = World::new(30, &[&[11]]);
    let (end, _) = world.searched_with(0, ENOUGH, |run, _, answer| if run % 2 == 0 { answer } else { Answer::Passes });
    assert_eq!(end, End::Unsteady(Trial { side: Side::Candidate, peers: set(&[]), exchanged: set(&[]) }));
    // One wrong answer on the way is outvoted.
    for wrong in 4..14 {
        let (end, history) = world.searched_with(0, ENOUGH, |run, _, answer| match (run == wrong, &answer) {
            (true, Answer::Passes) => Answer::Fails,
            (true, _) => Answer::Passes,
            _ => answer,
        });
        let is_honest = matches!(end, End::Unsteady(_) | End::OutOfReach) || end == proven(&[11], &[&[11]]);
        assert!(is_honest, "{end:?} after {} runs, of which number {wrong} was wrong", history.runs());
    }
}

#[test]
fn a_configuration_without_an_answer_is_tried_again_once() {
    let world = World::new(8, &[&[5]]);
    let once =
        |run: usize, _: &Trial, answer| if run == 5 { Answer::Unknown("the node rebooted".into()) } else { answer };
    assert_eq!(world.searched_with(0, ENOUGH, once).0, proven(&[5], &[&[5]]));
    let (end, _) =
        world.searched_with(
            0,
            ENOUGH,
            |run, _, answer| {
                if run > 4 { Answer::Unknown("the node is gone".into()) } else { answer }
            },
        );
    assert!(matches!(&end, End::Undecided(_, why) if why == "the node is gone"), "{end:?}");
}

#[test]
fn a_setting_that_cannot_be_changed_is_left_out_and_what_was_tried_without_it_still_counts() {
    let world = World::new(16, &[&[3]]);
    let mut history = History::default();
    let mut left_out = false;
    let end = loop {
        match next(world.items, 0, &history, ENOUGH) {
            Step::End(end) => break end,
            Step::Run(trial) if trial.exchanged.contains(&9) => {
                assert!(!left_out, "it is not tried again");
                left_out = true;
                history.leave_out(9, "read-only".to_owned());
            }
            Step::Run(trial) => {
                let answer = world.answer(&trial);
                history.add(trial, answer);
            }
        }
    };
    assert_eq!((end, left_out), (proven(&[3], &[&[3]]), true));
}

proptest! {
    /// Whatever combinations break a check: what is called necessary lets it pass and no part of it does; each set that is called sufficient
    /// breaks it and no part of it does.
    #[test]
    fn what_is_proven_is_true_and_minimal(
        items in 1_usize..40,
        clauses in prop::collection::vec(prop::collection::btree_set(0_usize..40, 1..4), 1..4),
        suspected in 0_usize..4,
    ) {
        let breaks: Vec<BTreeSet<usize>> =
            clauses.into_iter().map(|one| one.into_iter().map(|item| item % items).collect()).collect();
        let world = World { items, breaks };
        let (end, _) = world.searched(suspected.min(items));
        let End::Proven(culprits) = end else { return Err(TestCaseError::fail(format!("{end:?}"))) };
        let on = |side, exchanged: BTreeSet<usize>| world.answer(&Trial { side, peers: BTreeSet::new(), exchanged });
        let without = |set: &BTreeSet<usize>, item: &usize| {
            set.iter().copied().filter(|own| own != item).collect::<BTreeSet<usize>>()
        };
        prop_assert_eq!(on(Side::Candidate, culprits.necessary.clone()), Answer::Passes);
        for item in &culprits.necessary {
            prop_assert_eq!(on(Side::Candidate, without(&culprits.necessary, item)), Answer::Fails);
        }
        prop_assert_eq!(culprits.sufficient.len(), culprits.necessary.len());
        for (item, broken) in culprits.necessary.iter().zip(&culprits.sufficient) {
            prop_assert!(broken.contains(item));
            prop_assert_eq!(on(Side::Reference, broken.clone()), Answer::Fails);
            for one in broken {
                prop_assert_eq!(on(Side::Reference, without(broken, one)), Answer::Passes);
            }
        }
    }

    /// Of settings that break a check together, what is found breaks it and no part of it does; where they do not, nothing is found.
    #[test]
    fn what_is_reduced_is_minimal(
        items in 2_usize..60,
        clauses in prop::collection::vec(prop::collection::btree_set(0_usize..60, 1..4), 0..3),
    ) {
        let breaks: Vec<BTreeSet<usize>> =
            clauses.into_iter().map(|one| one.into_iter().map(|item| item % items).collect()).collect();
        let world = World { items, breaks };
        let all: BTreeSet<usize> = (0..items).collect();
        let mut history = History::default();
        let found = loop {
            match reduce(&all, &history, ENOUGH) {
                Reduced::Run(trial) => { let answer = world.answer(&trial); history.add(trial, answer); }
                Reduced::Found(found) => break Some(found),
                Reduced::End(End::NotReproduced) => break None,
                Reduced::End(end) => return Err(TestCaseError::fail(format!("{end:?}"))),
            }
        };
        let on = |exchanged: BTreeSet<usize>| world.answer(&Trial { side: Side::Reference, peers: BTreeSet::new(), exchanged });
        match found {
            None => prop_assert!(world.breaks.is_empty()),
            Some(found) => {
                prop_assert_eq!(on(found.clone()), Answer::Fails);
                for one in &found {
                    prop_assert_eq!(on(found.iter().copied().filter(|own| own != one).collect()), Answer::Passes);
                }
            }
        }
    }

    /// A check whose answers are wrong now and then never makes a harmless setting a culprit by itself alone, nor does it keep the search from
    /// ending.
    #[test]
    fn noise_ends_and_is_never_taken_for_a_proof(
        items in 1_usize..60,
        culprit in 0_usize..60,
        noise in prop::collection::vec(prop::bool::weighted(0.1), 80),
    ) {
        let culprit = culprit % items;
        let world = World { items, breaks: vec![set(&[culprit])] };
        let (end, history) = world.searched_with(0, Limits { runs: 80 }, |run, _, answer| {
            match (noise.get(run).copied().unwrap_or(false), &answer) {
                (true, Answer::Passes) => Answer::Fails,
                (true, _) => Answer::Passes,
                (false, _) => answer,
            }
        });
        prop_assert!(history.runs() <= 80);
        if let End::Proven(culprits) = end {
            // Two wrong answers to the same question in a row are a hundredth of a hundredth here, and no proof can see them.
            let wrong = noise.iter().take(history.runs()).filter(|wrong| **wrong).count();
            prop_assert!(wrong >= 2 || culprits.necessary.contains(&culprit), "{culprits:?} with {wrong} wrong answers");
        }
    }
}
