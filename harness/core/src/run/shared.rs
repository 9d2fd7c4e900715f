//! What all variants share: the network stack, the cluster, its add-ons. Brought up once, beside the variants' own first steps.

use std::sync::Arc;
use std::time::Duration;

use amiproof_model::matrix::{ClusterSpec, Family, Variant};
use amiproof_model::report::{AmiRecord, ClusterRecord, NodeRecord, Phase, Subject};
use futures::FutureExt;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Session;
use super::event::{Broken, EventKind};
use super::pipeline::guarded;
use crate::aws::Clients;
use crate::aws::ami::Ami;
use crate::aws::cluster::ClusterEndpoint;
use crate::aws::launch_template::LaunchTemplate;
use crate::aws::names::Tags;
use crate::aws::network::Network;
use crate::aws::node_group::NodeGroup;
use crate::{aws, cluster, user_data};

/// The cluster, ready for node groups.
pub(crate) struct ClusterReady {
    /// Kubernetes.
    pub(crate) access: cluster::Access,
    /// What nodes must know to join.
    pub(crate) endpoint: ClusterEndpoint,
    /// Where nodes live and who they are.
    ground: Ground,
    /// Tags of everything that the run makes.
    pub(crate) tags: Tags,
}

/// Where nodes live and who they are.
struct Ground {
    subnet_ids: Vec<String>,
    node_role_arn: Option<String>,
    windows_node_role_arn: Option<String>,
}

/// From aws-k8s-tester: infrastructure and cluster get 15 minutes each, twice that here, because nothing is won by giving up.
const NETWORK_DEADLINE: Duration = Duration::from_secs(30 * 60);
const CLUSTER_DEADLINE: Duration = Duration::from_secs(30 * 60);
/// CoreDNS needs a node first, so this covers the slowest node group, too.
const ADDON_DEADLINE: Duration = Duration::from_secs(20 * 60);

/// How far something shared has come.
#[derive(Clone)]
enum State<T> {
    Pending,
    Ready(T),
    Never(Broken),
}

/// What the pipelines see of it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared {
    cluster: watch::Receiver<State<Arc<ClusterReady>>>,
    addons: watch::Receiver<State<()>>,
    task: Arc<std::sync::Mutex<Option<JoinHandle<()>>>>,
}

/// Starts to bring it up.
pub(crate) fn start(session: &Arc<Session>) -> Shared {
    let (cluster_sender, cluster) = watch::channel(State::Pending);
    let (addons_sender, addons) = watch::channel(State::Pending);
    let session = Arc::clone(session);
    let task = tokio::spawn(async move {
        match bring_up(&session).await {
            Ok(Some(ready)) => {
                let ready = Arc::new(ready);
                cluster_sender.send_replace(State::Ready(Arc::clone(&ready)));
                let settled = match add(&session, &ready).await {
                    Ok(()) => State::Ready(()),
                    Err(broken) => State::Never(broken),
                };
                addons_sender.send_replace(settled);
            }
            Ok(None) => {}
            Err(broken) => {
                cluster_sender.send_replace(State::Never(broken));
            }
        }
    });
    Shared { cluster, addons, task: Arc::new(std::sync::Mutex::new(Some(task))) }
}

impl Shared {
    /// Waits for the cluster.
    ///
    /// # Errors
    /// When there never will be one, or the run was interrupted.
    pub(crate) async fn ready(&self, session: &Session) -> Result<Arc<ClusterReady>, Broken> {
        let mut cluster = self.cluster.clone();
        guarded(session, async move {
            match cluster.wait_for(|state| !matches!(state, State::Pending)).await.as_deref() {
                Ok(State::Ready(ready)) => Ok(Arc::clone(ready)),
                Ok(State::Never(Broken::Cancelled)) => Err(Broken::Cancelled),
                Ok(State::Never(broken)) => Err(because(format!("there is no cluster: {}", broken.message()))),
                Ok(State::Pending) | Err(_) => {
                    Err(because("there is no cluster: its setup ended without a word".to_owned()))
                }
            }
        })
        .await
    }

