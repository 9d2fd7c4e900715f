//! EKS add-ons of a cluster that is kept.

use tokio::time::Instant;

use super::removal::{Cx, POLL, in_cluster, still_there, tags_of, take};
use crate::aws::addons;
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let (cluster, name) = in_cluster(target)?;
    let read = addons::describe(cx.clients, cluster, name).await.map(|addon| {
        let addon = addon?;
        Some((name.to_owned(), LiveState { tags: tags_of(addon.tags()), id: addon.addon_arn.clone() }))
    });
    take(claim, read, |owned| delete(cx, cluster, owned)).await
}

async fn delete(cx: Cx<'_>, cluster: &str, owned: Owned<String>) -> Result<(), NotDeleted> {
    let name = owned.get();
    addons::delete(cx.clients, cluster, name).await.map_err(|error| NotDeleted::refused(&error))?;
    let until = Instant::now() + cx.deadlines.other;
    while addons::describe(cx.clients, cluster, name).await.map_err(NotDeleted::unread)?.is_some() {
        if Instant::now() >= until {
            return Err(NotDeleted::refused(&still_there("DeleteAddon", name)));
        }
        cx.clients.pause(POLL).await;
    }
    Ok(())
}
