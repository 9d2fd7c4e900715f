//! EC2 launch templates.

use super::removal::{Cx, ec2_tags, still_there, take};
use crate::aws::error::{AwsError, Explain as _, found};
use crate::aws::launch_template;
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let read = read(cx, &target.name).await;
    take(claim, read, |owned| delete(cx, &target.name, owned)).await
}

async fn read(cx: Cx<'_>, name: &str) -> Result<Option<(String, LiveState)>, AwsError> {
    let describe = || async {
        let request = cx.clients.ec2.describe_launch_templates().launch_template_names(name);
        request.send().await.explain("DescribeLaunchTemplates", format!("launch template {name}"))
    };
    let answer = found(cx.clients.read(describe).await)?;
    let first = answer.and_then(|answer| answer.launch_templates.unwrap_or_default().into_iter().next());
    Ok(first.and_then(|template| {
        let id = template.launch_template_id.clone()?;
        Some((id.clone(), LiveState { tags: ec2_tags(template.tags()), id: Some(id) }))
    }))
}

async fn delete(cx: Cx<'_>, name: &str, owned: Owned<String>) -> Result<(), NotDeleted> {
    let id = owned.get();
    launch_template::delete(cx.clients, id).await.map_err(|error| NotDeleted::refused(&error))?;
    match read(cx, name).await.map_err(NotDeleted::unread)? {
        Some((left, _)) if left == *id => Err(NotDeleted::refused(&still_there("DeleteLaunchTemplate", id))),
        _ => Ok(()),
    }
}
