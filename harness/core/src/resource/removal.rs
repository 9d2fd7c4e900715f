//! The steps of every deletion in AWS: read, compare, delete, and verify.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::kind::VPC;
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Look, Owned};
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class};

/// How often a deletion that AWS accepts but does not carry out is repeated.
pub(super) const TRIES: u32 = 4;

pub(super) const POLL: Duration = Duration::from_secs(10);

/// Reads, compares and deletes: `Absent` if it does not exist, `Foreign` if it has another owner.
pub(super) async fn take<T, Fut>(
    claim: &Claim,
    read: Result<Option<(T, LiveState)>, AwsError>,
    delete: impl FnOnce(Owned<T>) -> Fut,
) -> Result<Removed, NotDeleted>
where
    Fut: Future<Output = Result<(), NotDeleted>>,
{
    match look(claim, read)? {
        Look::Absent => Ok(Removed::Absent),
        Look::Foreign(owner) => Ok(Removed::Foreign(owner)),
        Look::Ours(owned) => delete(owned).await.map(|()| Removed::Gone),
    }
}

pub(super) fn look<T>(claim: &Claim, read: Result<Option<(T, LiveState)>, AwsError>) -> Result<Look<T>, NotDeleted> {
    Ok(match read.map_err(NotDeleted::unread)? {
        None => Look::Absent,
        Some((it, seen)) => match claim.own(it, &seen) {
            Ok(owned) => Look::Ours(owned),
            Err(owner) => Look::Foreign(owner),
        },
    })
}

/// An attribute without which a resource cannot be found or undone.
///
/// # Errors
/// If the entry does not have it.
pub(super) fn needed(attributes: &BTreeMap<String, String>, key: &str) -> Result<String, String> {
    let value = attributes.get(key).filter(|text| !text.is_empty());
    value.cloned().ok_or_else(|| format!("its entry in the ledger has no {key}, so it cannot be undone"))
}

/// Tags as EKS returns them.
pub(super) fn tags_of(tags: Option<&std::collections::HashMap<String, String>>) -> BTreeMap<String, String> {
    tags.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Tags as EC2 returns them.
pub(crate) fn ec2_tags(tags: &[aws_sdk_ec2::types::Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}

/// Tags, and the VPC as another one: what is in a VPC of the run is proven by it ([`VPC`]).
pub(super) fn with_vpc(mut tags: BTreeMap<String, String>, vpc: Option<&str>) -> BTreeMap<String, String> {
    tags.extend(vpc.map(|vpc| (VPC.to_owned(), vpc.to_owned())));
    tags
}

/// Tries again while AWS is busy with the resource, or accepted the deletion but did not carry it out.
pub(super) async fn persist<Fut>(
    clients: &Clients,
    deadline: Duration,
    attempt: impl Fn(Duration) -> Fut,
) -> Result<(), AwsError>
where
    Fut: Future<Output = Result<(), AwsError>>,
{
    let until = Instant::now() + deadline;
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt(until.saturating_duration_since(Instant::now())).await {
            Ok(()) => return Ok(()),
            Err(error)
                if matches!(error.class, Class::InUse | Class::Infrastructure)
                    && (error.class == Class::InUse || tries < TRIES)
                    && Instant::now() < until =>
            {
                tracing::debug!(%error, "asking for the deletion again");
            }
            Err(error) => return Err(error),
        }
        clients.pause(POLL).await;
    }
}

/// For resources that disappear some time after the deletion call, or together with what uses them: the next query shows whether they are gone.
pub(super) fn asked(answer: Result<(), AwsError>) -> Result<(), NotDeleted> {
    match answer {
        Err(error) if !matches!(error.class, Class::NotFound | Class::InUse | Class::Infrastructure) => {
            Err(NotDeleted::refused(&error))
        }
        _ => Ok(()),
    }
}

pub(super) fn still_there(operation: &'static str, resource: &str) -> AwsError {
    AwsError::new(Class::InUse, operation, resource, "it still exists after its deletion was accepted")
}
