//! What Windows nodes need of the cluster: the VPC CNI must hand out addresses to their pods.
//!
//! EKS user guide, "Deploy Windows nodes on EKS clusters": ConfigMap `kube-system/amazon-vpc-cni` with `enable-windows-ipam: "true"`.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{Access, FIELD_MANAGER};
use crate::check::CheckError;
use crate::ledger::{Ledger, Resource, ResourceKind};

/// The ConfigMap, in `kube-system`.
pub const CONFIG_MAP: &str = "amazon-vpc-cni";
const KEY: &str = "enable-windows-ipam";

/// Turns it on, unless it is on already. What was changed is in the ledger.
///
/// # Errors
/// When the API server refuses, or the ledger cannot be written.
pub async fn enable_ipam(access: &Access, ledger: &Ledger) -> Result<(), CheckError> {
    let api: Api<ConfigMap> = Api::namespaced(access.client(), "kube-system");
    let doing = || format!("turning on Windows address management in ConfigMap kube-system/{CONFIG_MAP}");
    let there = api.get_opt(CONFIG_MAP).await.map_err(|error| CheckError::api(doing(), error))?;
    let is_on =
        there.is_some_and(|map| map.data.is_some_and(|data| data.get(KEY).is_some_and(|value| value == "true")));
    if is_on {
        return Ok(());
    }
    let resource = Resource::new(ResourceKind::ConfigMapChange, CONFIG_MAP).in_cluster(access.name());
    ledger
        .create_resource(resource, || async {
            patch(&api, json!({KEY: "true"})).await.map_err(|error| CheckError::api(doing(), error))?;
            Ok::<String, CheckError>(format!("kube-system/{CONFIG_MAP}"))
        })
        .await?;
    Ok(())
}

/// Takes the change back: server-side apply without the key removes what this field manager owned, and nothing else.
///
/// # Errors
/// When the API server refuses.
pub async fn restore_ipam(access: &Access) -> Result<(), kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(access.client(), "kube-system");
    if api.get_opt(CONFIG_MAP).await?.is_none() {
        return Ok(());
    }
    patch(&api, json!({})).await
}

async fn patch(api: &Api<ConfigMap>, data: serde_json::Value) -> Result<(), kube::Error> {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CONFIG_MAP, "namespace": "kube-system"},
        "data": data,
    });
    api.patch(CONFIG_MAP, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&object)).await.map(|_| ())
}
