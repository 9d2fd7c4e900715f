//! Proves which settings break a check: exchanges them on running nodes of a variant and of its reference, runs the check, and puts them back.
//!
//! What to try next is decided by [`amiproof_model::bisect`]; this drives nodes and check.
//!
//! # Guarantees
//! * Each change of a node, and how to undo it, is in the ledger before it is made: `destroy` undoes what a killed run left.
//! * Afterwards every node is read again; a node that was not restored is named in the result, and cordoned.
//! * Only nodes that the run created are changed, nodes on which no other pods run, or those that the user names.
//! * Nothing is called proven unless it was seen twice, on the variant and on its reference.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::bisect::{Answer, Culprits, End, History, Item, Items, Limits, Side, Step, Trial, items, search};
use amiproof_model::name::{CheckId, VariantName};
use amiproof_model::report::Phase;
use amiproof_model::report::proof::{NotExchanged, Proof, ProofEnd, ProvenSetting, TrialRecord};
use amiproof_model::setting::Setting;

use crate::check::{Body, Check};
use crate::context::Context;
use crate::exchange::nodes::{Nodes, Refused};
use crate::exchange::{allowed, answer_of, for_one_run, put_back};
use crate::resource::node_change;
use crate::run::checks::{RunnerConfig, once};
use crate::run::event::EventKind;

/// How many names of exchanged settings a trial lists.
const LISTED: usize = 8;

/// What to prove.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The variant whose checks fail.
    pub variant: VariantName,
    /// The checks.
    pub checks: Vec<CheckId>,
    /// Settings that are suspected by what is known already, by check, the most suspected first.
    pub suspects: BTreeMap<CheckId, Vec<String>>,
    /// How long to search for each check.
    pub limits: Limits,
    /// The only nodes to change, of either side, even if pods that do not belong to the run are on them; empty for all nodes of both variants.
    pub nodes: Vec<String>,
}

/// Bisects each check, one after the other. Every check has a result, whatever happens.
///
/// # Cancel safety
/// When the run is interrupted, the present run of the check stops, and everything is put back.
pub(crate) async fn prove(
    (candidate, reference): (&Context, &Context),
    checks: &[Check],
    wanted: &Wanted,
    settings: &[Setting],
    config: &RunnerConfig,
) -> Vec<Proof> {
    let blank = |check: &Check, end: ProofEnd| Proof {
        variant: candidate.variant.name.clone(),
        reference: reference.variant.name.clone(),
        check: check.id.clone(),
        end,
        necessary: Vec::new(),
        sufficient: Vec::new(),
        settings: 0,
        runs: 0,
        trials: Vec::new(),
        out_of_reach: Vec::new(),
        not_restored: Vec::new(),
    };
    let nothing =
        |why: String| checks.iter().map(|check| blank(check, ProofEnd::Undecided { why: why.clone() })).collect();
    let [candidate, reference] = match allowed([candidate, reference], &wanted.nodes).await {
        Ok(allowed) => allowed,
        Err(why) => return nothing(why),
    };
    if let Err(why) = node_change::undo_all(&candidate.ledger, candidate.aws.as_ref(), &candidate.cluster).await {
        return nothing(why);
    }
    let sides = (Nodes::read(&candidate, Side::Candidate).await, Nodes::read(&reference, Side::Reference).await);
    let (mut own, mut twin) = match sides {
        (Ok(own), Ok(twin)) => (own, twin),
        (Err(why), _) | (_, Err(why)) => return nothing(why),
    };
    let mut proofs = Vec::new();
    for check in checks {
        let found = found(&own, &twin, check, wanted, settings);
        own.forget();
        twin.forget();
        let mut search = Search {
            items: &found,
            check,
            config,
            own: &mut own,
            twin: &mut twin,
            history: History::default(),
            order: Vec::new(),
        };
        let end = search.run(wanted.limits).await;
        let Search { history, order, .. } = search;
        let mut proof = Proof { not_restored: Vec::new(), ..blank(check, ProofEnd::Proven) };
        describe(&mut proof, end, &found, &history, &order);
        proofs.push(proof);
        if candidate.cancel.is_cancelled() {
            break;
        }
    }
    let touched: Vec<Item> =
        checks.iter().flat_map(|check| found(&own, &twin, check, wanted, settings).items).collect();
    let left = put_back(vec![&mut own, &mut twin], &touched).await;
    proofs.iter_mut().for_each(|proof| proof.not_restored.clone_from(&left));
    proofs
}

