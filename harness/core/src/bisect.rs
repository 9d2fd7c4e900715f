//! Proves which settings break a check: exchanges them on running nodes of a variant and of its reference, runs the check, and puts them back.
//!
//! What to try next is decided by [`amiproof_model::bisect`]; this drives nodes and check.
//!
//! # Guarantees
//! * What is changed on a node, and how it is put back, is in the ledger before: `destroy` restores what a killed run left.
//! * Afterwards every node is read again; one that is not as it was is named in the result, and cordoned.
//! * Only nodes of the run are changed, or nodes without pods of others, or those that the user names.
//! * Nothing is called proven that was not seen twice on both sides.

mod nodes;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use amiproof_model::bisect::{Answer, Culprits, End, History, Item, Items, Limits, Side, Step, Trial, items, search};
use amiproof_model::matrix::{NodeSource, Variant};
use amiproof_model::name::{CheckId, VariantName};
use amiproof_model::report::Phase;
use amiproof_model::report::proof::{NotExchanged, Proof, ProofEnd, ProvenSetting, TrialRecord};
use amiproof_model::setting::Setting;
use amiproof_model::verdict::Outcome;
use amiproof_time::watch;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use self::nodes::{Nodes, Refused};
use crate::check::{Body, Check};
use crate::cluster::{RUN_LABEL, explain};
use crate::context::{Context, Peers};
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
    /// The only nodes to change, of either side, although pods of others may run there; empty for all nodes of both variants.
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
    if let Some(name) = unknown_node([candidate, reference], &wanted.nodes) {
        return nothing(format!("node {name} is of neither variant; see `kubectl get nodes`"));
    }
    let (candidate, reference) = match (narrowed(candidate, &wanted.nodes), narrowed(reference, &wanted.nodes)) {
        (Ok(candidate), Ok(reference)) => (candidate, reference),
        (Err(why), _) | (_, Err(why)) => return nothing(why),
    };
    for context in [&candidate, &reference] {
        if let Err(why) = may_be_changed(context, &wanted.nodes).await {
            return nothing(why);
        }
    }
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
    let mut left = Vec::new();
    for side in [&mut own, &mut twin] {
        if side.restore().await.is_err() {
            left.extend(side.cordon_changed().await);
        }
    }
    let touched: Vec<Item> =
        checks.iter().flat_map(|check| found(&own, &twin, check, wanted, settings).items).collect();
    for side in [&own, &twin] {
        left.extend(side.differences(&touched).await);
    }
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
    let takes = |setting: &&Setting| {
        let of_check = |name: &String| check.id.as_str() == name || check.id.suite() == name;
        setting.takes.iter().any(|effect| {
            effect.checks.iter().any(of_check)
                || effect.capabilities.iter().any(|one| exercises.iter().any(|own| own == one.as_str()))
        })
    };
    suspects.extend(settings.iter().filter(takes).map(|setting| setting.name.clone()));
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
            // The other side is as it was, or put right where it is the other end of connections.
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
            let context = of_run(side.context, (!trial.peers.is_empty()).then_some(other.context));
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
                // Something on the host wrote the old values while the check ran: what it said is about neither.
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
        let with = if trial.peers.is_empty() { with } else { format!("{with}, {from} put right") };
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

/// The context of one run of a check: nothing is kept of what earlier runs read. With `peers`, their nodes are the other end of connections.
fn of_run(context: &Context, peers: Option<&Context>) -> Context {
    let mut own = Context { facts: Default::default(), ..context.clone() };
    if let Some(peers) = peers {
        let variant = Variant { reference: Some(peers.variant.name.clone()), ..(*own.variant).clone() };
        own.variant = Arc::new(variant);
        own.peers = watch::channel(Peers::Ready(Arc::clone(&peers.nodes))).1;
    }
    own
}

fn answer_of(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Pass => Answer::Passes,
        Outcome::Fail { .. } => Answer::Fails,
        other => Answer::Unknown(format!("{}: {}", other.as_str(), other.reason())),
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

/// The first of the named nodes that is in none of the contexts.
fn unknown_node<'a>(contexts: [&Context; 2], names: &'a [String]) -> Option<&'a str> {
    let is_known = |name: &&String| contexts.iter().any(|context| context.nodes.iter().any(|node| node.name == **name));
    names.iter().find(|name| !is_known(name)).map(String::as_str)
}

