//! What to try next: a pure function of the trials so far.
//!
//! On nodes of the candidate, where the check fails, settings get the values of the reference until it passes: that finds what is *necessary*.
//! On nodes of the reference, where it passes, those settings alone get the values of the candidate until it fails: that proves that they are
//! *sufficient*, and finds what else takes part. Both searches look for the shortest prefix of the list that has the
//! effect, by halving, then for the rest of the set before its last element: of `n` settings each culprit costs about
//! `log2 n` runs, a suspected one a single run.
//!
//! # Assumptions
//! Exchanging more settings never undoes the effect of exchanging fewer: what lets a check pass does not break it elsewhere. Where that does not hold, the
//! proof fails and nothing is called proven.
//!
//! # Guarantees
//! [`End::Proven`] only if every statement in it was seen twice and never contradicted. A check may pass and fail
//! intermittently: a decisive trial is repeated, and during the search the majority of three counts, but not in the
//! proof.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Whose nodes a trial changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// The nodes of the variant whose check fails; settings get the values of the reference.
    Candidate,
    /// The nodes of its reference; settings get the values of the candidate.
    Reference,
}

/// One configuration in which the check is run: these settings have the value of the other side, all others their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trial {
    /// Whose nodes.
    pub side: Side,
    /// For the reference: the settings that are put back on the candidate, whose nodes then serve as the other end of connections. Empty if
    /// the check runs on nodes of the reference alone.
    pub peers: BTreeSet<usize>,
    /// The exchanged settings, by position.
    pub exchanged: BTreeSet<usize>,
}

/// What a run of the check said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It passed.
    Passes,
    /// It failed.
    Fails,
    /// Neither, and why: it was not evaluated, or a setting could not be changed.
    Unknown(String),
}

/// Everything that was tried.
#[derive(Clone, Debug, Default)]
pub struct History {
    answers: BTreeMap<Trial, Vec<Answer>>,
    /// Settings that cannot be changed after all: they are left out from then on.
    fixed: BTreeMap<usize, String>,
    runs: usize,
}

impl History {
    /// Adds the answer of one run.
    pub fn add(&mut self, trial: Trial, answer: Answer) {
        self.runs += 1;
        self.answers.entry(trial).or_default().push(answer);
    }

    /// Counts a run whose result says nothing about its configuration.
    pub fn waste(&mut self) {
        self.runs += 1;
    }

    /// Leaves a setting out that could not be changed. What was tried without it still counts.
    pub fn leave_out(&mut self, item: usize, why: String) {
        self.fixed.insert(item, why);
        self.answers.retain(|trial, _| !trial.exchanged.contains(&item) && !trial.peers.contains(&item));
    }

    /// The settings that were left out, with the reason of each.
    pub fn left_out(&self) -> &BTreeMap<usize, String> {
        &self.fixed
    }

    /// How often the check was run.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// Each trial and what was said, in order of the trials.
    pub fn answers(&self) -> impl Iterator<Item = (&Trial, &[Answer])> {
        self.answers.iter().map(|(trial, answers)| (trial, answers.as_slice()))
    }
}

/// How long to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of runs of the check.
    pub runs: usize,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Run the check in this configuration.
    Run(Trial),
    /// Stop, and this is why.
    End(End),
}

/// What a search ends with. Everything but [`End::Proven`] names no cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// These settings break the check.
    Proven(Culprits),
    /// The check passes on the candidate as it is.
    NotReproduced,
    /// The check fails on the reference as it is, so it says nothing about what differs.
    ReferenceFails,
    /// The check fails on the candidate although everything that can be changed in place is exchanged: the cause is out of reach.
    OutOfReach,
    /// These settings, put back, let it pass, but with everything exchanged it still passes on the reference: something that differs and
    /// cannot be exchanged takes part.
    NotSufficient(BTreeSet<usize>),
    /// The same configuration passes and fails intermittently.
    Unsteady(Trial),
    /// A configuration gave no answer, and why.
    Undecided(Trial, String),
    /// The runs are used up.
    Spent,
}

/// Settings that were proven to break a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Culprits {
    /// On the candidate, putting all of these back is what it takes: none of them can be left out.
    pub necessary: BTreeSet<usize>,
    /// On the reference, each of these sets breaks the check, and no part of it does: one for each of `necessary`, which it contains.
    pub sufficient: Vec<BTreeSet<usize>>,
}

/// Why the search cannot go on without another run, or at all.
enum Pause {
    Need(Trial),
    End(End),
}

/// How many suspects are tried each on its own.
const ALONE: usize = 3;

/// How often a configuration may have no answer.
const UNKNOWN: usize = 2;