/// What can be exchanged for a check, with what is known already.
fn found(own: &Nodes<'_>, twin: &Nodes<'_>, check: &Check, wanted: &Wanted, settings: &[Setting]) -> Items {
    let (Some(candidate), Some(reference)) = (own.facts(), twin.facts()) else { return Items::default() };
    let mut suspects = wanted.suspects.get(&check.id).cloned().unwrap_or_default();
    let exercises = match &check.body {
        Body::Workload(workload) => workload.exercises.as_slice(),
        Body::Code(_) | Body::Scan(_) => &[],
    };
    suspects.extend(settings.iter().filter(|one| one.could_break(&check.id, exercises)).map(|one| one.name.clone()));
    let benchmark = own.context.variant.hardening.as_ref().map(|hardening| &hardening.benchmark);
    items::between(candidate, reference, settings, benchmark, &suspects)
}

/// One search for one check.
struct Search<'a, 'n> {
    items: &'a Items,
    check: &'a Check,
    config: &'a RunnerConfig,
    own: &'a mut Nodes<'n>,
    twin: &'a mut Nodes<'n>,
    history: History,
    /// Trials in the order of their first run.
    order: Vec<Trial>,
}

impl Search<'_, '_> {
    async fn run(&mut self, limits: Limits) -> End {
        let items = &self.items.items;
        loop {
            let trial = match search::next(items.len(), self.items.suspected, &self.history, limits) {
                Step::End(end) => return end,
                Step::Run(trial) => trial,
            };
            if self.own.context.cancel.is_cancelled() {
                return End::Undecided(trial, "the run was interrupted".to_owned());
            }
            let (side, other) = match trial.side {
                Side::Candidate => (&mut *self.own, &mut *self.twin),
                Side::Reference => (&mut *self.twin, &mut *self.own),
            };
            // The nodes of the other side are unchanged, or have the settings in `peers` if they are the other end of
            // connections.
            let mut refused = other.exchange(items, &trial.peers).await.err();
            if refused.is_none() {
                refused = side.exchange(items, &trial.exchanged).await.err();
            }
            match refused {
                None => {}
                Some(Refused::Items(all)) => {
                    self.history.waste();
                    for (item, why) in all {
                        tracing::info!(item, why, "a setting cannot be exchanged and is left out");
                        self.history.leave_out(item, why);
                    }
                    continue;
                }
                Some(Refused::Node(why)) => return End::Undecided(trial, why),
            }
            let context = for_one_run(side.context, (!trial.peers.is_empty()).then_some(other.context));
            let outcome = once(&context, self.check, self.config).await;
            let mut is_wasted = false;
            for nodes in [side, other] {
                let lost = match nodes.lost().await {
                    Ok(lost) => lost,
                    Err(why) => return End::Undecided(trial, why),
                };
                let fresh: BTreeSet<usize> = lost.into_iter().filter(|item| !nodes.keeps(*item)).collect();
                if fresh.is_empty() {
                    continue;
                }
                // Something on the host wrote the old values while the check ran, so its result belongs to neither
                // set of values.
                is_wasted = true;
                if let Err(why) = nodes.keep(fresh).await {
                    return End::Undecided(trial, why);
                }
            }
            let answer = match outcome {
                None => return End::Undecided(trial, "the run was interrupted".to_owned()),
                Some(_) if is_wasted => {
                    self.history.waste();
                    continue;
                }
                Some(outcome) => answer_of(&outcome),
            };
            self.say(&trial, &answer);
            if !self.order.contains(&trial) {
                self.order.push(trial.clone());
            }
            self.history.add(trial, answer);
        }
    }