    /// The connection to the cluster, if there ever was one.
    pub(crate) fn access(&self) -> Option<cluster::Access> {
        match &*self.cluster.borrow() {
            State::Ready(ready) => Some(ready.access.clone()),
            State::Pending | State::Never(_) => None,
        }
    }

    /// Waits until the add-ons are ready or known to be broken; what depends on them says so itself.
    pub(crate) async fn addons_settled(&self, session: &Session) {
        let mut addons = self.addons.clone();
        let settled = addons.wait_for(|state| !matches!(state, State::Pending));
        // An interruption and a sender that went away both mean that there is nothing more to wait for.
        let _settled = session.stop.cancel.run_until_cancelled(settled).await;
    }

    /// Waits for the end of the bringing up itself.
    pub(crate) async fn finished(&self) {
        let task = self.task.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(failure) = task.await
        {
            tracing::error!("bringing up the cluster broke, which is a defect of amiproof: {failure}");
        }
    }
}

fn because(message: String) -> Broken {
    Broken::Because { message, evidence: Vec::new() }
}

/// Network, then cluster; nothing more when only the network is wanted.
async fn bring_up(session: &Session) -> Result<Option<ClusterReady>, Broken> {
    let subject = Subject::Cluster;
    let (plan, events) = (&session.plan, &session.events);
    let tags = Tags::of_run(plan.run.clone(), plan.expires);
    let stack = events.phase(&subject, Phase::Network, guarded(session, network(session, &tags))).await?;
    if plan.steps.network_only {
        return Ok(None);
    }
    let cluster = guarded(session, cluster(session, stack.as_ref(), &tags));
    let (endpoint, access) = events.phase(&subject, Phase::Cluster, cluster).await?;
    let ground = Ground::new(&plan.matrix.cluster, stack.as_ref(), &endpoint);
    Ok(Some(ClusterReady { access, endpoint, ground, tags }))
}

/// The network stack: the one that is there, or a new one where the matrix leaves anything to it; `None` where it says all itself.
async fn network(session: &Session, tags: &Tags) -> Result<Option<Network>, Broken> {
    let (plan, tools) = (&session.plan, &session.tools);
    let spec = &plan.matrix.cluster;
    let name = aws::names::network_stack(&spec.name);
    let there = aws::network::describe(&tools.clients, &name).await.map_err(|error| Broken::from_error(&error))?;
    let windows = plan.matrix.variants.iter().any(|variant| !variant.family.is_linux());
    let says_all = !spec.subnet_ids.is_empty()
        && spec.role_arn.is_some()
        && spec.node_role_arn.is_some()
        && (!windows || spec.windows_node_role_arn.is_some());
    let is_wanted = plan.steps.network_only || (plan.steps.provision && spec.create && !says_all);
    match there {
        Some(network) => Ok(Some(network)),
        None if is_wanted => {
            let made = aws::network::create(&tools.clients, &tools.ledger, &name, tags, NETWORK_DEADLINE).await;
            made.map(Some).map_err(|error| Broken::from_error(&error))
        }
        None => Ok(None),
    }
}

/// The cluster and a connection to its API server.
async fn cluster(
    session: &Session,
    stack: Option<&Network>,
    tags: &Tags,
) -> Result<(ClusterEndpoint, cluster::Access), Broken> {
    let (plan, tools) = (&session.plan, &session.tools);
    let spec = &plan.matrix.cluster;
    let endpoint = if spec.create && plan.steps.provision {
        let subnets = if spec.subnet_ids.is_empty() {
            stack.map(Network::subnet_ids).unwrap_or_default()
        } else {
            spec.subnet_ids.clone()
        };
        let role = spec.role_arn.as_deref().or(stack.map(|stack| stack.cluster_role_arn.as_str())).unwrap_or_default();
        aws::cluster::create(&tools.clients, &tools.ledger, spec, &subnets, role, tags, CLUSTER_DEADLINE).await
    } else {
        aws::cluster::existing(&tools.clients, &spec.name, CLUSTER_DEADLINE).await
    };
    let endpoint = endpoint.map_err(|error| Broken::from_error(&error))?;
    let access = access(&tools.clients, &endpoint)?;
    let identity = tools.clients.whoami().await.map_err(|error| Broken::from_error(&error))?;
    let record = ClusterRecord {
        name: endpoint.name.clone(),
        region: tools.clients.region().to_owned(),
        account: identity.account,
        kubernetes_version: endpoint.version.parse().unwrap_or_else(|_| spec.kubernetes_version.clone()),
        lab: plan.lab,
    };
    session.events.send(&Subject::Cluster, EventKind::Cluster(record));
    Ok((endpoint, access))
}

