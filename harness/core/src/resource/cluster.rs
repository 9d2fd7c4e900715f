//! EKS clusters. Their ARN follows from their name, so only the run's tag proves ownership.

use std::time::Duration;

use amiproof_model::matrix::{ClusterSpec, ControlPlaneLog};
use aws_sdk_eks::types::{
    AuthenticationMode, CreateAccessConfigRequest, EncryptionConfig, LogSetup, LogType, Logging, Provider,
    VpcConfigRequest,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use super::in_use::InUse;
use super::kind::{Found, Kind, Target};
use super::log_group;
use super::lookup::Lookup;
use super::node_group as groups;
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Look, Owned, Owner};
use super::query::Query;
use super::reach::{Cx, Deadlines, Reach};
use super::removal::{look, persist, tags_of};
use crate::aws::cluster::{self, ClusterEndpoint};
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::{LOG_GROUP_TAG, RUN_TAG, Tags};
use crate::aws::{Clients, log_groups, node_group};
use crate::iam::action::{
    Action, CHECKS,
    Goal::{Apply, Destroy, Doctor, Sweep},
    REMOVES,
};
use crate::iam::scope::{self, EVERYTHING};
use crate::ledger::{Ledger, Resource, ResourceKind};

/// Its name in the ledger.
pub const KIND: ResourceKind = ResourceKind::new(NAME);

/// The attribute of its entry in the ledger with its Kubernetes version; absent in ledgers of older builds.
pub(crate) const VERSION: &str = "kubernetesVersion";
const NAME: &str = "cluster";

#[derive(Debug)]
pub(super) struct EksCluster;

