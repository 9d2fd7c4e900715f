//! The identity of a cluster, whatever its name or context: API server, certificate authority, and the UID of `kube-system`.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

use super::{Access, explain};
use crate::ledger::ClusterIdentity;

/// How long to wait for the UID.
const DEADLINE: Duration = Duration::from_secs(20);

/// Reads what distinguishes a cluster from every other: its server, its certificate authority and the UID of
/// [kube-system](https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#uids). Never fails: a UID that cannot be read is
/// left out.
pub async fn read(access: &Access, name: String) -> ClusterIdentity {
    let api: Api<Namespace> = Api::all(access.client());
    let uid = match tokio::time::timeout(DEADLINE, api.get("kube-system")).await {
        Ok(Ok(namespace)) => namespace.metadata.uid,
        Ok(Err(error)) => {
            tracing::debug!(error = explain(&error), "the UID of kube-system is not known");
            None
        }
        Err(_) => None,
    };
    let authority = access.authority().map(str::to_owned);
    ClusterIdentity { name, server: access.server().to_owned(), authority, uid }
}
