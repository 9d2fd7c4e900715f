//! EKS access entries. EKS creates some itself, for the roles of nodes: those carry no tag, and do not belong to a run.

use super::removal::{Cx, in_cluster, tags_of, take};
use crate::aws::error::{Explain as _, found};
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let (cluster, principal) = in_cluster(target)?;
    let describe = || async {
        let request = cx.clients.eks.describe_access_entry().cluster_name(cluster).principal_arn(principal);
        request.send().await.explain("DescribeAccessEntry", principal)
    };
    let read = found(cx.clients.read(describe).await).map(|answer| {
        let entry = answer?.access_entry?;
        Some((principal.to_owned(), LiveState { tags: tags_of(entry.tags()), id: entry.access_entry_arn.clone() }))
    });
    take(claim, read, |owned| delete(cx, cluster, owned)).await
}

async fn delete(cx: Cx<'_>, cluster: &str, owned: Owned<String>) -> Result<(), NotDeleted> {
    let principal = owned.get();
    let deleted = cx.clients.until_free(|| async {
        let request = cx.clients.eks.delete_access_entry().cluster_name(cluster).principal_arn(principal);
        request.send().await.explain("DeleteAccessEntry", principal)
    });
    found(deleted.await).map(|_| ()).map_err(|error| NotDeleted::refused(&error))
}