impl Kind for EksCluster {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "EKS cluster"
    }

    fn plural(&self) -> &'static str {
        "EKS clusters and node groups"
    }

    fn after(&self) -> &'static [&'static str] {
        &["node-group", "addon", "pod-identity-association", "access-entry", "security-group"]
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn brings(&self) -> &'static [&'static str] {
        &["security-group", "log-group"]
    }

    fn is_blocked_by_interfaces(&self) -> bool {
        true
    }

    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        Some(find(lookup).boxed())
    }

    fn reason_to_keep<'a>(
        &'a self,
        cx: Cx<'a>,
        target: &'a Target,
        in_use: &'a InUse,
    ) -> BoxFuture<'a, Result<Option<Owner>, AwsError>> {
        async move {
            for name in node_groups(cx, &target.name).await? {
                let Some(group) = node_group::describe(cx.clients, &target.name, &name).await? else { continue };
                let seen = LiveState { tags: tags_of(group.tags()), id: None };
                if let Err(owner) = Claim::Expired(in_use.now).own((), &seen) {
                    return Ok(Some(Owner::new(format!("holds node group {name}, which {owner}"))));
                }
            }
            Ok(None)
        }
        .boxed()
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        async move {
            let cx = reach.aws()?;
            match look_at(cx, &target.name, claim).await? {
                Look::Absent => Ok(Removed::Absent),
                Look::Foreign(owner) => Ok(Removed::Foreign(owner)),
                Look::Ours(owned) => delete(cx, owned, claim).await.map(|()| Removed::Gone),
            }
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&format!("eks delete-cluster --name {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("eks:CreateCluster", &[Apply], &scope::NEW_CLUSTER, "the test cluster"),
    Action::call("eks:DescribeCluster", CHECKS, &scope::CLUSTER, "endpoint and settings of the cluster"),
    Action::call("eks:DescribeCluster", REMOVES, &scope::CLUSTERS, "who owns a cluster, and whether it is gone"),
    Action::call("eks:ListClusters", &[Destroy, Sweep, Doctor], &EVERYTHING, "clusters of runs, and the quota"),
    Action::call("eks:DeleteCluster", REMOVES, &scope::OWN_CLUSTER, "the cluster of a run"),
    Action::behind("kms:DescribeKey", &[Apply], &scope::SECRETS_KEY, "cluster.secretsKey"),
    Action::behind("kms:CreateGrant", &[Apply], &scope::SECRETS_KEY, "cluster.secretsKey"),
];

/// Creates the cluster and waits until it is ACTIVE. `subnet_ids` and `role_arn` come from the matrix or the network stack. One of this name
/// that is being deleted, by whomever, is awaited first; one of the run that is FAILED is deleted, and created again.
///
/// # Guarantees
/// The cluster is in the ledger before it is created. A cluster of the same name that this run did not create is never adopted.
///
/// # Errors
/// [`AwsError`] of [CreateCluster](https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html), if a cluster of that name belongs to someone else, or if
/// it is not ACTIVE within `deadline`. The call carries a client token, so transient errors are retried.
pub async fn create(
    clients: &Clients,
    ledger: &Ledger,
    spec: &ClusterSpec,
    subnet_ids: &[String],
    role_arn: &str,
    tags: &Tags,
    deadline: Duration,
) -> Result<ClusterEndpoint, cluster::Error> {
    let name = &spec.name;
    let mut there = cluster::describe(clients, name).await?;
    let is_ours = there.as_ref().is_some_and(|there| there.run_tag.as_deref() == Some(tags.run.as_str()));
    if there.as_ref().is_some_and(ClusterEndpoint::is_deleting) {
        // Its name is free when it is gone. The log group of another run's cluster is for that run to delete.
        cluster::wait_gone(clients, name, deadline).await?;
        there = None;
    }
    if is_ours && there.as_ref().is_some_and(ClusterEndpoint::has_failed) {
        delete_failed(clients, name, tags, deadline).await?;
        there = None;
    }
    if there.is_some() && !is_ours {
        return Err(cluster::Error::Foreign { name: name.clone(), run: tags.run.to_string() });
    }
    if there.is_none() {
        // What an earlier process of the run created, it deleted, and EKS left the log group.
        log_group::delete_of_gone::<cluster::Error>(clients, ledger, name).await?;
        ledger.all_gone(&KIND, name).await?;
    }
    if !ledger.has_created(KIND, name) {
        let logs = logs_of(clients, spec).await;
        match logs.group {
            Group::Made => ledger.expect(log_group::expected(clients, name)).await?,
            Group::Doubtful => ledger.expect(log_group::doubtful(clients, name)).await?,
            Group::None => {}
        }
        // What the cluster costs depends on its version, and a run that was killed has no report that says it.
        let version = spec.kubernetes_version.iter().map(|version| (VERSION.to_owned(), version.to_string()));
        let resource = Resource::new(KIND, name).in_region(clients.region()).in_cluster(name).with(version.collect());
        let token = ledger.client_token(&resource);
        let (clients, spec, tags) = (clients.clone(), spec.clone(), tags.clone());
        let (subnet_ids, role_arn) = (subnet_ids.to_vec(), role_arn.to_owned());
        ledger
            .create_resource(resource, || async move {
                let create = || create_once(&clients, &spec, (&subnet_ids, &role_arn), &logs, &tags, &token);
                clients.write_idempotent(create).await.map_err(cluster::Error::from)
            })
            .await?;
    }
    cluster::wait_active(clients, name, deadline).await
}

/// Deletes a cluster of the run whose creation or deletion failed: nothing else can be done with it.
async fn delete_failed(clients: &Clients, name: &str, tags: &Tags, deadline: Duration) -> Result<(), cluster::Error> {
    tracing::warn!(cluster = name, "an earlier attempt left the cluster FAILED; deleting and recreating it");
    let deadlines = Deadlines { cluster: deadline, ..Deadlines::default() };
    let cx = Cx { clients, deadlines: &deadlines };
    let claim = Claim::Run { run: tags.run.clone(), id: None };
    let kept = |reason| cluster::Error::Kept { name: name.to_owned(), reason };
    match look_at(cx, name, &claim).await {
        Ok(Look::Absent) => Ok(()),
        Ok(Look::Foreign(_)) => Err(cluster::Error::Foreign { name: name.to_owned(), run: tags.run.to_string() }),
        Ok(Look::Ours(owned)) => match delete(cx, owned, &claim).await {
            Ok(()) => Ok(()),
            Err(NotDeleted::There(reason) | NotDeleted::Unverified(reason)) => Err(kept(reason)),
        },
        Err(NotDeleted::There(reason) | NotDeleted::Unverified(reason)) => Err(kept(reason)),
    }
}

async fn create_once(
    clients: &Clients,
    spec: &ClusterSpec,
    (subnet_ids, role_arn): (&[String], &str),
    logs: &Logs,
    tags: &Tags,
    token: &str,
) -> Result<String, AwsError> {
    let access = CreateAccessConfigRequest::builder()
        .authentication_mode(AuthenticationMode::ApiAndConfigMap)
        .bootstrap_cluster_creator_admin_permissions(true)
        .build();
    let governance = &spec.governance;
    // Nodes in private subnets reach the API privately, whoever runs amiproof reaches it from outside. Only users
    // know from which addresses that is, and a wrong guess would lock them out.
    let cidrs = &governance.endpoint.public_access_cidrs;
    let vpc = VpcConfigRequest::builder()
        .set_subnet_ids(Some(subnet_ids.to_vec()))
        .endpoint_public_access(governance.endpoint.public)
        .endpoint_private_access(true)
        .set_public_access_cidrs(Some(cidrs.clone()).filter(|cidrs| !cidrs.is_empty()))
        .build();
    #[expect(deprecated, reason = "regions and stand-ins of the older API require it, and the newer one ignores it")]
    let encryption = governance.secrets_key.as_ref().map(|key| {
        let provider = Provider::builder().key_arn(key).build();
        vec![EncryptionConfig::builder().resources("secrets").provider(provider).build()]
    });
    let answer = clients
        .eks
        .create_cluster()
        .name(&spec.name)
        .set_version(spec.kubernetes_version.as_ref().map(ToString::to_string))
        .role_arn(role_arn)
        .resources_vpc_config(vpc)
        .access_config(access)
        .set_logging(logging(&logs.types))
        .set_encryption_config(encryption)
        .client_request_token(token)
        .set_tags(Some(tags.pairs().into_iter().chain(logs.tag()).collect()))
        .send()
        .await
        .explain("CreateCluster", format!("cluster {}", spec.name));
    match answer {
        Ok(answer) => Ok(answer.cluster.and_then(|cluster| cluster.arn).unwrap_or_else(|| spec.name.clone())),
        // Whether it is ours was asked before; a lost answer of an earlier try.
        Err(error) if error.class == Class::Exists => Ok(spec.name.clone()),
        // The role was made seconds ago and is not known everywhere yet.
        Err(error) if error.message.contains("could not be assumed") => {
            Err(AwsError { class: Class::Infrastructure, ..error })
        }
        Err(error) => Err(error),
    }
}

/// What a control plane logs, and who owns its log group.
#[derive(Clone, Debug, Default)]
struct Logs {
    types: Vec<ControlPlaneLog>,
    group: Group,
}

/// Whose the log group is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Group {
    /// There was one before, or there will be none.
    #[default]
    None,
    /// It is created with the cluster, and so is deleted with it.
    Made,
    /// Nobody could tell whether there was one before.
    Doubtful,
}

