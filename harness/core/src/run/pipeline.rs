//! One variant from image to teardown: each step starts as soon as its own predecessor is done, independently of other variants.

use std::collections::BTreeMap;
use std::sync::Arc;

use amiproof_model::matrix::{AmiSource, MadeNodes, Matrix, NodeSource, Variant};
use amiproof_model::name::{CheckId, VariantName};
use amiproof_model::report::{NodeRecord, Phase, PhaseEnd, Subject};
use amiproof_time::watch;
use camino::Utf8Path;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::event::{EventKind, PhaseError, of_variant};
use super::plan::cluster_check_candidates;
use super::quiescence::{Participant, Quiescence};
use super::session::{Session, guarded};
use super::shared::{Arrival, ClusterReady, Shared};
use super::subject::{Checked, context};
use super::{checks, experiment, failure, nodes, rows};
use crate::aws::Clients;
use crate::aws::ami::Ami;
use crate::aws::node_group::takes_controllers;
use crate::check::Check;
use crate::cluster;

use crate::context::Peers;
use crate::destroy::{self, What};

/// The pipelines of all variants, and what they need from each other.
pub(crate) struct Pipelines {
    handles: BTreeMap<VariantName, Handle>,
}

/// What other pipelines use of one pipeline: its nodes, and a keepalive. All handles are dropped once every pipeline runs, so that each
/// pipeline owns the only sender of its nodes: if it panics, the channel closes and no other pipeline waits for it.
struct Handle {
    /// Its nodes, for the variants that use it as their reference.
    nodes: watch::Receiver<Peers>,
    /// Moved into its pipeline.
    sender: Option<Nodes>,
    /// Cloned by everyone who needs its nodes; its teardown waits until the last clone is gone.
    keepalive: mpsc::Sender<()>,
    /// Closes when no other variant needs its nodes any more.
    released: Option<mpsc::Receiver<()>>,
}

/// Announces the nodes of a pipeline. If it is dropped without an announcement, it announces that none will come.
struct Nodes(watch::Sender<Peers>);

impl Nodes {
    fn say(&self, peers: Peers) {
        self.0.send_replace(peers);
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.0.send_if_modified(|peers| {
            let is_open = matches!(peers, Peers::Pending);
            if is_open {
                *peers = Peers::Unavailable("its pipeline failed".to_owned());
            }
            is_open
        });
    }
}

/// What one pipeline owns: the sending ends of its handle, and what it waits for.
struct PipelineEnds {
    nodes: Nodes,
    released: mpsc::Receiver<()>,
    peers: watch::Receiver<Peers>,
    /// Keeps the reference's nodes alive until this variant's tests are over.
    reference_keepalive: Option<mpsc::Sender<()>>,
    /// Kept as long as the variant may provide nodes for the controllers of add-ons.
    arrival: Option<Arrival>,
}

impl Pipelines {
    /// A handle per variant.
    pub(crate) fn new(matrix: &Matrix) -> Self {
        let handles = matrix.variants.iter().map(|variant| {
            let (keepalive, released) = mpsc::channel(1);
            let (sender, nodes) = watch::channel(Peers::Pending);
            let handle = Handle { nodes, sender: Some(Nodes(sender)), keepalive, released: Some(released) };
            (variant.name.clone(), handle)
        });
        Self { handles: handles.collect() }
    }

