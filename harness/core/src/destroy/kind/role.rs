//! IAM roles outside of the stack. Their ARN follows from their name, so only the run's tag proves ownership.

use super::removal::{Cx, take};
use crate::aws::error::{AwsError, Explain as _, found};
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let name = target.name.as_str();
    let list = || async { cx.clients.iam.list_role_tags().role_name(name).send().await.explain("ListRoleTags", name) };
    let read = found(cx.clients.read(list).await).map(|answer| {
        let tags = answer?.tags;
        let tags = tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
        Some((name.to_owned(), LiveState { tags, id: None }))
    });
    take(claim, read, |owned| async move { delete(cx, &owned).await.map_err(|error| NotDeleted::refused(&error)) })
        .await
}

async fn delete(cx: Cx<'_>, owned: &Owned<String>) -> Result<(), AwsError> {
    let (iam, name) = (&cx.clients.iam, owned.get());
    let attached = iam.list_attached_role_policies().role_name(name).send().await;
    let Some(attached) = found(attached.explain("ListAttachedRolePolicies", name))? else { return Ok(()) };
    for policy in attached.attached_policies().iter().filter_map(|policy| policy.policy_arn()) {
        let request = iam.detach_role_policy().role_name(name).policy_arn(policy);
        found(request.send().await.explain("DetachRolePolicy", name))?;
    }
    let profiles = iam.list_instance_profiles_for_role().role_name(name).send().await;
    let profiles = found(profiles.explain("ListInstanceProfilesForRole", name))?;
    for profile in profiles.iter().flat_map(|answer| answer.instance_profiles()) {
        let request = iam.remove_role_from_instance_profile().role_name(name);
        let request = request.instance_profile_name(profile.instance_profile_name());
        found(request.send().await.explain("RemoveRoleFromInstanceProfile", name))?;
    }
    let delete = || async { iam.delete_role().role_name(name).send().await.explain("DeleteRole", name) };
    found(cx.clients.until_free(delete).await).map(|_| ())
}