impl Logs {
    fn tag(&self) -> Option<(String, String)> {
        (self.group == Group::Made).then(|| (LOG_GROUP_TAG.to_owned(), "made".to_owned()))
    }
}

/// The logs of the matrix, or the audit log, which the CIS EKS benchmark requires (2.1.1). EKS leaves the log group behind, so without a
/// setting in the matrix logging is enabled only if amiproof has the permissions to find and delete the group.
async fn logs_of(clients: &Clients, spec: &ClusterSpec) -> Logs {
    let asked = spec.governance.logging.clone();
    if asked.as_ref().is_some_and(Vec::is_empty) {
        return Logs::default();
    }
    match log_groups::exists(clients, &log_groups::of_cluster(&spec.name)).await {
        Ok(is_there) => {
            let group = if is_there { Group::None } else { Group::Made };
            Logs { types: asked.unwrap_or_else(|| vec![ControlPlaneLog::Audit]), group }
        }
        Err(error) => {
            tracing::info!(%error, "the log groups of control planes could not be listed");
            let types = asked.unwrap_or_default();
            let group = if types.is_empty() { Group::None } else { Group::Doubtful };
            Logs { types, group }
        }
    }
}

/// What the control plane logs; `None` for nothing.
fn logging(types: &[ControlPlaneLog]) -> Option<Logging> {
    let types: Vec<LogType> = types.iter().map(|kind| LogType::from(kind.as_str())).collect();
    let setup = LogSetup::builder().enabled(true).set_types(Some(types.clone())).build();
    (!types.is_empty()).then(|| Logging::builder().cluster_logging(setup).build())
}

