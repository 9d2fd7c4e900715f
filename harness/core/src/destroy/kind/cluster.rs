//! EKS clusters. Their ARN follows from their name, so only the run's tag proves ownership.

use tokio::time::Instant;

use super::removal::{Cx, Look, look, persist, tags_of};
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::RUN_TAG;
use crate::aws::{cluster, node_group};
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

/// Reads the cluster of a name, and determines its owner.
pub(in crate::destroy) async fn look_at(cx: Cx<'_>, name: &str, claim: &Claim) -> Result<Look<String>, NotDeleted> {
    let read = cx.clients.read(|| async {
        cx.clients.eks.describe_cluster().name(name).send().await.explain("DescribeCluster", format!("cluster {name}"))
    });
    let read = found(read.await).map(|answer| {
        let cluster = answer?.cluster?;
        Some((name.to_owned(), LiveState { tags: tags_of(cluster.tags()), id: None }))
    });
    look(claim, read)
}

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    match look_at(cx, &target.name, claim).await? {
        Look::Absent => Ok(Removed::Absent),
        Look::Foreign(owner) => Ok(Removed::Foreign(owner)),
        Look::Ours(owned) => delete(cx, owned, claim).await.map(|()| Removed::Gone),
    }
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
    let mut pages = cx.clients.eks.list_clusters().into_paginator().send();
    while let Some(page) = pages.next().await {
        for name in page.explain("ListClusters", cx.clients.region())?.clusters.unwrap_or_default() {
            let found = cluster::describe(cx.clients, &name).await?;
            if found.is_some_and(|one| one.status != "DELETING" && one.vpc_id.is_some_and(|vpc| vpcs.contains(&vpc))) {
                return Ok(Some(name));
            }
        }
    }
    Ok(None)
}

/// The names of a cluster's node groups.
pub(in crate::destroy) async fn node_groups(cx: Cx<'_>, cluster: &str) -> Result<Vec<String>, AwsError> {
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
