//! Applies a workload, watches until its conditions are met or cannot be met, and deletes everything.

use std::sync::Arc;
use std::time::Duration;

use amiproof_model::report::NodeRecord;
use amiproof_model::selector::NodeSelector;
use amiproof_model::verdict::Verdict;
use amiproof_model::workload::{Need, Os, PLACE_ANNOTATION, PLACE_PEER, WINDOWS_RELEASE, Workload};
use futures::StreamExt as _;
use futures::stream::{BoxStream, SelectAll};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::change::Change;
use super::inject::{Injection, Nodes, fits_itself, inject};
use super::judge::{Ended, decide};
use super::late::DeferredObjects;
use super::pod_security::needs_host;
use super::precondition::{DEADLINE, NodeImage, Precondition};
use super::rights::Rights;
use super::stage::Stage;
use super::target_nodes::{Peer, TargetNodes};
use super::variables::{self, AWS_REGION, IMDS_EXPECTED, Variable};
use super::{capacity, needs};
use crate::act::{Act, evict};
use crate::check::{CheckError, Decision, Doing as _};
use crate::cluster::check_namespace::{self, CheckNamespace};
use crate::cluster::nodes::{self, selector_of};
use crate::cluster::pod_template::pod_template;
use crate::cluster::{Access, objects, pull_secret, storage, watch};
use crate::context::{Context, Peers};
use crate::wait::{Condition, Kind, Observed, Progress, pods};

/// Deadline for lists that are only needed for explanations.
const EXPLANATION: Duration = Duration::from_secs(10);

/// How long other connections may go on after one has failed: longer than the last attempts of the catalogue's clients take.
const OTHERS: Duration = Duration::from_secs(30);

/// How often a stage repeats its action, if it may have been too late to prove anything.
const ROUNDS: usize = 3;

/// The least real time for a precondition, however fast time passes.
const MIN_DEADLINE: Duration = Duration::from_secs(20);