    /// A progress line for one run.
    fn say(&self, trial: &Trial, answer: &Answer) {
        let (side, from) = match trial.side {
            Side::Candidate => (self.own.name(), self.twin.name()),
            Side::Reference => (self.twin.name(), self.own.name()),
        };
        let with = match names(self.items, &trial.exchanged).as_slice() {
            [] => "as it is".to_owned(),
            few if few.len() <= 2 => format!("with {} of {from}", few.join(" and ")),
            many => format!("with {} settings of {from}", many.len()),
        };
        let with = if trial.peers.is_empty() { with } else { format!("{with}, with the nodes of {from} fixed") };
        let outcome = match answer {
            Answer::Passes => "passes".to_owned(),
            Answer::Fails => "fails".to_owned(),
            Answer::Unknown(why) => format!("has no answer: {why}"),
        };
        let number = self.history.runs() + 1;
        let text = format!("bisect {}, run {number}: {side} {with}: it {outcome}", self.check.id);
        let subject = &self.own.context.subject;
        self.config.events.waiting(subject, format!("the next run of {}, after {number}", self.check.id));
        self.config.events.send(subject, EventKind::Progress(Phase::Test, text));
    }
}

/// The names of exchanged settings.
fn names(items: &Items, exchanged: &BTreeSet<usize>) -> Vec<String> {
    exchanged.iter().filter_map(|item| Some(items.items.get(*item)?.headline())).collect()
}

/// Fills a record from the end of a search.
fn describe(proof: &mut Proof, end: End, found: &Items, history: &History, order: &[Trial]) {
    proof.settings = found.items.len() - history.left_out().len();
    proof.runs = history.runs();
    let proven = |set: &BTreeSet<usize>| -> Vec<ProvenSetting> {
        set.iter().filter_map(|item| found.items.get(*item)).filter_map(proven_setting).collect()
    };
    proof.end = match end {
        End::Proven(Culprits { necessary, sufficient }) => {
            proof.necessary = proven(&necessary);
            proof.sufficient = sufficient.iter().map(proven).collect();
            ProofEnd::Proven
        }
        End::NotSufficient(necessary) => {
            proof.necessary = proven(&necessary);
            ProofEnd::NotSufficient
        }
        End::NotReproduced => ProofEnd::NotReproduced,
        End::ReferenceFails => ProofEnd::ReferenceFails,
        End::OutOfReach => ProofEnd::OutOfReach,
        End::Unsteady(trial) => ProofEnd::Unsteady { exchanged: names(found, &trial.exchanged) },
        End::Undecided(_, why) => ProofEnd::Undecided { why },
        End::Spent => ProofEnd::Spent,
    };
    let answers: BTreeMap<&Trial, &[Answer]> = history.answers().collect();
    let word = |answer: &Answer| match answer {
        Answer::Passes => "pass".to_owned(),
        Answer::Fails => "fail".to_owned(),
        Answer::Unknown(why) => why.clone(),
    };
    let trials = order.iter().filter_map(|trial| {
        let names = names(found, &trial.exchanged);
        Some(TrialRecord {
            side: trial.side,
            with_peers: !trial.peers.is_empty(),
            exchanged: names.len(),
            settings: if names.len() <= LISTED { names } else { Vec::new() },
            answers: answers.get(trial)?.iter().map(word).collect(),
        })
    });
    proof.trials = trials.collect();
    let refused = history
        .left_out()
        .iter()
        .filter_map(|(item, why)| Some(NotExchanged { fact: found.items.get(*item)?.label.clone(), why: why.clone() }));
    let never = found.out_of_reach.iter().map(|one| NotExchanged { fact: one.fact.clone(), why: one.why.clone() });
    proof.out_of_reach = refused.chain(never).collect();
}

fn proven_setting(item: &Item) -> Option<ProvenSetting> {
    let first = item.facts.first()?;
    Some(ProvenSetting {
        setting: item.setting.clone(),
        label: item.label.clone(),
        fact: first.fact.clone(),
        value: first.candidate.clone(),
        reference: first.reference.clone(),
        controls: item.controls.clone(),
    })
}
