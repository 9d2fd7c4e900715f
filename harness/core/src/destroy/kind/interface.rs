//! Network interfaces: of instances, and those that the VPC CNI attached to nodes and that leaked when the nodes were terminated.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, NetworkInterface};

use super::removal::{Cx, asked, ec2_tags, take};
use crate::aws::error::{AwsError, Explain as _, found};
use crate::aws::instances;
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed};
use crate::destroy::owned::{Claim, LiveState, Owned};

/// Tags of the VPC CNI (aws/amazon-vpc-cni-k8s, "ENI tags").
const CNI_CLUSTER_TAG: &str = "cluster.k8s.amazonaws.com/name";
pub(in crate::destroy) const CNI_INSTANCE_TAG: &str = "node.k8s.amazonaws.com/instance_id";

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let id = target.name.as_str();
    let describe = || async {
        let request = cx.clients.ec2.describe_network_interfaces().network_interface_ids(id);
        request.send().await.explain("DescribeNetworkInterfaces", id)
    };
    let read = found(cx.clients.read(describe).await).map(|answer| {
        let interface = answer?.network_interfaces.unwrap_or_default().into_iter().next()?;
        let tags = target.with_proof(ec2_tags(interface.tag_set()));
        Some((id.to_owned(), LiveState { tags, id: None }))
    });
    take(claim, read, |owned| delete(cx, owned)).await
}

async fn delete(cx: Cx<'_>, owned: Owned<String>) -> Result<(), NotDeleted> {
    asked(delete_by_id(cx, owned.get()).await)
}

async fn delete_by_id(cx: Cx<'_>, id: &str) -> Result<(), AwsError> {
    let request = cx.clients.ec2.delete_network_interface().network_interface_id(id);
    found(request.send().await.explain("DeleteNetworkInterface", id)).map(|_| ())
}

/// Deletes the leaked interfaces of the VPC CNI in clusters of the run: those that are attached to nothing and whose instance no longer
/// exists. Never fails: a stack or cluster that cannot be deleted reports that itself.
pub(in crate::destroy) async fn leaked_of_clusters(cx: Cx<'_>, clusters: &BTreeSet<String>) {
    for cluster in clusters {
        let filter = Filter::builder().name(format!("tag:{CNI_CLUSTER_TAG}")).values(cluster).build();
        clear(cx, filter).await;
    }
}

/// The same in a VPC that is deleted with its stack.
pub(super) async fn leaked_in_vpc(cx: Cx<'_>, vpc: &str) -> usize {
    clear(cx, Filter::builder().name("vpc-id").values(vpc).build()).await
}

async fn clear(cx: Cx<'_>, filter: Filter) -> usize {
    let mut deleted = 0;
    match leaked(cx, filter).await {
        Ok(ids) => {
            for id in ids {
                match delete_by_id(cx, &id).await {
                    Ok(()) => deleted += 1,
                    Err(error) => tracing::warn!(%error, "a leaked network interface stays"),
                }
            }
        }
        Err(error) => tracing::warn!(%error, "cannot list leaked network interfaces"),
    }
    deleted
}

async fn leaked(cx: Cx<'_>, filter: Filter) -> Result<Vec<String>, AwsError> {
    let status = Filter::builder().name("status").values("available").build();
    let answer = cx
        .clients
        .read(|| async {
            let request = cx.clients.ec2.describe_network_interfaces().filters(status.clone()).filters(filter.clone());
            request.send().await.explain("DescribeNetworkInterfaces", "network interfaces of the VPC CNI")
        })
        .await?;
    let mut ids = Vec::new();
    for interface in answer.network_interfaces() {
        let Some(instance) = instance_of(interface) else { continue };
        let is_alive = !instance.is_empty() && is_alive(cx, &instance).await?;
        if let (false, Some(id)) = (is_alive, interface.network_interface_id()) {
            ids.push(id.to_owned());
        }
    }
    Ok(ids)
}

/// The instance that the CNI created an interface for; `None` for other interfaces.
fn instance_of(interface: &NetworkInterface) -> Option<String> {
    let tags = ec2_tags(interface.tag_set());
    let is_cni = interface.description().is_some_and(|text| text.starts_with("aws-K8S-"));
    match tags.get(CNI_INSTANCE_TAG) {
        Some(instance) => Some(instance.clone()),
        None => is_cni.then(String::new),
    }
}

async fn is_alive(cx: Cx<'_>, instance: &str) -> Result<bool, AwsError> {
    let filters =
        [("instance-id", vec![instance]), ("instance-state-name", vec!["pending", "running", "stopping", "stopped"])];
    Ok(!instances::matching(cx.clients, &filters, instance).await?.is_empty())
}
