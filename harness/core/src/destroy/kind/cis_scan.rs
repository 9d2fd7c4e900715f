//! Inspector CIS scan configurations. Their names are not unique, so each one of a name is checked.

use aws_sdk_inspector2::types::CisStringComparison;

use super::removal::{Cx, Look, look, still_there, tags_of};
use crate::aws::error::{AwsError, found};
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState};
use crate::scan::inspector;

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let mut result = Removed::Absent;
    for (arn, seen) in read(cx, &target.name).await.map_err(NotDeleted::unread)? {
        match look(claim, Ok(Some((arn, seen))))? {
            Look::Ours(owned) => {
                let deleted = inspector::delete_configuration(cx.clients, owned.get()).await;
                deleted.map_err(|error| NotDeleted::refused(&error))?;
                let left = read(cx, &target.name).await.map_err(NotDeleted::unread)?;
                if left.iter().any(|(arn, _)| arn == owned.get()) {
                    return Err(NotDeleted::refused(&still_there("DeleteCisScanConfiguration", owned.get())));
                }
                result = Removed::Gone;
            }
            // Another one with the same name is expected.
            Look::Foreign(owner) if result == Removed::Absent => result = Removed::Foreign(owner),
            Look::Foreign(_) | Look::Absent => {}
        }
    }
    Ok(result)
}

async fn read(cx: Cx<'_>, name: &str) -> Result<Vec<(String, LiveState)>, AwsError> {
    let all = found(inspector::configurations(cx.clients, name, CisStringComparison::Equals).await)?;
    let seen = all.unwrap_or_default().into_iter().map(|configuration| {
        let arn = configuration.scan_configuration_arn().to_owned();
        (arn.clone(), LiveState { tags: tags_of(configuration.tags()), id: Some(arn) })
    });
    Ok(seen.collect())
}
