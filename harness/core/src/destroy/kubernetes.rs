//! Removing what a run made in a cluster that stays.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;

use super::target::Target;
use crate::cluster::{Access, objects};
use crate::ledger::ResourceKind;

const POLL: Duration = Duration::from_secs(1);

/// Removes an object, and waits until a namespace is really gone.
pub(super) async fn remove(
    access: &Access,
    kind: ResourceKind,
    target: &Target,
    deadline: Duration,
) -> Result<(), String> {
    let removed = async {
        match kind {
            ResourceKind::Namespace => remove_namespace(access, &target.name, deadline).await,
            ResourceKind::StorageClass => remove_object(access, "storage.k8s.io/v1", "StorageClass", target).await,
            ResourceKind::ConfigMapChange => undo_change(access, target).await,
            _ => remove_object(access, target.attribute("apiVersion"), target.attribute("kind"), target).await,
        }
    };
    match tokio::time::timeout(deadline, removed).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(format!("the cluster did not remove it within {}s", deadline.as_secs())),
    }
}

async fn remove_object(access: &Access, api_version: &str, kind: &str, target: &Target) -> Result<(), String> {
    let namespace = target.attributes.get("namespace").map(String::as_str);
    objects::delete(access, api_version, kind, namespace, &target.name).await.map_err(|error| error.to_string())
}

async fn remove_namespace(access: &Access, name: &str, deadline: Duration) -> Result<(), String> {
    let api: Api<Namespace> = Api::all(access.client());
    let until = Instant::now() + deadline;
    loop {
        match api.delete(name, &DeleteParams::background()).await {
            Err(error) if objects::is_not_found(&error) => return Ok(()),
            // 409: it is going already.
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(error.to_string()),
        }
        if Instant::now() >= until {
            return Err(format!("it is still terminating after {}s", deadline.as_secs()));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Puts the value back that was there before, or takes the key away.
async fn undo_change(access: &Access, target: &Target) -> Result<(), String> {
    let api: Api<ConfigMap> = Api::namespaced(access.client(), target.attribute("namespace"));
    let before = target.attributes.get("before");
    let patch = json!({"data": {target.attribute("key"): before}});
    match api.patch(&target.name, &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => Ok(()),
        Err(error) if objects::is_not_found(&error) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
