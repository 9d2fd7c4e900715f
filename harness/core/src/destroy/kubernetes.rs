//! Removing what a run made in a cluster that stays.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::target::Target;
use crate::cluster::{Access, explain, namespace, objects};
use crate::ledger::ResourceKind;

/// How long a namespace that did not go may take to say what keeps it, after its deadline: a list per kind that the cluster has.
const NAMING: Duration = Duration::from_secs(30);

/// Removes an object, and waits until a namespace is really gone.
pub(super) async fn remove(
    access: &Access,
    kind: ResourceKind,
    target: &Target,
    deadline: Duration,
) -> Result<(), String> {
    let removed = async {
        match kind {
            ResourceKind::Namespace => {
                namespace::delete(access, &target.name, deadline).await.map_err(|error| error.to_string())
            }
            ResourceKind::StorageClass => remove_object(access, "storage.k8s.io/v1", "StorageClass", target).await,
            ResourceKind::ConfigMapChange => undo_change(access, target).await,
            _ => remove_object(access, target.attribute("apiVersion"), target.attribute("kind"), target).await,
        }
    };
    match tokio::time::timeout(deadline + NAMING, removed).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(format!("the cluster did not remove it within {}s", deadline.as_secs())),
    }
}

async fn remove_object(access: &Access, api_version: &str, kind: &str, target: &Target) -> Result<(), String> {
    let namespace = target.attributes.get("namespace").map(String::as_str);
    objects::delete(access, api_version, kind, namespace, &target.name).await.map_err(|error| explain(&error))
}

/// Puts the value back that was there before, or takes the key away.
async fn undo_change(access: &Access, target: &Target) -> Result<(), String> {
    let api: Api<ConfigMap> = Api::namespaced(access.client(), target.attribute("namespace"));
    let before = target.attributes.get("before");
    let patch = json!({"data": {target.attribute("key"): before}});
    match api.patch(&target.name, &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => Ok(()),
        Err(error) if objects::is_not_found(&error) => Ok(()),
        Err(error) => Err(explain(&error)),
    }
}
