//! Network interfaces: of instances, and those that the VPC CNI attached to nodes and that leaked when the nodes were terminated.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::name::RunId;
use aws_sdk_ec2::types::{Filter, NetworkInterface};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::instance;
use super::kind::{Found, Kind, Proof, Target};
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::query::Query;
use super::reach::{Cx, Reach};
use super::removal::{asked, ec2_tags, take};
use crate::aws::error::{AwsError, Explain as _, found};
use crate::aws::{Clients, instances};

/// Tags of the VPC CNI (aws/amazon-vpc-cni-k8s, "ENI tags").
const CNI_CLUSTER_TAG: &str = "cluster.k8s.amazonaws.com/name";
const CNI_INSTANCE_TAG: &str = "node.k8s.amazonaws.com/instance_id";

#[derive(Debug)]
pub(super) struct Ec2NetworkInterface;

impl Kind for Ec2NetworkInterface {
    fn as_str(&self) -> &'static str {
        "network-interface"
    }

    fn title(&self) -> &'static str {
        "network interface"
    }

    fn plural(&self) -> &'static str {
        "network interfaces"
    }

    fn after(&self) -> &'static [&'static str] {
        &["instance"]
    }

    fn is_created_by_runs(&self) -> bool {
        false
    }

    fn find<'a>(&'a self, clients: &'a Clients, query: &'a Query) -> Option<Found<'a>> {
        Some(find(clients, query).boxed())
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        async move {
            let (cx, id) = (reach.aws()?, target.name.as_str());
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
        .boxed()
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&format!("ec2 delete-network-interface --network-interface-id {}", target.name))
    }
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
pub(crate) async fn leaked_of_clusters(cx: Cx<'_>, clusters: &BTreeSet<String>) {
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

async fn find(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let mut targets = matching(clients, query.filter(), |tags| query.wants(tags), None).await?;
    if let Query::Run { run, .. } = query {
        // What the VPC CNI attached carries the instance and not the run; an instance that is gone is known for about an hour.
        for chunk in instance::ever(clients, query).await?.chunks(100) {
            let filter =
                Filter::builder().name(format!("tag:{CNI_INSTANCE_TAG}")).set_values(Some(chunk.to_vec())).build();
            targets.extend(matching(clients, filter, |_| true, Some(run)).await?);
        }
        targets.sort_by(|one, other| one.name.cmp(&other.name));
        targets.dedup_by(|one, other| one.name == other.name);
    }
    Ok(targets)
}

async fn matching(
    clients: &Clients,
    filter: Filter,
    wants: impl Fn(&BTreeMap<String, String>) -> bool,
    by_instance: Option<&RunId>,
) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.ec2.describe_network_interfaces().filters(filter).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.explain("DescribeNetworkInterfaces", "network interfaces with amiproof's tags")?;
        for interface in page.network_interfaces() {
            let tags = ec2_tags(interface.tag_set());
            if wants(&tags) {
                let id = interface.network_interface_id().unwrap_or_default();
                let proof = by_instance.zip(tags.get(CNI_INSTANCE_TAG)).map(|(run, instance)| Proof {
                    key: CNI_INSTANCE_TAG.to_owned(),
                    value: instance.clone(),
                    run: run.to_string(),
                });
                targets.push(Target { proof, ..Target::found(&Ec2NetworkInterface, id, &tags, clients) });
            }
        }
    }
    Ok(targets)
}
