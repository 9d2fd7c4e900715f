//! Which cluster it is, whatever its name or context: API server, certificate authority, and the UID of `kube-system`.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

use super::{Access, explain};
use crate::ledger::ClusterIdentity;

/// A server that does not answer for so long does not say its UID.
const DEADLINE: Duration = Duration::from_secs(20);

/// Reads what tells a cluster from any other. A UID that may not be read, or that no server answers for, is left out.
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