/// A connection to a cluster's API server, with tokens signed in this process.
pub(crate) fn access(clients: &Clients, endpoint: &ClusterEndpoint) -> Result<cluster::Access, Broken> {
    let authority = endpoint.ca_pem().map_err(|error| Broken::from_error(&error))?;
    cluster::Access::eks(&endpoint.endpoint, &authority, tokens(clients, &endpoint.name))
        .map_err(|error| Broken::from_error(&error))
}

/// Signs a bearer token whenever the last one runs out.
fn tokens(clients: &Clients, cluster: &str) -> cluster::TokenSource {
    let (clients, cluster) = (clients.clone(), cluster.to_owned());
    Arc::new(move || {
        let (clients, cluster) = (clients.clone(), cluster.clone());
        async move {
            let signed = aws::token::sign_token(&clients, &cluster).await?;
            Ok(cluster::Token { bearer: signed.bearer, expires: signed.expires })
        }
        .boxed()
    })
}

/// Add-ons, the storage class, and what Windows nodes need of the VPC CNI.
async fn add(session: &Session, ready: &ClusterReady) -> Result<(), Broken> {
    if !session.plan.steps.provision {
        return Ok(());
    }
    let subject = Subject::Cluster;
    session.events.phase(&subject, Phase::Addons, guarded(session, install(session, ready))).await
}

async fn install(session: &Session, ready: &ClusterReady) -> Result<(), Broken> {
    let (plan, tools) = (&session.plan, &session.tools);
    let spec = &plan.matrix.cluster;
    cluster::storage::ensure_class(&ready.access, &tools.ledger).await.map_err(|error| Broken::from_error(&error))?;
    if plan.matrix.variants.iter().any(|variant| !variant.family.is_linux()) {
        cluster::windows::enable_ipam(&ready.access, &tools.ledger)
            .await
            .map_err(|error| Broken::from_error(&error))?;
    }
    if !spec.create {
        return Ok(());
    }
    let version = &ready.endpoint.version;
    for addon in &spec.addons {
        aws::addons::install(&tools.clients, &tools.ledger, &spec.name, version, addon, &ready.tags)
            .await
            .map_err(|error| Broken::from_error(&error))?;
    }
    let waiting =
        spec.addons.iter().map(|addon| aws::addons::wait_active(&tools.clients, &spec.name, addon, ADDON_DEADLINE));
    for outcome in futures::future::join_all(waiting).await {
        outcome.map_err(|error| Broken::from_error(&error))?;
    }
    Ok(())
}

impl Ground {
    /// The matrix first, then the network stack, then what the cluster itself says.
    fn new(spec: &ClusterSpec, stack: Option<&Network>, endpoint: &ClusterEndpoint) -> Self {
        let subnet_ids = match (spec.subnet_ids.is_empty(), stack) {
            (false, _) => spec.subnet_ids.clone(),
            (true, Some(stack)) => stack.private_subnet_ids.clone(),
            (true, None) => endpoint.subnet_ids.clone(),
        };
        let of_stack = |role: fn(&Network) -> &String| stack.map(|stack| role(stack).clone());
        Self {
            subnet_ids,
            node_role_arn: spec.node_role_arn.clone().or_else(|| of_stack(|stack| &stack.node_role_arn)),
            windows_node_role_arn: spec
                .windows_node_role_arn
                .clone()
                .or_else(|| of_stack(|stack| &stack.windows_node_role_arn)),
        }
    }
}

