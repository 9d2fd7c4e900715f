//! EKS Pod Identity associations: at most one per service account.

use super::removal::{Cx, in_cluster, tags_of, take};
use crate::aws::error::{AwsError, Explain as _, found};
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let (cluster, subject) = in_cluster(target)?;
    let read = read(cx, cluster, subject).await;
    take(claim, read, |owned| delete(cx, cluster, subject, owned)).await
}

async fn read(cx: Cx<'_>, cluster: &str, subject: &str) -> Result<Option<(String, LiveState)>, AwsError> {
    let (namespace, account) = subject.split_once('/').unwrap_or((subject, "default"));
    let list = || async {
        let request = cx.clients.eks.list_pod_identity_associations().cluster_name(cluster).namespace(namespace);
        request.service_account(account).send().await.explain("ListPodIdentityAssociations", subject)
    };
    let listed = found(cx.clients.read(list).await)?.and_then(|answer| answer.associations).unwrap_or_default();
    let Some(id) = listed.into_iter().find_map(|association| association.association_id) else { return Ok(None) };
    let describe = || async {
        let request = cx.clients.eks.describe_pod_identity_association().cluster_name(cluster).association_id(&id);
        request.send().await.explain("DescribePodIdentityAssociation", subject)
    };
    let Some(answer) = found(cx.clients.read(describe).await)? else { return Ok(None) };
    let tags = answer.association().map(|association| tags_of(association.tags())).unwrap_or_default();
    Ok(Some((id.clone(), LiveState { tags, id: Some(id) })))
}

async fn delete(cx: Cx<'_>, cluster: &str, subject: &str, owned: Owned<String>) -> Result<(), NotDeleted> {
    let deleted = cx.clients.until_free(|| async {
        let request = cx.clients.eks.delete_pod_identity_association().cluster_name(cluster);
        let request = request.association_id(owned.get());
        request.send().await.explain("DeletePodIdentityAssociation", subject)
    });
    found(deleted.await).map(|_| ()).map_err(|error| NotDeleted::refused(&error))
}
