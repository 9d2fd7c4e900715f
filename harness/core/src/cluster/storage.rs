//! The storage class that workloads of the catalogue claim volumes from.

use k8s_openapi::api::storage::v1::{CSIDriver, StorageClass};
use kube::Api;
use serde_json::json;

use super::{Access, FIELD_MANAGER, objects};
use crate::check::CheckError;
use crate::ledger::{Created, Ledger, Resource, ResourceKind};

/// The storage class of the catalogue's workloads: encrypted gp3, bound where the pod runs, deleted with its claim.
pub const CLASS: &str = "amiproof-gp3";

/// The CSI driver of EBS, an add-on of EKS.
pub const EBS_DRIVER: &str = "ebs.csi.aws.com";

/// Makes [`CLASS`] unless it is there; says `None` when it was. A run makes it once, before its variants.
///
/// # Errors
/// When the API server or the ledger refuses.
pub async fn ensure_class(access: &Access, ledger: &Ledger) -> Result<Option<Created>, CheckError> {
    let api: Api<StorageClass> = Api::all(access.client());
    let there = api.get_opt(CLASS).await;
    if there.map_err(|error| CheckError::api(format!("looking for the storage class {CLASS}"), error))?.is_some() {
        return Ok(None);
    }
    let class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "labels": {"app.kubernetes.io/managed-by": FIELD_MANAGER}},
        "provisioner": EBS_DRIVER,
        "parameters": {"type": "gp3", "encrypted": "true"},
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    });
    let resource = Resource::new(ResourceKind::StorageClass, CLASS).in_cluster(access.name());
    let made = ledger.create_resource(resource, || async {
        let applied = objects::apply(access, None, &class).await;
        applied.map_err(|error| CheckError::api(format!("making the storage class {CLASS}"), error))?;
        Ok::<_, CheckError>(CLASS.to_owned())
    });
    made.await.map(Some)
}

/// Whether the cluster has a CSI driver of this name.
///
/// # Errors
/// When the API server refuses.
pub async fn has_driver(access: &Access, name: &str) -> Result<bool, kube::Error> {
    let api: Api<CSIDriver> = Api::all(access.client());
    Ok(api.get_opt(name).await?.is_some())
}
