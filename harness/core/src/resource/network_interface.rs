//! Network interfaces: of instances, and those that the VPC CNI attached to nodes and that leaked when the nodes were terminated.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::name::RunId;
use aws_sdk_ec2::types::{Filter, NetworkInterface};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::instance;
use super::kind::{Found, Kind, Proof, Target};
use super::lookup::{Lookup, StackNetwork};
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::query::Query;
use super::reach::{Cx, Reach};
use super::removal::{asked, ec2_tags, take, with_vpc};
use crate::aws::error::{AwsError, Explain as _, found};
use crate::aws::{Clients, instances};
use crate::iam::action::{Action, REMOVES};
use crate::iam::scope::{self, EVERYTHING};

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

    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        Some(find(lookup).boxed())
    }

    fn find_in<'a>(&'a self, clients: &'a Clients, network: &'a StackNetwork) -> Option<Found<'a>> {
        Some(find_in(clients, network).boxed())
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
                let tags = with_vpc(ec2_tags(interface.tag_set()), interface.vpc_id());
                let tags = target.with_proof(tags);
                Some((id.to_owned(), LiveState { tags, id: None }))
            });
            take(claim, read, |owned| delete(cx, owned)).await
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&format!("ec2 delete-network-interface --network-interface-id {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("ec2:DescribeNetworkInterfaces", REMOVES, &EVERYTHING, "interfaces that are left"),
    Action::call("ec2:DeleteNetworkInterface", REMOVES, &scope::OWN_INTERFACES, "interfaces of ended nodes"),
    Action::call("ec2:DeleteNetworkInterface", REMOVES, &scope::CNI_INTERFACES, "interfaces of ended pods"),
];

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

async fn clear(cx: Cx<'_>, filter: Filter) {
    match leaked(cx.clients, filter).await {
        Ok(ids) => {
            for id in ids {
                if let Err(error) = delete_by_id(cx, &id).await {
                    tracing::warn!(%error, "a leaked network interface stays");
                }
            }
        }
        Err(error) => tracing::warn!(%error, "cannot list leaked network interfaces"),
    }
}

/// Interfaces of the VPC CNI in a VPC that is deleted with its stack.
async fn find_in(clients: &Clients, network: &StackNetwork) -> Result<Vec<Target>, AwsError> {
    let ids = leaked(clients, Filter::builder().name("vpc-id").values(&network.vpc).build()).await?;
    Ok(ids.iter().map(|id| Target::in_network(&Ec2NetworkInterface, id, network, clients)).collect())
}

async fn leaked(clients: &Clients, filter: Filter) -> Result<Vec<String>, AwsError> {
    let status = Filter::builder().name("status").values("available").build();
    let answer = clients
        .read(|| async {
            let request = clients.ec2.describe_network_interfaces().filters(status.clone()).filters(filter.clone());
            request.send().await.explain("DescribeNetworkInterfaces", "network interfaces of the VPC CNI")
        })
        .await?;
    let mut ids = Vec::new();
    for interface in answer.network_interfaces() {
        let Some(instance) = instance_of(interface) else { continue };
        let is_alive = !instance.is_empty() && is_alive(clients, &instance).await?;
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

async fn is_alive(clients: &Clients, instance: &str) -> Result<bool, AwsError> {
    let filters =
        [("instance-id", vec![instance]), ("instance-state-name", vec!["pending", "running", "stopping", "stopped"])];
    Ok(!instances::matching(clients, &filters, instance).await?.is_empty())
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let (clients, query) = (lookup.clients, lookup.query);
    let mut targets = matching(clients, query.filter(), |tags| query.wants(tags), None).await?;
    if let Query::Run { run, .. } = query {
        // Interfaces that the VPC CNI attached are tagged with the instance and not with the run; EC2 lists a
        // terminated instance for about an hour.
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
                let proof = by_instance.zip(tags.get(CNI_INSTANCE_TAG));
                let proof = proof.map(|(run, instance)| Proof::of_run(CNI_INSTANCE_TAG, instance, run));
                targets.push(Target { proof, ..Target::found(&Ec2NetworkInterface, id, &tags, clients) });
            }
        }
    }
    Ok(targets)
}
