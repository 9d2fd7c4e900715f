//! The storage classes that workloads of the catalogue claim volumes from.

use std::collections::BTreeMap;

use k8s_openapi::api::storage::v1::{CSIDriver, StorageClass};
use kube::Api;
use serde_json::{Value, json};

use super::{Access, FIELD_MANAGER, objects};
use crate::check::CheckError;
use crate::ledger::{Created, Ledger, Resource, ResourceKind};

/// The storage class of the catalogue's workloads: encrypted gp3, bound where the pod runs, deleted with its claim.
pub const CLASS: &str = "amiproof-gp3";

/// The CSI driver of EBS, an add-on of EKS.
pub const EBS_DRIVER: &str = "ebs.csi.aws.com";

/// The same for pods on Windows, which can use NTFS only.
pub const WINDOWS_CLASS: &str = "amiproof-gp3-ntfs";

/// Makes [`CLASS`] and [`WINDOWS_CLASS`] unless they are there; says which it made. A run makes them once, before its variants. Volumes
/// get `tags` (EBS CSI driver, `docs/tagging.md`).
///
/// # Errors
/// When the API server or the ledger refuses.
pub async fn ensure_classes(
    access: &Access,
    ledger: &Ledger,
    tags: &BTreeMap<String, String>,
) -> Result<Vec<Created>, CheckError> {
    let mut made = Vec::new();
    let mut parameters = json!({"type": "gp3", "encrypted": "true"});
    for (index, (key, value)) in tags.iter().enumerate() {
        parameters[format!("tagSpecification_{}", index + 1)] = json!(format!("{key}={value}"));
    }
    made.extend(ensure(access, ledger, CLASS, parameters.clone()).await?);
    parameters["csi.storage.k8s.io/fstype"] = json!("ntfs");
    made.extend(ensure(access, ledger, WINDOWS_CLASS, parameters).await?);
    Ok(made)
}

async fn ensure(
    access: &Access,
    ledger: &Ledger,
    name: &'static str,
    parameters: Value,
) -> Result<Option<Created>, CheckError> {
    let api: Api<StorageClass> = Api::all(access.client());
    let there = api.get_opt(name).await;
    if there.map_err(|error| CheckError::api(format!("looking for the storage class {name}"), error))?.is_some() {
        return Ok(None);
    }
    let class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": FIELD_MANAGER}},
        "provisioner": EBS_DRIVER,
        "parameters": parameters,
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    });
    let resource = Resource::new(ResourceKind::StorageClass, name).in_cluster(access.name());
    let made = ledger.create_resource(resource, || async {
        let applied = objects::apply(access, None, &class).await;
        applied.map_err(|error| CheckError::api(format!("making the storage class {name}"), error))?;
        Ok::<_, CheckError>(name.to_owned())
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
