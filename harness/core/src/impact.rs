//! Measures what each control of a benchmark breaks: makes nodes of a variant meet one control at a time, runs the checks that could notice, and
//! puts the settings back.
//!
//! What a control takes, when a cell is decided and which controls meet in a trial is in [`amiproof_model::impact`]; this drives nodes and
//! checks.
//!
//! # Guarantees
//! * As those of [`bisect`](crate::bisect): changes are in the ledger before they are made, every node is read again afterwards, and foreign nodes are not touched.
//! * A cell says that a control breaks a check only if the check failed twice with it and passed again without.

mod pairs;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use amiproof_model::bisect::{Answer, Item, Side};
use amiproof_model::controls::{Controls, Entry};
use amiproof_model::impact::{Next, Row, Way, next, notices, rows};
use amiproof_model::name::{CheckId, Level, VariantName};
use amiproof_model::report::impact::{ControlRecord, Effect, Impact, ImpactCell, ImpactOutcome, LeftOut, Pairs};
use amiproof_model::report::{NodeRecord, Phase, Subject};
use amiproof_model::setting::Setting;
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream;

use crate::check::{Body, Check};
use crate::context::Context;
use crate::exchange::nodes::{Nodes, Refused};
use crate::exchange::{allowed, answer_of, for_one_run, narrowed, put_back};
use crate::resource::node_change;
use crate::run::checks::{RunnerConfig, once};
use crate::run::event::EventKind;

/// How many checks run at a time; those with pods also wait for capacity.
const AT_A_TIME: usize = 16;

/// How often a trial is repeated because something on the host wrote its own values meanwhile.
const REPEATED: usize = 3;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The variant whose nodes are changed.
    pub variant: VariantName,
    /// The controls of the benchmark.
    pub controls: &'static Controls,
    /// The level up to which they are tried.
    pub level: Level,
    /// The numbers of the only controls to try; empty for all.
    pub only: Vec<String>,
    /// Checks that are run for every control.
    pub core: Vec<Check>,
    /// Checks that are run for the controls that they could notice.
    pub noticing: Vec<Check>,
    /// Whether controls that break nothing alone are tried two at a time.
    pub pairs: bool,
    /// No control, and no trial of pairs, is begun after so long.
    pub time: Option<Duration>,
    /// The only nodes to change, even if pods that do not belong to the run are on them; empty for all nodes of the variant.
    pub nodes: Vec<String>,
}

impl Wanted {
    /// Every check that is run.
    fn checks(&self) -> impl Iterator<Item = &Check> {
        self.core.iter().chain(self.noticing.iter().filter(|check| !self.is_core(check)))
    }

    fn is_core(&self, check: &Check) -> bool {
        self.core.iter().any(|own| own.id == check.id)
    }
}

/// Measures every control: on each node of the variant one at a time, so that as many are under way as there are nodes.
///
/// # Errors
/// Why nothing was measured, as a clause.
///
/// # Cancel safety
/// When the run is interrupted, the present runs of checks stop, everything is put back, and the result says what is missing.
pub(crate) async fn measure(
    context: &Context,
    wanted: &Wanted,
    settings: &[Setting],
    config: &RunnerConfig,
) -> Result<Impact, String> {
    let [context] = allowed([context], &wanted.nodes).await?;
    node_change::undo_all(&context.ledger, context.aws.as_ref(), &context.cluster).await?;
    let contexts = each_node(&context).await?;
    let mut nodes = Vec::new();
    for context in &contexts {
        nodes.push(Nodes::read(context, Side::Reference).await?);
    }
    let facts = nodes.first().and_then(Nodes::facts).cloned();
    let facts = facts.ok_or_else(|| format!("variant {} has no node", wanted.variant))?;
    let is_asked = |row: &Row<'_>| {
        wanted.only.is_empty() || row.entry.controls.iter().any(|own| wanted.only.iter().any(|one| own.number() == one))
    };
    let rows: Vec<Row<'_>> = rows(wanted.controls, wanted.level, &facts).into_iter().filter(is_asked).collect();
    let items: Vec<Item> = rows.iter().filter_map(|row| item(row).cloned()).collect();
    let until = wanted.time.map(|time| tokio::time::Instant::now() + time);
    let mut benches = Vec::new();
    for (context, nodes) in contexts.iter().zip(&mut nodes) {
        let useless = BTreeMap::new();
        benches.push(Bench {
            context,
            nodes,
            subject: &wanted.variant,
            items: &items,
            config,
            runs: 0,
            until,
            useless,
        });
    }
    let mut impact = Impact {
        variant: wanted.variant.clone(),
        benchmark: wanted.controls.benchmark.clone(),
        level: wanted.level,
        host: context.nodes.first().map(host).unwrap_or_default(),
        checks: Vec::new(),
        left_out: Vec::new(),
        controls: Vec::new(),
        pairs: None,
        runs: 0,
        unfinished: None,
        not_restored: Vec::new(),
    };
    let ended = all(&mut benches, &rows, wanted, settings, &mut impact).await;
    impact.unfinished = ended.err();
    impact.runs = benches.iter().map(|bench| bench.runs).sum();
    let useless: BTreeMap<CheckId, String> = benches.into_iter().flat_map(|bench| bench.useless).collect();
    impact.left_out.extend(useless.into_iter().map(|(check, why)| LeftOut { check, why }));
    impact.not_restored = put_back(nodes.iter_mut().collect(), &items).await;
    Ok(impact)
}

