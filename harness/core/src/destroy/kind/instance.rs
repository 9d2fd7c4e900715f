//! EC2 instances that are left when their node group is deleted.

use super::removal::{Cx, asked, ec2_tags, take};
use crate::aws::error::{Explain as _, found};
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let id = target.name.as_str();
    let describe =
        || async { cx.clients.ec2.describe_instances().instance_ids(id).send().await.explain("DescribeInstances", id) };
    let read = found(cx.clients.read(describe).await).map(|answer| {
        let reservations = answer?.reservations.unwrap_or_default();
        let instance = reservations.into_iter().flat_map(|one| one.instances.unwrap_or_default()).next()?;
        let is_gone = instance.state().and_then(|state| state.name()).is_some_and(|name| name.as_str() == "terminated");
        (!is_gone).then(|| (id.to_owned(), LiveState { tags: ec2_tags(instance.tags()), id: None }))
    });
    take(claim, read, |owned| delete(cx, owned)).await
}

async fn delete(cx: Cx<'_>, owned: Owned<String>) -> Result<(), NotDeleted> {
    let id = owned.get();
    let request = cx.clients.ec2.terminate_instances().instance_ids(id);
    asked(request.send().await.explain("TerminateInstances", id).map(|_| ()))
}
