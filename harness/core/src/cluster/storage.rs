//! The storage classes that workloads of the catalogue claim volumes from.

use amiproof_model::name::RunId;
use k8s_openapi::api::storage::v1::{CSIDriver, StorageClass};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use super::Access;

/// The name of the storage class in workload files: encrypted gp3, bound where the pod runs, deleted with its claim. In the
/// cluster the class carries the run's id ([`class_name`]), so that runs do not share it.
pub const CLASS: &str = "amiproof-gp3";

/// The CSI driver of EBS, an add-on of EKS.
pub const EBS_DRIVER: &str = "ebs.csi.aws.com";

/// The storage class for pods on Windows, which can only use NTFS.
pub const WINDOWS_CLASS: &str = "amiproof-gp3-ntfs";

/// The name, in workload files, of a storage class that amiproof cannot create, because its driver needs more (a file
/// system of EFS).
pub const SHARED_CLASS: &str = "amiproof-shared";

/// The first [storage class](https://kubernetes.io/docs/concepts/storage/storage-classes/) of a driver that deletes volumes with their
/// claims, by name; `None` if there is none.
///
/// # Errors
/// If the API server rejects the request.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn class_of(access: &Access, driver: &str) -> Result<Option<String>, kube::Error> {
    let api: Api<StorageClass> = Api::all(access.client());
    let all = api.list(&ListParams::default()).await?.items;
    let fits = |class: &StorageClass| {
        class.provisioner == driver && class.reclaim_policy.as_deref().is_none_or(|policy| policy == "Delete")
    };
    Ok(all.into_iter().filter(fits).map(|class| class.name_any()).min())
}

/// The name that a run's storage class has in the cluster.
pub fn class_name(run: &RunId, class: &str) -> String {
    format!("{class}-{run}")
}

/// Whether the cluster has a [CSI driver](https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/csi-driver-v1/) of
/// this name.
///
/// # Errors
/// If the API server rejects the request.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn has_driver(access: &Access, name: &str) -> Result<bool, kube::Error> {
    let api: Api<CSIDriver> = Api::all(access.client());
    Ok(api.get_opt(name).await?.is_some())
}
