//! EBS volumes: of instances, and of persistent volume claims whose cluster was deleted before the driver had finished.

use super::removal::{Cx, asked, ec2_tags, take};
use crate::aws::error::{Explain as _, found};
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let id = target.name.as_str();
    let describe =
        || async { cx.clients.ec2.describe_volumes().volume_ids(id).send().await.explain("DescribeVolumes", id) };
    let read = found(cx.clients.read(describe).await).map(|answer| {
        let volume = answer?.volumes.unwrap_or_default().into_iter().next()?;
        let is_going = volume.state().is_some_and(|state| matches!(state.as_str(), "deleting" | "deleted"));
        let seen = LiveState { tags: target.with_proof(ec2_tags(volume.tags())), id: None };
        (!is_going).then(|| (id.to_owned(), seen))
    });
    take(claim, read, |owned| delete(cx, owned)).await
}

async fn delete(cx: Cx<'_>, owned: Owned<String>) -> Result<(), NotDeleted> {
    let id = owned.get();
    asked(cx.clients.ec2.delete_volume().volume_id(id).send().await.explain("DeleteVolume", id).map(|_| ()))
}
