//! The storage classes of a run.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;
use serde_json::{Value, json};

use super::kind::{Home, Kind, Target};
use super::kubernetes::{Served, bounded, remove};
use super::outcome::{NotDeleted, Removed};
use super::owned::Claim;
use super::reach::Reach;
use crate::aws::names::Tags;
use crate::check::{CheckError, Doing as _};
use crate::cluster::storage::{CLASS, EBS_DRIVER, WINDOWS_CLASS, class_name};
use crate::cluster::{Access, FIELD_MANAGER, RUN_LABEL, objects};
use crate::ledger::{Created, Ledger, Resource, ResourceKind};

/// Its name in the ledger.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "storage-class";

#[derive(Debug)]
pub(super) struct RunStorageClass;

impl Kind for RunStorageClass {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "storage class"
    }

    fn plural(&self) -> &'static str {
        "storage classes"
    }

    fn home(&self) -> Home {
        Home::Kubernetes
    }

    fn after(&self) -> &'static [&'static str] {
        &["namespace"]
    }

    // Volumes of claims stay when a cluster goes before its driver was done.
    fn brings(&self) -> &'static [&'static str] {
        &["volume"]
    }

    fn served_as(&self) -> &'static [(&'static str, &'static str)] {
        &[("storage.k8s.io/v1", "StorageClass")]
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        bounded(reach, async move {
            let served = Served { api_version: "storage.k8s.io/v1", kind: "StorageClass", namespace: None };
            remove(reach.kubernetes()?, served, &target.name, claim).await
        })
        .boxed()
    }

    fn help(&self, target: &Target) -> String {
        format!("kubectl delete storageclass {}", target.name)
    }
}

/// Creates the [`CLASS`] and [`WINDOWS_CLASS`] of the run unless they exist; returns those that it created. A run does this once, before its
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
    let resource = Resource::new(KIND, &name).in_cluster(access.name());
    let access = access.clone();
    let made = ledger.create_resource(resource, || async move {
        let applied = objects::apply(&access, None, &object).await;
        applied.doing(format!("making the storage class {name}"))?;
        Ok::<_, CheckError>(name)
    });
    made.await.map(Some)
}