    /// Runs all pipelines concurrently, and the checks of the whole cluster on the first suitable variant's nodes.
    pub(crate) async fn run(mut self, session: &Arc<Session>, shared: &Shared, arrival: Arrival) {
        let mut running = JoinSet::new();
        let mut names = BTreeMap::new();
        let (busy, quiet) = mpsc::channel(1);
        let quiescence = Quiescence::default();
        let on_cluster = session.checks(&Subject::Cluster);
        let needed = session.needed();
        let candidates = self.candidates(&session.plan.matrix);
        let variants: Vec<Variant> = session.plan.matrix.variants.clone();
        let pipelines: Vec<_> = variants
            .into_iter()
            .filter_map(|variant| Some((self.ends(&variant, session, &arrival)?, variant)))
            .collect();
        // Unused keepalives would make every teardown wait, and unused senders every reader.
        drop((self, arrival));
        if on_cluster.is_empty() {
            drop((candidates, quiet));
        } else {
            let (session, shared) = (Arc::clone(session), shared.clone());
            let ordinary = quiescence.ordinary();
            let task = running.spawn(async move {
                check_cluster(session, shared, candidates, quiet, on_cluster).await;
                drop(ordinary);
            });
            names.insert(task.id(), Subject::Cluster);
        }
        for (ends, variant) in pipelines {
            let name = variant.name.clone();
            let (session, shared) = (Arc::clone(session), shared.clone());
            let barriers = Barriers { busy: busy.clone(), participant: quiescence.participant(&variant) };
            let is_needed = needed.contains(&name);
            let task = running.spawn(async move {
                if is_needed {
                    run_variant(session, shared, Arc::new(variant), ends, barriers).await;
                } else {
                    drop(barriers);
                    skip(session, shared, &variant, ends).await;
                }
            });
            names.insert(task.id(), of_variant(&name));
        }
        drop(busy);
        quiescence.complete();
        while let Some(joined) = running.join_next_with_id().await {
            let Err(failure) = joined else { continue };
            let Some(subject) = names.get(&failure.id()) else { continue };
            let message = format!("its pipeline panicked, which is a bug in amiproof: {failure}");
            report_phase_error(session, subject, Phase::Test, &PhaseError::other(message));
        }
    }

    fn ends(&mut self, variant: &Variant, session: &Session, arrival: &Arrival) -> Option<PipelineEnds> {
        let (peers, reference_keepalive) = match variant.reference.as_ref().and_then(|name| self.handles.get(name)) {
            Some(handle) => (handle.nodes.clone(), Some(handle.keepalive.clone())),
            None => (watch::Sender::new(Peers::None).subscribe(), None),
        };
        let handle = self.handles.get_mut(&variant.name)?;
        let arrival = carries_controllers(&session.plan.matrix, variant).then(|| arrival.clone());
        Some(PipelineEnds {
            nodes: handle.sender.take()?,
            released: handle.released.take()?,
            peers,
            reference_keepalive,
            arrival,
        })
    }

    fn candidates(&self, matrix: &Matrix) -> Vec<Candidate> {
        cluster_check_candidates(matrix)
            .into_iter()
            .filter_map(|variant| {
                let handle = self.handles.get(&variant.name)?;
                let (nodes, keepalive) = (handle.nodes.clone(), handle.keepalive.clone());
                Some(Candidate { variant: Arc::new(variant.clone()), nodes, keepalive })
            })
            .collect()
    }
}

/// Signals between a variant and all the others.
struct Barriers {
    /// Dropped when its checks are over, except disruptive ones: checks of the whole cluster wait for that.
    busy: mpsc::Sender<()>,
    participant: Participant,
}

/// A variant whose nodes the checks of the whole cluster may use.
struct Candidate {
    variant: Arc<Variant>,
    nodes: watch::Receiver<Peers>,
    keepalive: mpsc::Sender<()>,
}

/// Whether the controllers of add-ons may run on a variant's nodes: only on stock images, or on any Linux image if there is none.
fn carries_controllers(matrix: &Matrix, variant: &Variant) -> bool {
    let has_stock = matrix.variants.iter().any(takes_controllers);
    if has_stock { takes_controllers(variant) } else { variant.family.is_linux() }
}

