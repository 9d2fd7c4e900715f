//! The storage classes that workloads of the catalogue claim volumes from.

use std::collections::BTreeMap;

use amiproof_model::name::RunId;
use k8s_openapi::api::storage::v1::{CSIDriver, StorageClass};
use kube::Api;
use serde_json::{Value, json};

use super::{Access, FIELD_MANAGER, RUN_LABEL, objects};
use crate::aws::names::Tags;
use crate::check::{CheckError, Doing as _};
use crate::ledger::{Created, Ledger, Resource, ResourceKind};

/// The name of the storage class in workload files: encrypted gp3, bound where the pod runs, deleted with its claim. In the
/// cluster the class carries the run's id ([`class_name`]), so that runs do not share it.
pub const CLASS: &str = "amiproof-gp3";

/// The CSI driver of EBS, an add-on of EKS.
pub const EBS_DRIVER: &str = "ebs.csi.aws.com";

/// The same for pods on Windows, which can only use NTFS.
pub const WINDOWS_CLASS: &str = "amiproof-gp3-ntfs";

/// The name that a run's storage class has in the cluster.
pub fn class_name(run: &RunId, class: &str) -> String {
    format!("{class}-{run}")
}

/// Creates the [`CLASS`] and [`WINDOWS_CLASS`] of the run unless they exist; returns those that it created. A run does this once, before
/// its
/// variants. Volumes get the tag of the run, by which one whose cluster is gone is found, and `tags` (EBS CSI driver,
/// [tagging](https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/tagging.md)).
///
/// # Errors
/// If the API server rejects a class, or the ledger cannot be written, and then nothing is created.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn ensure_classes(
    access: &Access,
    ledger: &Ledger,
    tags: &BTreeMap<String, String>,
) -> Result<Vec<Created>, CheckError> {
    let mut made = Vec::new();
    let mut parameters = json!({"type": "gp3", "encrypted": "true"});
    let all = Tags::of_run(ledger.header().run.clone(), ledger.header().expires).with(tags).pairs();
    for (index, (key, value)) in all.iter().enumerate() {
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
    class: &'static str,
    parameters: Value,
) -> Result<Option<Created>, CheckError> {
    let (run, name) = (&ledger.header().run, class_name(&ledger.header().run, class));
    let api: Api<StorageClass> = Api::all(access.client());
    let there = api.get_opt(&name).await;
    if there.doing(format!("looking for the storage class {name}"))?.is_some() {
        return Ok(None);
    }
    let object = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "labels": {RUN_LABEL: run, "app.kubernetes.io/managed-by": FIELD_MANAGER}},
        "provisioner": EBS_DRIVER,
        "parameters": parameters,
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    });
    let resource = Resource::new(ResourceKind::StorageClass, &name).in_cluster(access.name());
    let access = access.clone();
    let made = ledger.create_resource(resource, || async move {
        let applied = objects::apply(&access, None, &object).await;
        applied.doing(format!("making the storage class {name}"))?;
        Ok::<_, CheckError>(name)
    });
    made.await.map(Some)
}

/// Whether the cluster has a [CSI driver](https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/csi-driver-v1/)
/// of
/// this name.
///
/// # Errors
/// If the API server rejects the request.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn has_driver(access: &Access, name: &str) -> Result<bool, kube::Error> {
    let api: Api<CSIDriver> = Api::all(access.client());
    Ok(api.get_opt(name).await?.is_some())
}
