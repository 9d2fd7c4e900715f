//! The description of an add-on.

use aws_sdk_eks::types::Addon;

use crate::aws::Clients;
use crate::aws::error::Explain as _;
use crate::aws::error::{AwsError, found};

/// Reads an add-on; `None` if it is not installed.
///
/// # Errors
/// [`AwsError`] of [DescribeAddon](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddon.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn describe(clients: &Clients, cluster: &str, addon: &str) -> Result<Option<Addon>, AwsError> {
    let answer = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let request = clients.eks.describe_addon().cluster_name(cluster).addon_name(addon);
            request.send().await.explain("DescribeAddon", format!("add-on {addon}"))
        })
        .await;
    Ok(found(answer)?.and_then(|answer| answer.addon))
}