/// The context of the nodes that the user named, if any are this variant's.
///
/// # Errors
/// If nodes were named and none of them is the variant's.
fn narrowed(context: &Context, names: &[String]) -> Result<Context, String> {
    if names.is_empty() {
        return Ok(context.clone());
    }
    let own: Vec<_> = context.nodes.iter().filter(|node| names.contains(&node.name)).cloned().collect();
    if own.is_empty() {
        return Err(format!("none of the named nodes is one of variant {}", context.variant.name));
    }
    if own.len() == context.nodes.len() {
        return Ok(context.clone());
    }
    let hosts: Vec<&str> = own.iter().map(|node| node.name.as_str()).collect();
    let text = format!("{},kubernetes.io/hostname in ({})", context.selector.as_str(), hosts.join(", "));
    let selector = text.parse().map_err(|error| format!("the nodes cannot be selected by name: {error}"))?;
    Ok(Context { selector, nodes: Arc::new(own), facts: Default::default(), ..context.clone() })
}

/// Whether the nodes may be changed: they are the run's own, or nobody else's pods run there, or the user named them.
async fn may_be_changed(context: &Context, named: &[String]) -> Result<(), String> {
    if matches!(context.variant.nodes, NodeSource::Made(_)) || !named.is_empty() {
        return Ok(());
    }
    for node in context.nodes.iter() {
        let api: Api<Pod> = Api::all(context.cluster.client());
        let of_node = ListParams::default().fields(&format!("spec.nodeName={}", node.name));
        let pods = api
            .list(&of_node)
            .await
            .map_err(|error| format!("the pods of node {} cannot be listed: {}", node.name, explain(&error)))?;
        if let Some(pod) = pods.iter().find(|pod| is_of_others(pod, context.run.as_str())) {
            return Err(format!(
                "node {} runs {}/{}, which is not of this run: changing its settings could break it; name the nodes that may be changed \
                 with --node",
                node.name,
                pod.namespace().unwrap_or_default(),
                pod.name_any()
            ));
        }
    }
    Ok(())
}

/// Whether a pod is a workload of others: not of this run, no static pod, and no part of the node itself as DaemonSets of `kube-system` are.
fn is_of_others(pod: &Pod, run: &str) -> bool {
    let namespace = pod.namespace().unwrap_or_default();
    let owners = pod.owner_references();
    let is_owned_by = |kind: &str| owners.iter().any(|owner| owner.kind == kind);
    let is_of_node = is_owned_by("Node") || (namespace == "kube-system" && is_owned_by("DaemonSet"));
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let is_over = phase.is_some_and(|phase| matches!(phase, "Succeeded" | "Failed"));
    let is_own =
        pod.labels().get(RUN_LABEL).is_some_and(|own| own == run) || namespace.starts_with(&format!("ap-{run}-"));
    !(is_of_node || is_over || is_own)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_of_others_are_those_that_no_part_of_the_system_and_not_this_run_made() {
        let pod = |namespace: &str, owner: &str, phase: &str, run: &str| -> Pod {
            serde_json::from_value(json!({
                "metadata": {"name": "p", "namespace": namespace, "labels": {RUN_LABEL: run},
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": owner, "name": "o", "uid": "u"}]},
                "status": {"phase": phase},
            }))
            .unwrap()
        };
        for (namespace, owner, phase, run, is_others) in [
            ("shop", "ReplicaSet", "Running", "", true),
            ("shop", "StatefulSet", "Pending", "r-2", true),
            ("shop", "DaemonSet", "Running", "", true),
            ("kube-system", "DaemonSet", "Running", "", false),
            ("shop", "Job", "Succeeded", "", false),
            ("kube-system", "ReplicaSet", "Running", "", true),
            ("ap-south-shop", "ReplicaSet", "Running", "", true),
            ("ap-r-1-l2-web", "ReplicaSet", "Running", "", false),
            ("kube-system", "Node", "Running", "", false),
            ("ours", "ReplicaSet", "Running", "r-1", false),
        ] {
            assert_eq!(
                is_of_others(&pod(namespace, owner, phase, run), "r-1"),
                is_others,
                "{namespace} {owner} {phase} {run}"
            );
        }
    }
}