/// Runs the checks of the whole cluster on the nodes of the first candidate that gets any, once the checks of all variants are over:
/// policies are evaluated by the objects in the cluster, which must not include the run's own workloads and scans.
async fn check_cluster(
    session: Arc<Session>,
    shared: Shared,
    candidates: Vec<Candidate>,
    mut quiet: mpsc::Receiver<()>,
    checks: Vec<Check>,
) {
    let subject = Subject::Cluster;
    let mut reason = "no variant with Linux nodes is selected".to_owned();
    let mut failed = Vec::new();
    let mut candidates = candidates.into_iter();
    while let Some(mut candidate) = candidates.next() {
        let nodes = match settled(&session, &mut candidate.nodes).await {
            Some(Peers::Ready(nodes)) => nodes,
            Some(Peers::Unavailable(why)) => {
                reason = format!("no variant got nodes; {}: {why}", candidate.variant.name);
                failed.push(session.failed_at(&candidate.variant.name));
                continue;
            }
            _ => return,
        };
        // The others need not keep their nodes for this.
        drop(candidates);
        let cluster = match shared.ready(&session).await {
            Ok(cluster) => cluster,
            Err(PhaseError::Cancelled) => return,
            Err(broken) => return report_phase_error(&session, &subject, Phase::Test, &broken),
        };
        let _all_are_done = session.stop.cancel.run_until_cancelled(quiet.recv()).await;
        let (_none, peers) = watch::channel(Peers::None);
        let checked = Checked { subject: subject.clone(), variant: candidate.variant, nodes, peers };
        match context(&session, &cluster, checked) {
            Ok(context) => {
                shared.addons_settled(&session).await;
                checks::run_all(&context, &checks, &session.runner_config()).await;
            }
            // Missing rows get this reason when the run ends.
            Err(broken) => report_phase_error(&session, &subject, Phase::Test, &broken),
        }
        drop(candidate.keepalive);
        return;
    }
    // If every candidate failed on its own, the missing rows follow from that.
    if let Some(check) = failed.iter().cloned().collect::<Option<Vec<CheckId>>>().and_then(|all| all.into_iter().next())
    {
        session.events.send(&subject, EventKind::PhaseStarted(Phase::Test));
        let end = PhaseEnd::Failed { check, message: reason.clone() };
        session.events.send(&subject, EventKind::PhaseEnded(Phase::Test, end));
    }
    for result in rows::not_asked(&subject, None, &checks, &reason, session.events.now()) {
        session.events.send(&subject, EventKind::Result(Box::new(result)));
    }
}

/// All phases of one variant. Teardown is attempted whatever happens.
async fn run_variant(
    session: Arc<Session>,
    shared: Shared,
    variant: Arc<Variant>,
    mut ends: PipelineEnds,
    barriers: Barriers,
) {
    let subject = of_variant(&variant.name);
    let (disturbing, selected): (Vec<Check>, Vec<Check>) =
        session.checks(&subject).into_iter().partition(|check| check.disturbs);
    let mut tested = None;
    match provision(&session, &shared, &variant).await {
        Ok((cluster, nodes)) => {
            let nodes = Arc::new(nodes);
            ends.nodes.say(Peers::Ready(Arc::clone(&nodes)));
            let checked = Checked { subject: subject.clone(), variant: Arc::clone(&variant), nodes, peers: ends.peers };
            match context(&session, &cluster, checked) {
                Ok(context) => {
                    shared.addons_settled(&session).await;
                    checks::run_all(&context, &selected, &session.runner_config()).await;
                    tested = Some(context);
                }
                Err(broken) => report_phase_error(&session, &subject, Phase::Test, &broken),
            }
        }
        // Missing rows are added when the run ends: not evaluated, because it was interrupted.
        Err(PhaseError::Cancelled) => ends.nodes.say(Peers::Unavailable("the run was interrupted".to_owned())),
        Err(PhaseError::Failed(failed)) => {
            session.failed(&variant.name, &failed.check);
            ends.nodes.say(Peers::Unavailable(failed.finding.summary.clone()));
            session.events.send(&subject, EventKind::NeverJoined(failed.instances.clone()));
            let checks = [selected, disturbing.clone()].concat();
            for result in failure::results(&variant, &checks, &failed, session.events.now()) {
                session.events.send(&subject, EventKind::Result(Box::new(result)));
            }
        }
        Err(broken @ PhaseError::Other { .. }) => {
            ends.nodes.say(Peers::Unavailable(broken.message().to_owned()));
            let reason = format!("the variant failed before this check could start: {}", broken.message());
            let checks = [selected, disturbing.clone()].concat();
            for result in rows::not_asked(&subject, Some(&variant), &checks, &reason, session.events.now()) {
                session.events.send(&subject, EventKind::Result(Box::new(result)));
            }
        }
    }
    if tested.is_none() {
        // No nodes will come, so nothing must wait for them.
        ends.arrival = None;
    }
    drop(barriers.busy);
    let wanted = session.plan.experiment.as_ref().filter(|wanted| *wanted.variant() == variant.name);
    match tested.filter(|_| !disturbing.is_empty() || wanted.is_some()) {
        None => drop(barriers.participant),
        Some(context) => {
            let Some(_turn) = session.stop.cancel.run_until_cancelled(barriers.participant.turn()).await else {
                return;
            };
            checks::run_alone(&context, &disturbing, &session.runner_config()).await;
            if let Some(wanted) = wanted {
                experiment::conduct(&session, &shared, &context, wanted).await;
            }
        }
    }
    drop((ends.reference_keepalive, ends.arrival));
    if session.plan.steps.teardown {
        teardown(&session, shared.access(), &variant, ends.released).await;
    }
}

