//! What a kubelet answers through the API server's node proxy: its effective configuration and its statistics.

use std::time::Duration;

use serde_json::Value;

use super::Access;
use super::kubelet_path::PathError;

/// Asks a kubelet's HTTP endpoint (`configz`, `stats/summary`) by way of the API server and its port 10250.
///
/// # Errors
/// [`PathError`]; an answer that is not JSON counts as a broken connection.
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

/// The configuration that a kubelet really runs with: file, drop-ins, flags and defaults together.
///
/// # Errors
/// [`PathError`].
pub async fn configuration(access: &Access, node: &str, within: Duration) -> Result<Value, PathError> {
    let mut answer = get(access, node, "configz", within).await?;
    match answer.get_mut("kubeletconfig") {
        Some(configuration) => Ok(configuration.take()),
        None => Err(PathError::Connection("configz answered without kubeletconfig".to_owned())),
    }
}