/// Reads the cluster of a name, and determines its owner.
pub(crate) async fn look_at(cx: Cx<'_>, name: &str, claim: &Claim) -> Result<Look<String>, NotDeleted> {
    let read = cx.clients.read(|| async {
        cx.clients.eks.describe_cluster().name(name).send().await.explain("DescribeCluster", format!("cluster {name}"))
    });
    let read = found(read.await).map(|answer| {
        let cluster = answer?.cluster?;
        Some((name.to_owned(), LiveState { tags: tags_of(cluster.tags()), id: None }))
    });
    look(claim, read)
}

async fn delete(cx: Cx<'_>, owned: Owned<String>, claim: &Claim) -> Result<(), NotDeleted> {
    let (clients, name) = (cx.clients, owned.get());
    if let Some(others) = foreign_groups(cx, name, claim).await.map_err(NotDeleted::unread)? {
        return Err(NotDeleted::There(others));
    }
    let until = Instant::now() + cx.deadlines.cluster;
    persist(clients, cx.deadlines.cluster, |_| cluster::delete(clients, name))
        .await
        .map_err(|error| NotDeleted::refused(&error))?;
    let left = until.saturating_duration_since(Instant::now());
    cluster::wait_gone(clients, name, left).await.map_err(|error| NotDeleted::There(error.to_string()))
}

/// Node groups of others in the cluster, in one sentence: EKS does not delete a cluster with node groups, and these do not belong to this
/// run.
async fn foreign_groups(cx: Cx<'_>, cluster: &str, claim: &Claim) -> Result<Option<String>, AwsError> {
    for name in node_groups(cx, cluster).await? {
        let Some(group) = node_group::describe(cx.clients, cluster, &name).await? else { continue };
        let tags = tags_of(group.tags());
        let run = tags.get(RUN_TAG).cloned();
        if let Err(owner) = claim.without_id().own((), &LiveState { tags, id: None }) {
            let help = run.map(|run| format!("; `amiproof destroy --run {run}` deletes it")).unwrap_or_default();
            return Ok(Some(format!(
                "node group {name} in it {owner}, and node groups must be deleted before their cluster{help}"
            )));
        }
    }
    Ok(None)
}

/// A cluster in one of these VPCs, whoever created it.
pub(super) async fn living_in(cx: Cx<'_>, vpcs: &[String]) -> Result<Option<String>, AwsError> {
    if vpcs.is_empty() {
        return Ok(None);
    }
    let lives_there =
        |one: &ClusterEndpoint| !one.is_deleting() && one.vpc_id.as_ref().is_some_and(|vpc| vpcs.contains(vpc));
    Ok(cluster::all(cx.clients).await?.into_iter().find(lives_there).map(|cluster| cluster.name))
}

/// The names of a cluster's node groups.
pub(crate) async fn node_groups(cx: Cx<'_>, cluster: &str) -> Result<Vec<String>, AwsError> {
    let mut pages = cx.clients.eks.list_nodegroups().cluster_name(cluster).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        match page.explain("ListNodegroups", format!("node groups of cluster {cluster}")) {
            Ok(page) => names.extend(page.nodegroups.unwrap_or_default()),
            Err(error) if error.class == Class::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    Ok(names)
}

/// Clusters with the tags, and node groups with the tags in any cluster that may have some.
async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let (clients, query) = (lookup.clients, lookup.query);
    let found: Vec<Vec<Target>> = stream::iter(lookup.clusters().await?.to_vec())
        .map(|cluster| async move {
            let mut targets = Vec::new();
            if query.wants(&cluster.tags) {
                targets.push(Target::found(&EksCluster, &cluster.name, &cluster.tags, clients));
            }
            let may_have = match query {
                Query::Run { clusters, .. } => !targets.is_empty() || clusters.contains(&cluster.name),
                Query::Expired(_) => true,
            };
            if may_have {
                targets.extend(groups::find_in(clients, query, &cluster.name).await?);
            }
            Ok::<_, AwsError>(targets)
        })
        .buffered(8)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}