/// A variant whose checks are all answered by an earlier command of the run: only what it left is deleted.
async fn skip(session: Arc<Session>, shared: Shared, variant: &Variant, ends: PipelineEnds) {
    let PipelineEnds { nodes, released, peers: _, reference_keepalive, arrival } = ends;
    nodes.say(Peers::Unavailable("its checks are all answered".to_owned()));
    drop((reference_keepalive, arrival));
    if session.plan.steps.teardown {
        teardown(&session, shared.access(), variant, released).await;
    }
}

/// Everything up to nodes that are Ready and run the right image.
async fn provision(
    session: &Session,
    shared: &Shared,
    variant: &Variant,
) -> Result<(Arc<ClusterReady>, Vec<NodeRecord>), PhaseError> {
    let subject = of_variant(&variant.name);
    let events = &session.events;
    let (cluster, nodes) = match &variant.nodes {
        NodeSource::Made(made) => {
            let ami = guarded(session, resolve_ami(session, variant, made));
            let ami = events.phase(&subject, Phase::Ami, ami).await?;
            events.send(&subject, EventKind::Ami(ami.record.clone()));
            let cluster = shared.ready(session).await?;
            let name = crate::aws::names::node_group(&session.plan.run, &variant.name);
            events.send(&subject, EventKind::NodeGroup(name));
            if session.plan.steps.provision {
                let template = guarded(session, cluster.eks()?.launch_template(session, variant, made, &ami));
                let template = events.phase(&subject, Phase::LaunchTemplate, template).await?;
                let group = cluster.eks()?.node_group(session, variant, made, &template, &cluster.access);
                let group = guarded(session, group);
                events.phase(&subject, Phase::NodeGroup, group).await?;
            }
            let nodes = guarded(session, nodes::made(session, &cluster, variant, made, &ami.record));
            let nodes = events.phase(&subject, Phase::Nodes, nodes).await?;
            (cluster, nodes)
        }
        NodeSource::Selected(selector) => {
            let cluster = shared.ready(session).await?;
            if let Some(group) = selector.value_of(cluster::NODE_GROUP_LABEL) {
                events.send(&subject, EventKind::NodeGroup(group.to_owned()));
            }
            let nodes = guarded(session, nodes::selected(session, &cluster, variant, selector));
            let (nodes, ami) = events.phase(&subject, Phase::Nodes, nodes).await?;
            if let Some(ami) = ami {
                events.send(&subject, EventKind::Ami(ami));
            }
            (cluster, nodes)
        }
    };
    events.send(&subject, EventKind::Nodes(nodes.clone()));
    Ok((cluster, nodes))
}

/// The image of a variant. A run that is continued tests the image that it began with: a report must not mix answers about two images. What
/// AWS or a pattern names may have moved on since; what the matrix names exactly must not.
async fn resolve_ami(session: &Session, variant: &Variant, made: &MadeNodes) -> Result<Ami, PhaseError> {
    let (clients, base) = (session.aws()?, &session.plan.base);
    let earlier = session.plan.earlier.as_ref().and_then(|report| {
        let variant = report.variants.iter().find(|other| other.name == variant.name)?;
        variant.ami.clone()
    });
    let Some(earlier) = earlier else { return image_of(clients, base, variant, made).await };
    match &made.ami {
        AmiSource::Recommended
        | AmiSource::SsmParameter(_)
        | AmiSource::Filter { .. }
        | AmiSource::ImageBuilder { .. } => {
            let pinned = MadeNodes { ami: AmiSource::Id(earlier.id.clone()), ..made.clone() };
            let mut ami = image_of(clients, base, variant, &pinned).await?;
            ami.record.source = earlier.source;
            Ok(ami)
        }
        AmiSource::Id(_) | AmiSource::PackerManifest { .. } => {
            let ami = image_of(clients, base, variant, made).await?;
            if ami.record.id == earlier.id {
                return Ok(ami);
            }
            let message = format!(
                "the run started with {}, but the matrix now names {}: run `amiproof destroy` and start a new run, so that \
                 results of the two images are not mixed",
                earlier.id, ami.record.id
            );
            Err(PhaseError::Other { message, evidence: Vec::new() })
        }
    }
}

