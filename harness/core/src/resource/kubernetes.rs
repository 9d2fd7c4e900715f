//! Deletes an object from a cluster that is kept. The object is read first, because the run's label proves ownership.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::core::DynamicObject;

use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::reach::Reach;
use crate::aws::names::RUN_TAG;
use crate::cluster::{Access, RUN_LABEL, is_denied, objects};

/// How long it may take, after the deadline, to list what blocks a namespace: one request per kind of the cluster.
const FIND_BLOCKERS: Duration = Duration::from_secs(30);

/// How an object is served.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served<'a> {
    pub(super) api_version: &'a str,
    pub(super) kind: &'a str,
    /// `None` for a cluster-wide kind.
    pub(super) namespace: Option<&'a str>,
}

/// Stops waiting for a deletion after the deadline for objects.
pub(super) async fn bounded(
    reach: Reach<'_>,
    removal: impl Future<Output = Result<Removed, NotDeleted>>,
) -> Result<Removed, NotDeleted> {
    let deadline = reach.deadlines.kubernetes;
    match tokio::time::timeout(deadline + FIND_BLOCKERS, removal).await {
        Ok(outcome) => outcome,
        Err(_) => Err(NotDeleted::There(format!("the cluster did not delete it within {}s", deadline.as_secs()))),
    }
}

/// Reads an object, and deletes it if it carries the run's label.
pub(super) async fn remove(
    access: &Access,
    served: Served<'_>,
    name: &str,
    claim: &Claim,
) -> Result<Removed, NotDeleted> {
    match own(access, served, name, claim).await? {
        Ok(Some(owned)) => delete(access, served, name, &owned).await.map(|()| Removed::Gone),
        Ok(None) => Ok(Removed::Absent),
        Err(foreign) => Ok(foreign),
    }
}

/// The object if it carries the run's label; `None` if it does not exist, [`Removed::Foreign`] as the error of one with another owner.
pub(super) async fn own(
    access: &Access,
    served: Served<'_>,
    name: &str,
    claim: &Claim,
) -> Result<Result<Option<Owned<()>>, Removed>, NotDeleted> {
    let read = objects::get(access, served.api_version, served.kind, served.namespace, name).await;
    let Some(there) = read.map_err(|error| unread(&error, served.kind))? else { return Ok(Ok(None)) };
    Ok(claim.own((), &seen(&there)).map(Some).map_err(Removed::Foreign))
}

/// The labels as tags; the run's label gets the name of its tag in AWS.
fn seen(object: &DynamicObject) -> LiveState {
    let labels = object.metadata.labels.iter().flatten();
    let tags: BTreeMap<String, String> = labels
        .map(|(key, value)| {
            let key = if key == RUN_LABEL { RUN_TAG } else { key };
            (key.to_owned(), value.clone())
        })
        .collect();
    LiveState { tags, id: None }
}

async fn delete(access: &Access, served: Served<'_>, name: &str, _owned: &Owned<()>) -> Result<(), NotDeleted> {
    let Served { api_version, kind, namespace } = served;
    let deleted = objects::delete(access, api_version, kind, namespace, name).await;
    deleted.map_err(|error| NotDeleted::There(error.to_string()))?;
    match objects::get(access, api_version, kind, namespace, name).await {
        Ok(Some(left)) if left.metadata.deletion_timestamp.is_none() => {
            Err(NotDeleted::There("it still exists after its deletion was accepted".to_owned()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(unread(&error, kind)),
    }
}

/// The outcome when the object cannot be read.
pub(super) fn unread(error: &kube::Error, kind: &str) -> NotDeleted {
    if is_denied(error) {
        NotDeleted::Unverified(format!("the caller is not allowed to read objects of kind {kind} in the cluster (get)"))
    } else {
        NotDeleted::There(error.to_string())
    }
}
