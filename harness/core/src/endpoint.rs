//! What answers behind an endpoint URL: AWS, another emulator, or amiproof's own lab, whose time runs faster.

use std::time::Duration;

use serde::Deserialize;

/// How many times faster than real time the lab behind `url` runs; `None` when no lab answers there.
pub async fn lab_time_scale(url: &str) -> Option<f64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Health {
        time_scale: f64,
    }
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().ok()?;
    let health = client.get(format!("{}/_lab/health", url.trim_end_matches('/'))).send().await.ok()?;
    if !health.status().is_success() {
        return None;
    }
    serde_json::from_slice::<Health>(&health.bytes().await.ok()?).ok().map(|health| health.time_scale)
}