/// The next step of a search among `items` settings, by position the most suspected first, of which the first `suspected` are named by what
/// is known already.
///
/// A pure function: with the answer of each run added to `history`, repeated calls lead to [`Step::End`].
pub fn next(items: usize, suspected: usize, history: &History, limits: Limits) -> Step {
    match search(items, suspected, history) {
        Ok(culprits) => Step::End(End::Proven(culprits)),
        Err(Pause::End(end)) => Step::End(end),
        Err(Pause::Need(_)) if history.runs >= limits.runs => Step::End(End::Spent),
        Err(Pause::Need(trial)) => Step::Run(trial),
    }
}

/// What a reduction does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reduced {
    /// Run the check in this configuration.
    Run(Trial),
    /// All of these break the check together, and no fewer of them do.
    Found(BTreeSet<usize>),
    /// Stop, and this is why.
    End(End),
}

/// The fewest of `broken` that break a check together: on nodes of the reference, where it passes as they are and fails with all of these.
///
/// A pure function like [`next`].
pub fn reduce(broken: &BTreeSet<usize>, history: &History, limits: Limits) -> Reduced {
    let nothing = BTreeSet::new();
    let reference = Effect { history, side: Side::Reference, peers: &nothing };
    let order: Vec<usize> = broken.iter().copied().collect();
    let found = || {
        if reference.is_sure(&nothing)? {
            return Err(Pause::End(End::ReferenceFails));
        }
        if !reference.is_sure(broken)? {
            return Err(Pause::End(End::NotReproduced));
        }
        let smallest = reference.smallest(&order, &nothing)?;
        if reference.is_sure(&smallest)? { Ok(smallest) } else { Err(reference.unsteady(smallest)) }
    };
    match found() {
        Ok(set) => Reduced::Found(set),
        Err(Pause::End(end)) => Reduced::End(end),
        Err(Pause::Need(_)) if history.runs >= limits.runs => Reduced::End(End::Spent),
        Err(Pause::Need(trial)) => Reduced::Run(trial),
    }
}

fn search(items: usize, suspected: usize, history: &History) -> Result<Culprits, Pause> {
    let order: Vec<usize> = (0..items).filter(|item| !history.fixed.contains_key(item)).collect();
    let suspected = order.iter().filter(|item| **item < suspected).count();
    let all: BTreeSet<usize> = order.iter().copied().collect();
    let nothing = BTreeSet::new();
    let candidate = Effect { history, side: Side::Candidate, peers: &nothing };
    let reference = Effect { history, side: Side::Reference, peers: &nothing };
    if candidate.is_sure(&nothing)? {
        return Err(Pause::End(End::NotReproduced));
    }
    if reference.is_sure(&nothing)? {
        return Err(Pause::End(End::ReferenceFails));
    }
    // Where a suspect is right, nothing else need be asked.
    let necessary = match candidate.smallest_of_suspects(&order[..suspected])? {
        Some(set) => set,
        None if !candidate.is_there(&all, 1)? => return Err(Pause::End(End::OutOfReach)),
        None => candidate.smallest(&order, &nothing)?,
    };
    if !candidate.is_sure(&necessary)? {
        return Err(candidate.unsteady(necessary));
    }
    // Fixed nodes of the candidate are to the reference what its nodes are to the candidate: the other end of
    // connections.
    let with_peers = Effect { peers: &necessary, ..reference };
    let reference = if with_peers.is_sure(&nothing)? { reference } else { with_peers };
    // As no setting can be left out of `necessary`, each takes part in something that breaks the check without the others.
    let others: Vec<usize> = order.iter().copied().filter(|item| !necessary.contains(item)).collect();
    let mut sufficient: Vec<BTreeSet<usize>> = Vec::new();
    for item in &necessary {
        let alone = BTreeSet::from([*item]);
        if reference.is_sure(&alone)? {
            sufficient.push(alone);
            continue;
        }
        let most: BTreeSet<usize> = others.iter().copied().chain([*item]).collect();
        if !reference.is_there(&most, 1)? {
            return Err(Pause::End(End::NotSufficient(necessary)));
        }
        let together = reference.smallest(&others, &alone)?;
        if !reference.is_sure(&together)? {
            return Err(reference.unsteady(together));
        }
        sufficient.push(together);
    }
    Ok(Culprits { necessary, sufficient })
}

/// What exchanging settings on one side is to bring about: that the check passes on the candidate, that it fails on the reference.
#[derive(Clone, Copy)]
struct Effect<'a> {
    history: &'a History,
    side: Side,
    peers: &'a BTreeSet<usize>,
}