/// A context for each node of a variant. Each has a subject name of its own, so that the same check on two nodes gets
/// two namespaces.
async fn each_node(context: &Context) -> Result<Vec<Context>, String> {
    if context.nodes.len() == 1 {
        return Ok(vec![context.clone()]);
    }
    let mut all = Vec::new();
    for node in context.nodes.iter() {
        let own = narrowed(context, std::slice::from_ref(&node.name)).await?;
        let name = format!("{}-n{}", context.variant.name, node.index).parse();
        let name: VariantName =
            name.map_err(|error| format!("node {} cannot be measured alone: {error}", node.name))?;
        all.push(Context { subject: Subject::Variant(name), ..own });
    }
    Ok(all)
}

/// Fills the record.
///
/// # Errors
/// Why it ended early, as a clause.
async fn all(
    benches: &mut [Bench<'_, '_>],
    rows: &[Row<'_>],
    wanted: &Wanted,
    settings: &[Setting],
    impact: &mut Impact,
) -> Result<(), String> {
    let checks: Vec<&Check> = wanted.checks().collect();
    let (first, others) = benches.split_first_mut().ok_or_else(|| "there is no node".to_owned())?;
    first.as_they_are(&checks).await?;
    others.iter_mut().for_each(|other| other.useless.clone_from(&first.useless));
    let is_useful = |check: &&Check| !first.useless.contains_key(&check.id);
    let useful: Vec<&Check> = checks.into_iter().filter(is_useful).collect();
    impact.checks = useful.iter().map(|check| check.id.clone()).collect();
    if useful.is_empty() {
        return Err("no check passes on the nodes as they are".to_owned());
    }
    let set: Vec<(&Row<'_>, Vec<&Check>)> = rows
        .iter()
        .filter(|row| item(row).is_some())
        .map(|row| {
            let could = |check: &&&Check| wanted.is_core(check) || could_notice(check, row.entry, settings);
            (row, useful.iter().filter(could).copied().collect())
        })
        .collect();
    let queue = AtomicUsize::new(0);
    let mut works = Vec::new();
    for bench in benches.iter_mut() {
        works.push(bench.work(&queue, &set));
    }
    let (mut outcomes, mut ended) = (BTreeMap::new(), Ok(()));
    for (own, end) in join_all(works).await {
        outcomes.extend(own);
        ended = ended.and(end);
    }
    let ended = ended.map_err(|why| format!("{why} after {} of {} controls", outcomes.len(), set.len()));
    let (mut number, mut harmless) = (0, Vec::new());
    for row in rows {
        let outcome = match &row.way {
            Way::AsItIs => ImpactOutcome::AsItIs,
            Way::Cannot(why) => ImpactOutcome::NotMeasured { why: why.clone() },
            Way::Set(_) => {
                number += 1;
                let Some(outcome) = outcomes.remove(&(number - 1)) else { continue };
                outcome
            }
        };
        if let ImpactOutcome::Measured { cells } = &outcome
            && cells.iter().all(|cell| cell.effect == Effect::Works)
        {
            harmless.push(number - 1);
        }
        impact.controls.push(record(row, outcome));
    }
    ended?;
    if let Some(bench) = benches.first_mut().filter(|_| wanted.pairs) {
        let pairs = impact.pairs.insert(Pairs::default());
        bench.pairs(&useful, &harmless, pairs).await?;
    }
    Ok(())
}

fn item<'a>(row: &'a Row<'_>) -> Option<&'a Item> {
    match &row.way {
        Way::Set(item) => Some(item),
        Way::AsItIs | Way::Cannot(_) => None,
    }
}

/// What a node says it is.
fn host(node: &NodeRecord) -> Vec<String> {
    let parts = [
        node.os_image.clone(),
        format!("kernel {}", node.kernel),
        format!("kubelet {}", node.kubelet),
        node.runtime.clone(),
    ];
    parts
        .into_iter()
        .filter(|part| part.split_whitespace().last().is_some_and(|word| word != "kernel" && word != "kubelet"))
        .collect()
}

/// A node and what is known of the checks on it.
struct Bench<'a, 'n> {
    context: &'a Context,
    nodes: &'a mut Nodes<'n>,
    /// The variant, which progress is about.
    subject: &'a VariantName,
    /// What can be set, in the order of the rows.
    items: &'a [Item],
    config: &'a RunnerConfig,
    runs: usize,
    until: Option<tokio::time::Instant>,
    /// Checks that do not pass on the nodes as they are, and so show nothing, each with the reason.
    useless: BTreeMap<CheckId, String>,
}

/// The answers of several checks with the same settings, or why these cannot be set.
type Answers = Result<Vec<(CheckId, Answer)>, String>;

impl Bench<'_, '_> {
    /// Measures what is next in the queue until it is empty, with the checks of each.
    ///
    /// Returns what was found by position, and the reason as a clause if it ended early.
    async fn work(
        &mut self,
        queue: &AtomicUsize,
        set: &[(&Row<'_>, Vec<&Check>)],
    ) -> (BTreeMap<usize, ImpactOutcome>, Result<(), String>) {
        let mut outcomes = BTreeMap::new();
        loop {
            if let Err(why) = self.may_begin() {
                return (outcomes, Err(why));
            }
            let number = queue.fetch_add(1, Ordering::Relaxed);
            let Some((row, checks)) = set.get(number) else { return (outcomes, Ok(())) };
            match self.cells(number, checks).await {
                Ok(outcome) => {
                    self.say(&record(row, outcome.clone()), number + 1);
                    outcomes.insert(number, outcome);
                }
                Err(why) => return (outcomes, Err(why)),
            }
        }
    }

    /// Runs all checks on the nodes as they are, twice those that do not pass.
    async fn as_they_are(&mut self, checks: &[&Check]) -> Result<(), String> {
        let mut left = checks.to_vec();
        self.tell(format!(
            "impact: {} checks on the nodes as they are, then {} settings",
            checks.len(),
            self.items.len()
        ));
        for turn in 0..2 {
            let answers =
                self.ask(&BTreeSet::new(), &left).await?.map_err(|why| format!("the nodes cannot be used: {why}"))?;
            let mut failed = Vec::new();
            for (check, answer) in answers {
                let why = match answer {
                    Answer::Passes => continue,
                    Answer::Fails => "it fails on the nodes as they are".to_owned(),
                    Answer::Unknown(why) => why,
                };
                failed.push(check.clone());
                if turn == 1 {
                    self.useless.insert(check, why);
                }
            }
            left.retain(|check| failed.contains(&check.id));
            if left.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Whether another control is begun.
    fn may_begin(&self) -> Result<(), String> {
        if self.context.cancel.is_cancelled() {
            return Err("the run was interrupted".to_owned());
        }
        match self.until {
            Some(until) if tokio::time::Instant::now() >= until => Err("the time is up".to_owned()),
            _ => Ok(()),
        }
    }

    /// Decides the cells of one control.
    async fn cells(&mut self, number: usize, checks: &[&Check]) -> Result<ImpactOutcome, String> {
        let set = BTreeSet::from([number]);
        let mut with: BTreeMap<CheckId, Vec<Answer>> = BTreeMap::new();
        let mut after: BTreeMap<CheckId, Vec<Answer>> = BTreeMap::new();
        let mut decided: BTreeMap<CheckId, Effect> = BTreeMap::new();
        loop {
            let (mut again, mut later) = (Vec::new(), Vec::new());
            for check in checks.iter().filter(|check| !self.useless.contains_key(&check.id)) {
                let of = |all: &BTreeMap<CheckId, Vec<Answer>>| all.get(&check.id).cloned().unwrap_or_default();
                match next(&of(&with), &of(&after)) {
                    Next::With => again.push(*check),
                    Next::After => later.push(*check),
                    Next::Done(effect) => {
                        decided.insert(check.id.clone(), effect);
                    }
                }
            }
            let (exchanged, asked, answers) = match (again.is_empty(), later.is_empty()) {
                (false, _) => (set.clone(), again, &mut with),
                (true, false) => (BTreeSet::new(), later, &mut after),
                (true, true) => break,
            };
            match self.ask(&exchanged, &asked).await? {
                Ok(all) => all.into_iter().for_each(|(check, answer)| answers.entry(check).or_default().push(answer)),
                Err(why) => return Ok(ImpactOutcome::NotMeasured { why }),
            }
        }
        // A check that no longer passes on unchanged nodes is not used any more.
        for (check, answers) in &after {
            if !answers.contains(&Answer::Passes) {
                let why = format!("it no longer passed after {} was put back", self.name(number));
                self.useless.insert(check.clone(), why);
            }
        }
        let cell = |check: &&Check| {
            let effect = decided.get(&check.id)?.clone();
            Some(ImpactCell { check: check.id.clone(), effect })
        };
        let cells: Vec<ImpactCell> = checks.iter().filter_map(cell).collect();
        if cells.is_empty() {
            let why = "no check that could notice it passes on these nodes".to_owned();
            return Ok(ImpactOutcome::NotMeasured { why });
        }
        Ok(ImpactOutcome::Measured { cells })
    }

    /// Runs checks once with exactly these items set, again if something on a host wrote its own values meanwhile.
    ///
    /// The outer error is why nothing more can be tried, the inner one why these items cannot be set.
    async fn ask(&mut self, exchanged: &BTreeSet<usize>, checks: &[&Check]) -> Result<Answers, String> {
        for _ in 0..REPEATED {
            match self.nodes.exchange(self.items, exchanged).await {
                Ok(()) => {}
                Err(Refused::Node(why)) => return Err(why),
                Err(Refused::Items(all)) => {
                    let why = all.into_iter().next().map(|(_, why)| why).unwrap_or_default();
                    return Ok(Err(why));
                }
            }
            let (context, config) = (for_one_run(self.context, None), self.config.clone());
            let runs: Vec<_> = checks
                .iter()
                .map(|check| {
                    let (context, config, check) = (context.clone(), config.clone(), (*check).clone());
                    async move {
                        let outcome = once(&context, &check, &config).await;
                        (check.id, outcome)
                    }
                })
                .collect();
            let answers: Vec<_> = stream::iter(runs).buffered(AT_A_TIME).collect().await;
            self.runs += answers.len();
            let lost: BTreeSet<usize> =
                self.nodes.lost().await?.into_iter().filter(|item| !self.nodes.keeps(*item)).collect();
            if self.context.cancel.is_cancelled() {
                return Err("the run was interrupted".to_owned());
            }
            if !lost.is_empty() {
                self.nodes.keep(lost).await?;
                continue;
            }
            let answer = |(check, outcome): (CheckId, Option<_>)| {
                let answer =
                    outcome.as_ref().map_or_else(|| Answer::Unknown("it was interrupted".to_owned()), answer_of);
                (check, answer)
            };
            return Ok(Ok(answers.into_iter().map(answer).collect()));
        }
        Ok(Err("something on the host keeps its own value".to_owned()))
    }

    fn name(&self, number: usize) -> String {
        self.items.get(number).map(Item::headline).unwrap_or_default()
    }

    /// A progress line for one control.
    fn say(&self, record: &ControlRecord, number: usize) {
        let found = match &record.outcome {
            ImpactOutcome::NotMeasured { why } => format!("not measured: {why}"),
            ImpactOutcome::AsItIs => "nothing to change".to_owned(),
            ImpactOutcome::Measured { cells } => {
                let broken: Vec<&str> = record.broken().map(CheckId::as_str).collect();
                let unclear = record.affected().count() - broken.len();
                let mut found = match broken.as_slice() {
                    [] => format!("{} checks pass", cells.len() - unclear),
                    some => format!("breaks {}", some.join(", ")),
                };
                if unclear > 0 {
                    found.push_str(&format!("; {unclear} undecided"));
                }
                found
            }
        };
        self.tell(format!("impact {number} of {}: {} ({}): {found}", self.items.len(), record.title, record.number()));
    }

    fn tell(&self, text: String) {
        let subject = Subject::Variant(self.subject.clone());
        self.config.events.waiting(&subject, format!("the next control, after {text}"));
        self.config.events.send(&subject, EventKind::Progress(Phase::Test, text));
    }
}

/// Whether a check could fail on a node that meets a control, by what is known of settings.
pub fn could_notice(check: &Check, entry: &Entry, settings: &[Setting]) -> bool {
    let exercises = match &check.body {
        Body::Workload(workload) => workload.exercises.as_slice(),
        Body::Code(_) | Body::Scan(_) => &[],
    };
    notices(entry, settings, &check.id, exercises)
}

fn record(row: &Row<'_>, outcome: ImpactOutcome) -> ControlRecord {
    ControlRecord {
        controls: row.entry.controls.clone(),
        part: row.entry.part.clone(),
        title: row.entry.title.clone(),
        level: row.entry.level,
        settings: row.settings.clone(),
        outcome,
    }
}
