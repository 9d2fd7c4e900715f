//! What is behind an endpoint URL: AWS, another emulator, or amiproof's own lab, whose time runs faster.

use std::time::Duration;

use serde::Deserialize;

use crate::cluster::Access;

/// The health path of a lab, on the AWS endpoint and on its API servers.
const HEALTH: &str = "/_lab/health";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    time_scale: f64,
}

/// How many times faster than real time the lab behind a cluster runs; `None` for a cluster that does not say it is a lab's.
pub async fn lab_behind(access: &Access) -> Option<f64> {
    // Only an endpoint that identifies itself as a lab gets this request: on a real cluster it would be noise in the audit log.
    let version = access.client().apiserver_version().await.ok()?;
    if !version.git_version.ends_with("-lab") {
        return None;
    }
    let request = http::Request::get(HEALTH).body(Vec::new()).ok()?;
    access.client().request::<Health>(request).await.ok().map(|health| health.time_scale)
}

/// How many times faster than real time the lab behind `url` runs; `None` when no lab answers there.
pub async fn lab_time_scale(url: &str) -> Option<f64> {
    let mut client = reqwest::Client::builder().timeout(Duration::from_secs(5));
    if crate::aws::http::is_local(url) {
        client = client.no_proxy();
    }
    let client = client.build().ok()?;
    let health = client.get(format!("{}{HEALTH}", url.trim_end_matches('/'))).send().await.ok()?;
    if !health.status().is_success() {
        return None;
    }
    serde_json::from_slice::<Health>(&health.bytes().await.ok()?).ok().map(|health| health.time_scale)
}