impl Effect<'_> {
    /// The fewest suspects that have the effect: the first ones each on its own, as most failures have one cause, then as
    /// [`Self::smallest`]. `None` if all of them together do not have it.
    fn smallest_of_suspects(self, order: &[usize]) -> Result<Option<BTreeSet<usize>>, Pause> {
        for (place, one) in order.iter().take(ALONE).enumerate() {
            let alone = BTreeSet::from([*one]);
            // The first is probably it: one wrong answer about it would cost a whole search.
            if self.is_there(&alone, if place == 0 { 2 } else { 1 })? {
                return Ok(Some(alone));
            }
        }
        let all: BTreeSet<usize> = order.iter().copied().collect();
        if order.len() > 1 && self.is_there(&all, 1)? {
            return self.smallest(order, &BTreeSet::new()).map(Some);
        }
        Ok(None)
    }

    /// A smallest set that has the effect: `given` and some of `order`, all of which have it together.
    ///
    /// The last element of the shortest prefix that has the effect is needed, because the prefix without it does not
    /// have it; so the search continues in front of it, with that element given. No element of `order` can be left
    /// out of what is found.
    fn smallest(self, mut order: &[usize], given: &BTreeSet<usize>) -> Result<BTreeSet<usize>, Pause> {
        let mut kept = given.clone();
        loop {
            if kept.len() > given.len() && self.is_there(&kept, 1)? {
                return Ok(kept);
            }
            let with = |length: usize| -> BTreeSet<usize> {
                kept.iter().copied().chain(order.iter().take(length).copied()).collect()
            };
            let (mut without, mut has) = (0, order.len());
            while has - without > 1 {
                let middle = without + (has - without) / 2;
                if self.is_there(&with(middle), 1)? {
                    has = middle;
                } else {
                    without = middle;
                }
            }
            let Some(last) = order.get(without).copied() else {
                // Everything before the last one found is not enough with it: exchanging more has undone what fewer did.
                return Err(self.unsteady(kept));
            };
            // Both sides of the boundary decide, so both are asked twice; another answer moves the boundary the next time.
            if order.len() > 1 && (self.is_there(&with(without), 2)? || !self.is_there(&with(has), 2)?) {
                return Err(self.unsteady(with(has)));
            }
            kept.insert(last);
            order = &order[..without];
        }
    }

    /// Whether the effect is there, by the majority of at least this many answers; of three if two contradict each other.
    fn is_there(self, exchanged: &BTreeSet<usize>, votes: usize) -> Result<bool, Pause> {
        let trial = self.trial(exchanged);
        let (yes, no) = self.counted(&trial)?;
        let are_enough = yes + no >= votes && yes != no;
        if are_enough { Ok(yes > no) } else { Err(Pause::Need(trial)) }
    }

    /// As [`Self::is_there`], but only by two equal answers and none to the contrary.
    fn is_sure(self, exchanged: &BTreeSet<usize>) -> Result<bool, Pause> {
        let trial = self.trial(exchanged);
        match self.counted(&trial)? {
            (2.., 0) => Ok(true),
            (0, 2..) => Ok(false),
            (0, _) | (_, 0) => Err(Pause::Need(trial)),
            _ => Err(Pause::End(End::Unsteady(trial))),
        }
    }

    fn trial(self, exchanged: &BTreeSet<usize>) -> Trial {
        Trial { side: self.side, peers: self.peers.clone(), exchanged: exchanged.clone() }
    }

    fn unsteady(self, exchanged: BTreeSet<usize>) -> Pause {
        Pause::End(End::Unsteady(self.trial(&exchanged)))
    }

    /// How many answers say that the effect is there, and how many that it is not.
    fn counted(self, trial: &Trial) -> Result<(usize, usize), Pause> {
        let answers = self.history.answers.get(trial).map_or(&[][..], Vec::as_slice);
        let unknown: Vec<&String> = answers
            .iter()
            .filter_map(|answer| match answer {
                Answer::Unknown(why) => Some(why),
                Answer::Passes | Answer::Fails => None,
            })
            .collect();
        if let Some(why) = unknown.last().filter(|_| unknown.len() >= UNKNOWN) {
            return Err(Pause::End(End::Undecided(trial.clone(), (*why).clone())));
        }
        let of = |wanted: &Answer| answers.iter().filter(|answer| *answer == wanted).count();
        let (passes, fails) = (of(&Answer::Passes), of(&Answer::Fails));
        Ok(if self.side == Side::Candidate { (passes, fails) } else { (fails, passes) })
    }
}

#[cfg(test)]
mod tests;