/// The image of a variant. `base` is the folder of the matrix file, which a Packer manifest is named from.
pub(super) async fn image_of(
    clients: &Clients,
    base: &Utf8Path,
    variant: &Variant,
    made: &MadeNodes,
) -> Result<Ami, PhaseError> {
    let manifest = match &made.ami {
        AmiSource::PackerManifest { path, .. } => {
            let path = base.join(path);
            let text = crate::bounded::text(&path, crate::bounded::MANIFEST).map_err(|error| PhaseError::Other {
                message: match &made.build {
                    Some(_) => format!(
                        "cannot read the Packer manifest {path}: {error}; `amiproof build {}` builds the image",
                        variant.name
                    ),
                    None => format!("cannot read the Packer manifest {path}: {error}"),
                },
                evidence: Vec::new(),
            })?;
            Some(text)
        }
        _ => None,
    };
    crate::aws::ami::resolve(clients, variant, made, manifest.as_deref())
        .await
        .map_err(|error| PhaseError::from_error(&error))
}

/// Deletes the variant's own resources as soon as nothing needs its nodes any more. What fails here is retried by the last teardown of
/// the run, which also reports it.
async fn teardown(
    session: &Session,
    access: Option<cluster::Access>,
    variant: &Variant,
    mut released: mpsc::Receiver<()>,
) {
    let subject = of_variant(&variant.name);
    let wait = session.stop.cancel.run_until_cancelled(released.recv());
    let _everybody_left = wait.await;
    let progress = destroy::ProgressSink::silent();
    let work = async {
        let plan = destroy::Plan {
            ledger: &session.tools.ledger,
            clients: session.tools.clients.as_ref(),
            access: access.as_ref(),
            what: What::Variant(&variant.name),
            deadlines: destroy::Deadlines::default(),
            progress: &progress,
        };
        match session.stop.abort.run_until_cancelled(destroy::destroy(&plan)).await {
            None => Err(PhaseError::Cancelled),
            Some(Err(error)) => Err(PhaseError::from_error(&error)),
            Some(Ok(cleanup)) => match cleanup.leftovers.first() {
                None => Ok(()),
                Some(left) => Err(PhaseError::Other {
                    message: format!("{} {} still exists: {}", left.kind, left.id, left.reason),
                    evidence: Vec::new(),
                }),
            },
        }
    };
    if let Err(broken) = session.events.phase(&subject, Phase::Teardown, work).await {
        tracing::warn!(variant = %variant.name, "teardown will be tried again: {}", broken.message());
    }
}

/// Waits until it is known whether a variant gets nodes; `None` when the run was interrupted first.
async fn settled(session: &Session, nodes: &mut watch::Receiver<Peers>) -> Option<Peers> {
    let known = nodes.wait_for(|peers| !matches!(peers, Peers::Pending));
    match session.stop.cancel.run_until_cancelled(known).await? {
        Ok(peers) => Some(peers.clone()),
        // A pipeline announces this itself; a sender dropped without a value never had a pipeline.
        Err(_) => Some(Peers::Unavailable("its pipeline failed".to_owned())),
    }
}

fn report_phase_error(session: &Session, subject: &Subject, phase: Phase, broken: &PhaseError) {
    let end = PhaseEnd::Error { message: broken.message().to_owned(), evidence: Vec::new() };
    session.events.send(subject, EventKind::PhaseEnded(phase, end));
}
