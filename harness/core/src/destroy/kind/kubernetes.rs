//! Objects in a cluster that is kept. Each is read before it is deleted: the run's label proves ownership, or the value that the run wrote
//! for a changed ConfigMap.

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_model::name::RunId;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::json;

use crate::aws::names::RUN_TAG;
use crate::cluster::{Access, RUN_LABEL, is_denied, namespace, objects};
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned, Owner};
use crate::ledger::{ConfigMapKey, ObjectRef, ResourceKind};

/// How long it may take to find out what blocks a namespace, after its deadline: one list per kind of the cluster.
const NAMING: Duration = Duration::from_secs(30);

/// Deletes an object of a run; for a namespace, also waits until it is gone.
pub(in crate::destroy) async fn remove(
    access: &Access,
    run: &RunId,
    kind: &ResourceKind,
    target: &Target,
    deadline: Duration,
) -> Result<Removed, NotDeleted> {
    let removed = async {
        match kind {
            ResourceKind::Namespace => remove_object(access, run, &core("Namespace"), target, deadline).await,
            ResourceKind::StorageClass => {
                let class = ObjectRef {
                    api_version: "storage.k8s.io/v1".to_owned(),
                    kind: "StorageClass".to_owned(),
                    namespace: None,
                };
                remove_object(access, run, &class, target, deadline).await
            }
            ResourceKind::ConfigMapKey(change) => undo(access, change, &target.name).await,
            ResourceKind::KubernetesObject(object) => remove_object(access, run, object, target, deadline).await,
            _ => Err(NotDeleted::There("it is not in the cluster's API".to_owned())),
        }
    };
    match tokio::time::timeout(deadline + NAMING, removed).await {
        Ok(outcome) => outcome,
        Err(_) => Err(NotDeleted::There(format!("the cluster did not delete it within {}s", deadline.as_secs()))),
    }
}

fn core(kind: &str) -> ObjectRef {
    ObjectRef { api_version: "v1".to_owned(), kind: kind.to_owned(), namespace: None }
}

async fn remove_object(
    access: &Access,
    run: &RunId,
    object: &ObjectRef,
    target: &Target,
    deadline: Duration,
) -> Result<Removed, NotDeleted> {
    let namespace = object.namespace.as_deref();
    let read = objects::get(access, &object.api_version, &object.kind, namespace, &target.name).await;
    let Some(there) = read.map_err(|error| unread(&error, object))? else { return Ok(Removed::Absent) };
    let claim = Claim::Run { run: run.clone(), id: None };
    match claim.own((), &seen(&there)) {
        Ok(owned) => delete(access, run, object, target, &owned, deadline).await.map(|()| Removed::Gone),
        Err(owner) => Ok(Removed::Foreign(owner)),
    }
}

/// Labels as tags, that of the run under the name that it has in AWS.
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

async fn delete(
    access: &Access,
    run: &RunId,
    object: &ObjectRef,
    target: &Target,
    _owned: &Owned<()>,
    deadline: Duration,
) -> Result<(), NotDeleted> {
    if object.kind == "Namespace" {
        let deleted = namespace::delete(access, run, &target.name, deadline).await;
        return deleted.map_err(|error| NotDeleted::There(error.to_string()));
    }
    let namespace = object.namespace.as_deref();
    let deleted = objects::delete(access, &object.api_version, &object.kind, namespace, &target.name).await;
    deleted.map_err(|error| NotDeleted::There(error.to_string()))?;
    match objects::get(access, &object.api_version, &object.kind, namespace, &target.name).await {
        Ok(Some(left)) if left.metadata.deletion_timestamp.is_none() => {
            Err(NotDeleted::There("it is still there after its deletion was accepted".to_owned()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(unread(&error, object)),
    }
}

/// Restores the previous value, or removes the key, if the value is the one that the run wrote; then verifies it by a read.
async fn undo(access: &Access, change: &ConfigMapKey, name: &str) -> Result<Removed, NotDeleted> {
    let ConfigMapKey { namespace, key, value, before } = change;
    let api: Api<ConfigMap> = Api::namespaced(access.client(), namespace);
    let read = async || -> Result<Option<String>, NotDeleted> {
        let there = api.get_opt(name).await.map_err(|error| unread(&error, &core("ConfigMap")))?;
        Ok(there.and_then(|map| map.data?.get(key).cloned()))
    };
    match read().await? {
        None => return Ok(Removed::Absent),
        Some(now) if Some(&now) == before.as_ref() => return Ok(Removed::Gone),
        Some(now) if now != *value => {
            return Ok(Removed::Foreign(Owner::new(format!(
                "has {key} at {now:?} now, but the run had written {value:?}"
            ))));
        }
        Some(_) => {}
    }
    let patch = json!({"data": {key: before}});
    match api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => {}
        Err(error) if objects::is_not_found(&error) => return Ok(Removed::Gone),
        Err(error) => return Err(NotDeleted::There(error.to_string())),
    }
    match read().await? {
        now if now == *before => Ok(Removed::Gone),
        now => Err(NotDeleted::There(format!("{key} is {} after it was put back", now.unwrap_or_default()))),
    }
}

fn unread(error: &kube::Error, object: &ObjectRef) -> NotDeleted {
    if is_denied(error) {
        let kind = &object.kind;
        NotDeleted::Unverified(format!("the caller may not read objects of kind {kind} in the cluster (get)"))
    } else {
        NotDeleted::There(error.to_string())
    }
}
