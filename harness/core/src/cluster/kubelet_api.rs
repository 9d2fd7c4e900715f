//! Endpoints of a kubelet through the API server's node proxy: its effective configuration and its statistics.

use std::time::Duration;

use serde_json::Value;

use super::Access;
use super::kubelet_path::PathError;

/// Requests an endpoint of a kubelet (`configz`, `stats/summary`) through the API server
/// ([nodes/proxy](https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/)) and port 10250 of the node.
///
/// # Errors
/// [`PathError`]; an answer that is not JSON counts as a broken connection. Never retried: how long the path takes is what is measured.
pub async fn get(access: &Access, node: &str, path: &str, within: Duration) -> Result<Value, PathError> {
    let request = http::Request::get(format!("/api/v1/nodes/{node}/proxy/{path}"))
        .body(Vec::new())
        .map_err(|error| PathError::Connection(error.to_string()))?;
    let client = access.client();
    let answer = tokio::time::timeout(within, client.request_text(request)).await;
    let text = match answer {
        Err(_) => return Err(PathError::Silent(within)),
        Ok(answer) => answer.map_err(|error| PathError::Refused(Box::new(error)))?,
    };
    serde_json::from_str(&text).map_err(|error| PathError::Connection(format!("{path} answered no JSON: {error}")))
}

/// The effective configuration of a kubelet: file, drop-ins, flags and defaults together
/// ([configz](https://kubernetes.io/docs/tasks/administer-cluster/kubelet-config-file/#viewing-the-kubelet-configuration)).
///
/// # Errors
/// [`PathError`]. Never retried: how long the path takes is what is measured.
pub async fn configuration(access: &Access, node: &str, within: Duration) -> Result<Value, PathError> {
    let mut answer = get(access, node, "configz", within).await?;
    match answer.get_mut("kubeletconfig") {
        Some(configuration) => Ok(configuration.take()),
        None => Err(PathError::Connection("configz answered without kubeletconfig".to_owned())),
    }
}