/// Runs `workload` on the nodes of the context's variant. Its deadline begins with the first object that is applied, and is kept
/// here: give the attempt more time than that, or none.
///
/// # Errors
/// When nothing can be said about the variant: the API or the registry refuses, nodes are full, a pod ran elsewhere.
pub async fn run(workload: &Arc<Workload>, context: &Context) -> Result<Decision, CheckError> {
    let windows = !context.variant.family.is_linux();
    if windows != (workload.os == Os::Windows) {
        let wanted = if windows { "the workload runs on Linux" } else { "the workload runs on Windows" };
        return Ok(Verdict::NotApplicable(wanted.to_owned()).into());
    }
    if let Some(verdict) = needs::unmet(context, workload).await? {
        return Ok(verdict.into());
    }
    let conditions: Vec<Condition> = workload
        .expect
        .iter()
        .map(Condition::of)
        .collect::<Result<_, _>>()
        .map_err(|reason| CheckError::Undecided(format!("workload {}: {reason}", workload.name)))?;
    let preconditions = Precondition::all(workload)?;
    let targets = targets(context, workload).await?;
    let wanted = CheckNamespace {
        what: workload.name.clone(),
        privileged: needs_host(&workload.objects),
        ..CheckNamespace::default()
    };
    let workload = workload.clone();
    let is_hardened = context.variant.hardening.is_some() || context.variant.reference.is_some();
    check_namespace::within(context, wanted, move |context, namespace| async move {
        let rights = Rights::grant(&context, &workload, &namespace).await?;
        let decision = match Run::prepare(&context, &workload, namespace, targets, rights.roles()).await {
            Ok(mut run) => match run.unmet_precondition(preconditions, is_hardened).await {
                Ok(None) => run.until_ended(conditions, workload.timeout).await,
                Ok(Some(verdict)) => Ok(verdict.into()),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let decision = match decision {
            Ok(decision) => rights.confirm(&context, decision).await,
            Err(error) => Err(error),
        };
        rights.revoke(&context).await;
        decision
    })
    .await
}

/// The target nodes of the pods: waits for the reference's nodes if a template needs them.
async fn targets(context: &Context, workload: &Workload) -> Result<TargetNodes, CheckError> {
    let asks = |object: &Value| {
        let template = pod_template(&mut object.clone())
            .map(|template| template["metadata"]["annotations"][PLACE_ANNOTATION].clone());
        template.is_some_and(|place| place == PLACE_PEER)
    };
    let peer = match &context.variant.reference {
        Some(reference) if workload.objects.iter().any(asks) => {
            let variant = context.matrix.variants.iter().find(|variant| variant.name == *reference);
            let nodes = peer_nodes(context).await?;
            // A reference of another system runs none of these pods.
            let same = variant.filter(|variant| variant.family.is_linux() == (workload.os == Os::Linux));
            same.zip(nodes).map(|(variant, nodes)| Peer {
                variant: reference.clone(),
                selector: selector_of(&context.run, variant),
                nodes: nodes.to_vec(),
            })
        }
        _ => None,
    };
    Ok(TargetNodes {
        variant: context.variant.name.clone(),
        selector: context.selector.clone(),
        own: context.nodes.to_vec(),
        peer,
    })
}

/// The reference's nodes once they are Ready; `None` if there will be none.
async fn peer_nodes(context: &Context) -> Result<Option<Arc<Vec<NodeRecord>>>, CheckError> {
    let mut peers = context.peers.clone();
    let known = tokio::select! {
        biased;
        known = peers.wait_for(|peers| !matches!(peers, Peers::Pending)) => known.map(|peers| peers.clone()),
        () = context.cancel.cancelled() => return Err(CheckError::Cancelled),
    };
    match known {
        Ok(Peers::Ready(nodes)) if !nodes.is_empty() => Ok(Some(nodes)),
        // Without a reference the variant's own nodes talk to each other: less telling, but not nothing.
        Ok(Peers::Ready(_) | Peers::Unavailable(_) | Peers::None | Peers::Pending) | Err(_) => Ok(None),
    }
}

/// One attempt in progress.
struct Run {
    access: Access,
    namespace: String,
    targets: TargetNodes,
    objects: Vec<Value>,
    /// The state of each of them.
    origins: Vec<String>,
}

/// What is known of a namespace, and what tells of changes.
struct View {
    changes: SelectAll<Changes>,
    observed: Observed,
    /// The node ports that Services were given.
    node_ports: Vec<Variable>,
    /// The API server's last error, while it is away.
    api_error: Option<String>,
}

impl View {
    fn of(changes: SelectAll<Changes>) -> Self {
        Self { changes, observed: Observed::default(), node_ports: Vec::new(), api_error: None }
    }
}

type Changes = BoxStream<'static, Result<Change, Lost>>;

/// Why waiting for a change ended.
enum Lost {
    Watch(watcher::Error),
    /// An action failed.
    Act(CheckError),
}

impl Run {
    async fn prepare(
        context: &Context,
        workload: &Workload,
        namespace: String,
        targets: TargetNodes,
        roles: &[(String, String)],
    ) -> Result<Self, CheckError> {
        let own = pinned(&context.cluster, &targets.selector).await?;
        let peer = match &targets.peer {
            Some(peer) => pinned(&context.cluster, &peer.selector).await?,
            None => own.clone(),
        };
        let capacity = match workload.objects.iter().any(fits_itself) {
            true => {
                let left = capacity::on_one_node(&context.cluster, &context.selector).await?;
                Some(capacity::within_share(context, workload, left))
            }
            false => None,
        };
        let imds = variables::imds_expected(context.variant.imds_hop_limit);
        let mut variables = vec![(IMDS_EXPECTED.to_owned(), imds.to_owned())];
        variables.extend(context.aws.as_ref().map(|aws| (AWS_REGION.to_owned(), aws.region().to_owned())));
        let mut shared_class = None;
        for need in &workload.needs {
            if let Need::StorageClassOf(driver) = need {
                let class = storage::class_of(&context.cluster, driver).await;
                shared_class = class.doing(format!("looking for a storage class of {driver}"))?;
            }
        }
        let injection = Injection {
            shared_class: shared_class.as_deref(),
            run: &context.run,
            variant: &context.variant.name,
            workload: &workload.name,
            namespace: &namespace,
            own: &own,
            peer: &peer,
            image_registry: context.image_registry.as_deref(),
            capacity,
            variables: &variables,
            roles,
        };
        let mut objects = inject(&workload.objects, &injection);
        if context.pull_secret.is_some() {
            objects.iter_mut().for_each(pull_secret::let_pull);
        }
        if objects.iter().any(|object| object.to_string().contains(WINDOWS_RELEASE)) {
            let reason = format!(
                "the nodes have no label {} with a build of Windows that amiproof knows",
                nodes::WINDOWS_BUILD_LABEL
            );
            return Err(CheckError::Undecided(format!("cannot tell which Windows images run: {reason}")));
        }
        let origins = workload.origins.clone();
        Ok(Self { access: context.cluster.clone(), namespace, targets, objects, origins })
    }

    /// Runs the preconditions one by one, and takes them from the objects; what follows from the first that does not hold.
    async fn unmet_precondition(
        &mut self,
        preconditions: Vec<Precondition>,
        is_hardened: bool,
    ) -> Result<Option<Verdict>, CheckError> {
        for precondition in preconditions {
            let Some(at) = self.objects.iter().position(|object| precondition.is(object)) else { continue };
            let object = self.objects.remove(at);
            let stage = Stage { act: None, conditions: vec![Condition::Complete(precondition.job.clone())] };
            let mut view = View::of(self.watch(stage.conditions.iter()));
            self.apply(&object).await?;
            let deadline = Instant::now() + amiproof_time::scaled(DEADLINE).max(MIN_DEADLINE);
            let over = |observed: &Observed| stage.is_over(observed);
            self.until(over, 0, &mut DeferredObjects::of(&[], &[]), &mut view, deadline).await?;
            let image = NodeImage::of(&object, self.targets.peer.is_some(), is_hardened);
            for (_, progress) in stage.progress(&view.observed) {
                if let Some(verdict) = precondition.unmet(&progress, image) {
                    return Ok(Some(verdict));
                }
            }
        }
        Ok(None)
    }

    async fn until_ended(mut self, conditions: Vec<Condition>, timeout: Duration) -> Result<Decision, CheckError> {
        let deadline = Instant::now() + timeout;
        let stages = Stage::all(conditions);
        let mut late = DeferredObjects::of(&stages, &self.objects);
        let mut view = View::of(self.watch(stages.iter().flat_map(|stage| &stage.conditions)));
        for object in self.objects.iter().filter(|object| !late.holds(object)) {
            view.node_ports.extend(self.apply(object).await?);
        }
        let mut progress = Vec::new();
        let mut timed_out = None;
        for (number, stage) in stages.iter().enumerate() {
            let over = |observed: &Observed| stage.is_over(observed);
            let mut in_time = false;
            for _ in 0..ROUNDS {
                if let Some(act) = &stage.act {
                    self.act(act, &mut view).await?;
                }
                in_time = self.until(over, number, &mut late, &mut view, deadline).await?;
                if !in_time || !self.is_inconclusive(stage, &mut view).await {
                    break;
                }
            }
            if in_time {
                let tried = |observed: &Observed| stage.has_tried_all(observed);
                let soon = deadline.min(Instant::now() + OTHERS);
                // What is known now stays valid, even if the API server fails in the meantime.
                let _more = self.until(tried, number, &mut late, &mut view, soon).await;
                view.api_error = None;
            } else {
                timed_out = Some(timeout);
            }
            let reached = stage.progress(&view.observed);
            let passed = in_time && reached.iter().all(|(_, progress)| *progress == Progress::Met);
            if passed && number + 1 < stages.len() {
                progress.extend(reached);
                continue;
            }
            // A Job's end can arrive before the last change of its pod: proof and last words come from a fresh list.
            if let Some(pods) = self.list("pods").await {
                view.observed.pods = pods;
            }
            progress.extend(stage.progress(&view.observed));
            break;
        }
        let events = self.list("events").await.unwrap_or_default();
        decide(&Ended {
            conditions: &progress,
            observed: &view.observed,
            events: &events,
            targets: &self.targets,
            timed_out,
            api_error: view.api_error.as_deref(),
        })
    }

    /// Waits until something of a stage holds; false if the deadline passed first.
    async fn until(
        &self,
        holds: impl Fn(&Observed) -> bool,
        number: usize,
        late: &mut DeferredObjects,
        view: &mut View,
        deadline: Instant,
    ) -> Result<bool, CheckError> {
        loop {
            for object in late.startable(number, &view.observed, &view.node_ports) {
                self.apply(&object).await?;
            }
            if holds(&view.observed) {
                return Ok(true);
            }
            let change = match tokio::time::timeout_at(deadline, view.changes.next()).await {
                Err(_) | Ok(None) => return Ok(false),
                Ok(Some(change)) => change,
            };
            match change {
                Ok(change) => {
                    change.apply_to(&mut view.observed);
                    view.api_error = None;
                }
                Err(Lost::Watch(error)) if watch::may_pass(&error) => {
                    view.api_error = Some(crate::cluster::explain_watch(&error))
                }
                Err(Lost::Watch(error)) => {
                    return Err(CheckError::api(format!("watching namespace {}", self.namespace), error));
                }
                Err(Lost::Act(error)) => return Err(error),
            }
        }
    }

    /// Whether what a stage did is to be done again; by a fresh list, since the watch may be behind the answers to evictions.
    async fn is_inconclusive(&self, stage: &Stage, view: &mut View) -> bool {
        if !stage.is_unopposed(&view.observed) {
            return false;
        }
        if let Some(pods) = self.list("pods").await {
            view.observed.pods = pods;
        }
        stage.is_inconclusive(&view.observed)
    }

    /// Does what a stage begins with.
    async fn act(&mut self, act: &Act, view: &mut View) -> Result<(), CheckError> {
        let target = act.target();
        if matches!(act, Act::Evict(_)) {
            let api: Api<Pod> = Api::namespaced(self.access.client(), &self.namespace);
            // Pods are listed, because their watch may lag behind the watch that ended the previous stage.
            let pods = api.list(&ListParams::default()).await;
            view.observed.pods = pods.doing("listing the pods to evict")?.items;
            view.observed.evictions.clear();
            let evictions = evict::evict(api, &pods::of(target, &view.observed));
            view.changes.push(evictions.map(|state| state.map(Change::Evictions).map_err(Lost::Act)).boxed());
            return Ok(());
        }
        let named = |object: &&mut Value| {
            object["kind"] == target.kind.manifest() && object["metadata"]["name"] == target.name.as_str()
        };
        let Some(object) = self.objects.iter_mut().find(named) else {
            return Err(CheckError::Undecided(format!("the workload has no {target}")));
        };
        if let Some(changed) = act.change(object, &view.observed) {
            *object = changed;
            let object = object.clone();
            self.apply(&object).await?;
        }
        Ok(())
    }

    /// Applies an object; the node ports that it was given.
    async fn apply(&self, object: &Value) -> Result<Vec<Variable>, CheckError> {
        let applied = objects::apply(&self.access, Some(&self.namespace), object).await;
        let [kind, name] = [&object["kind"], &object["metadata"]["name"]].map(|text| text.as_str().unwrap_or_default());
        let same = |other: &Value| ["/kind", "/metadata/name"].iter().all(|at| other.pointer(at) == object.pointer(at));
        let origin = self.objects.iter().position(same).and_then(|index| self.origins.get(index));
        let origin = origin.map_or_else(|| "the workload".to_owned(), |at| format!("the workload ({at})"));
        let applied = applied.doing(format!("applying {kind} {name} of {origin}"))?;
        Ok(variables::of_service(kind, name, &applied.data))
    }

    /// Everything of one kind in the namespace, where the API server answers soon; it explains, it does not decide.
    async fn list<K>(&self, what: &str) -> Option<Vec<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.access.client(), &self.namespace);
        match tokio::time::timeout(EXPLANATION, api.list(&ListParams::default())).await {
            Ok(Ok(list)) => return Some(list.items),
            Ok(Err(error)) => tracing::warn!(namespace = self.namespace, %error, "{what} cannot be read"),
            Err(_) => tracing::warn!(namespace = self.namespace, "{what} did not arrive in time"),
        }
        None
    }

    /// Watches pods and the kinds that the conditions name.
    fn watch<'a>(&self, conditions: impl Iterator<Item = &'a Condition>) -> SelectAll<Changes> {
        let mut kinds: Vec<Kind> = conditions.flat_map(Condition::kinds).collect();
        kinds.push(Kind::Pod);
        kinds.sort_unstable();
        kinds.dedup();
        let streams = kinds.into_iter().filter_map(|kind| {
            Some(match kind {
                Kind::Pod => self.follow(Change::Pods),
                Kind::Deployment => self.follow(Change::Deployments),
                Kind::StatefulSet => self.follow(Change::StatefulSets),
                Kind::DaemonSet => self.follow(Change::DaemonSets),
                Kind::Job => self.follow(Change::Jobs),
                Kind::Claim => self.follow(Change::Claims),
                Kind::CronJob => self.follow(Change::CronJobs),
                Kind::Autoscaler => self.follow(Change::Autoscalers),
                // Nothing is asked of a budget itself.
                Kind::Budget => return None,
            })
        });
        futures::stream::select_all(streams)
    }

    fn follow<K>(&self, change: fn(Vec<K>) -> Change) -> Changes
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug
            + Send
            + 'static,
    {
        let api: Api<K> = Api::namespaced(self.access.client(), &self.namespace);
        let lists = watch::follow(api, watcher::Config::default());
        lists.map(move |list| list.map(change).map_err(Lost::Watch)).boxed()
    }
}

/// The nodes of a variant as pods are pinned to them, with the taints that their owner put on them.
async fn pinned(access: &Access, selector: &NodeSelector) -> Result<Nodes, CheckError> {
    let doing = || format!("reading the nodes '{selector}'");
    let found = nodes::list(access, selector.as_str()).await.doing(doing())?;
    Ok(Nodes {
        selector: selector.clone(),
        taints: nodes::owner_taints(&found),
        windows_release: nodes::windows_release(&found),
    })
}
