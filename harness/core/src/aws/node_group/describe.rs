//! The description of a node group.

use aws_sdk_eks::types::Nodegroup;

use crate::aws::Clients;
use crate::aws::error::Explain as _;
use crate::aws::error::{AwsError, found};

/// Reads a node group; `None` if none has this name.
///
/// # Errors
/// [`AwsError`] of [DescribeNodegroup](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeNodegroup.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn describe(clients: &Clients, cluster: &str, name: &str) -> Result<Option<Nodegroup>, AwsError> {
    let answer = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let request = clients.eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(name);
            request.send().await.explain("DescribeNodegroup", format!("node group {name}"))
        })
        .await;
    Ok(found(answer)?.and_then(|answer| answer.nodegroup))
}

/// Like [`describe`], but the answer may be up to five minutes old: for what does not change once the node group is created.
///
/// # Errors
/// Those of [`describe`].
pub async fn described(clients: &Clients, cluster: &str, name: &str) -> Result<Option<Nodegroup>, AwsError> {
    let about = format!("{cluster} {name}");
    clients.shared_answer(("DescribeNodegroup", &about), || describe(clients, cluster, name)).await
}