impl ClusterReady {
    /// Makes the variant's launch template.
    pub(crate) async fn launch_template(
        &self,
        session: &Session,
        variant: &Variant,
        ami: &Ami,
    ) -> Result<LaunchTemplate, Broken> {
        let (plan, tools) = (&session.plan, &session.tools);
        let group = aws::names::node_group(&plan.run, &variant.name);
        let labels = aws::node_group::node_labels(&plan.run, variant, &group);
        let user_data = user_data::generate(&self.endpoint.facts(), variant, &labels)
            .map_err(|error| Broken::from_error(&error))?;
        let tags = self.tags.for_variant(&variant.name);
        aws::launch_template::create(&tools.clients, &tools.ledger, variant, ami, &user_data, &tags)
            .await
            .map_err(|error| Broken::from_error(&error))
    }

    /// Makes the variant's node group and waits until EKS says ACTIVE.
    pub(crate) async fn node_group(
        &self,
        session: &Session,
        variant: &Variant,
        launch_template: &LaunchTemplate,
    ) -> Result<NodeGroup, Broken> {
        let windows = variant.family == Family::Windows;
        let role = if windows { &self.ground.windows_node_role_arn } else { &self.ground.node_role_arn };
        let key = if windows { "windowsNodeRoleArn" } else { "nodeRoleArn" };
        let role_arn = role.as_deref().ok_or_else(|| {
            because(format!(
                "there is no role for the nodes of {}: set cluster.{key} in the matrix, or make the network stack with \
                 'amiproof apply --only network'",
                variant.name
            ))
        })?;
        let plan = aws::node_group::Plan {
            cluster: &self.endpoint.name,
            variant,
            role_arn,
            subnet_ids: &self.ground.subnet_ids,
            launch_template,
            tags: &self.tags.for_variant(&variant.name),
        };
        let made = aws::node_group::provision(&session.tools.clients, &session.tools.ledger, &plan).await;
        made.map_err(|error| match error {
            aws::node_group::Error::NeverJoined { message, evidence }
            | aws::node_group::Error::Infrastructure { message, evidence } => Broken::Because { message, evidence },
            other => Broken::from_error(&other),
        })
    }

    /// Waits until the variant's nodes are Ready and proves that they run its image.
    pub(crate) async fn nodes(
        &self,
        session: &Session,
        variant: &Variant,
        node_group: &str,
        ami: &AmiRecord,
    ) -> Result<Vec<NodeRecord>, Broken> {
        let wanted = usize::try_from(variant.nodes).unwrap_or(usize::MAX);
        let selector = cluster::nodes::of_group(node_group);
        let mut nodes = cluster::nodes::wait_ready(&self.access, &selector, wanted, variant.timeouts.nodes_ready)
            .await
            .map_err(|error| Broken::from_error(&error))?;
        let instances = aws::instances::of_node_group(&session.tools.clients, &self.endpoint.name, node_group)
            .await
            .map_err(|error| Broken::from_error(&error))?;
        for node in &mut nodes {
            let Some(instance) = instances.iter().find(|instance| Some(&instance.id) == node.instance_id.as_ref())
            else {
                continue;
            };
            node.ami_id = instance.ami_id.parse().ok();
            node.boot_to_ready_seconds = boot_to_ready(&self.access, node, instance.launched).await;
        }
        match nodes.iter().find(|node| node.ami_id.as_ref().is_some_and(|booted| *booted != ami.id)) {
            Some(node) => Err(because(format!(
                "node {} booted {} although the launch template of {} names {}: nothing that it shows is about this image",
                node.name,
                node.ami_id.as_ref().map_or("another image", |booted| booted.as_str()),
                variant.name,
                ami.id
            ))),
            None => Ok(nodes),
        }
    }
}

/// Seconds from the instance's launch to the node's Ready condition, where both are known.
async fn boot_to_ready(access: &cluster::Access, node: &NodeRecord, launched: Option<Timestamp>) -> Option<f64> {
    let api: kube::Api<k8s_openapi::api::core::v1::Node> = kube::Api::all(access.client());
    let ready = cluster::nodes::ready_since(&api.get(&node.name).await.ok()?)?;
    Some(super::recorder::seconds_between(launched?, ready))
}
