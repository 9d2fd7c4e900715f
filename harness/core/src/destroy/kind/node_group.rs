//! EKS managed node groups.

use super::removal::{Cx, in_cluster, persist, tags_of, take};
use crate::aws::node_group;
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let (cluster, name) = in_cluster(target)?;
    let read = node_group::describe(cx.clients, cluster, name).await.map(|group| {
        let group = group?;
        Some((name.to_owned(), LiveState { tags: tags_of(group.tags()), id: group.nodegroup_arn.clone() }))
    });
    take(claim, read, |owned| delete(cx, cluster, owned)).await
}

async fn delete(cx: Cx<'_>, cluster: &str, owned: Owned<String>) -> Result<(), NotDeleted> {
    let (clients, name) = (cx.clients, owned.get());
    let attempt = |left| async move {
        node_group::delete(clients, cluster, name).await?;
        node_group::wait_gone(clients, cluster, name, left).await
    };
    persist(clients, cx.deadlines.node_group, attempt).await.map_err(|error| NotDeleted::refused(&error))
}
