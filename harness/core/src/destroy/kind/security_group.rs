//! Security groups that carry a run's tag and are in no stack.

use super::removal::{Cx, asked, ec2_tags, take};
use crate::aws::error::{Explain as _, found};
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let id = target.name.as_str();
    let describe = || async {
        cx.clients.ec2.describe_security_groups().group_ids(id).send().await.explain("DescribeSecurityGroups", id)
    };
    let read = found(cx.clients.read(describe).await).map(|answer| {
        let group = answer?.security_groups.unwrap_or_default().into_iter().next()?;
        Some((id.to_owned(), LiveState { tags: ec2_tags(group.tags()), id: None }))
    });
    take(claim, read, |owned| delete(cx, owned)).await
}

async fn delete(cx: Cx<'_>, owned: Owned<String>) -> Result<(), NotDeleted> {
    let id = owned.get();
    let request = cx.clients.ec2.delete_security_group().group_id(id);
    asked(request.send().await.explain("DeleteSecurityGroup", id).map(|_| ()))
}
