//! OpenID Connect providers of IAM. An account has one per cluster, which others may use; its ARN follows from its URL, so only the
//! run's tag proves ownership.

use super::removal::{Cx, take};
use crate::aws::error::{Explain as _, found};
use crate::aws::oidc_provider;
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let read = oidc_provider::find(cx.clients, &target.name).await;
    let read =
        read.map(|provider| provider.map(|provider| (provider.arn, LiveState { tags: provider.tags, id: None })));
    take(claim, read, |owned| delete(cx, owned)).await
}

async fn delete(cx: Cx<'_>, owned: Owned<String>) -> Result<(), NotDeleted> {
    let arn = owned.get();
    let deleted = cx.clients.until_free(|| async {
        let request = cx.clients.iam.delete_open_id_connect_provider().open_id_connect_provider_arn(arn);
        request.send().await.explain("DeleteOpenIDConnectProvider", arn)
    });
    found(deleted.await).map(|_| ()).map_err(|error| NotDeleted::refused(&error))
}
