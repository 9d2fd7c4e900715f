//! Security groups that carry a run's tag and are in no stack, and those of GuardDuty in the VPC of a stack, which block its deletion.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::in_use::InUse;
use super::kind::{Found, Kind, Target};
use super::lookup::{Lookup, StackNetwork};
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned, Owner};
use super::reach::{Cx, Reach};
use super::removal::{asked, ec2_tags, take};
use super::vpc;
use super::vpc_endpoint::{managed_in, of_guardduty};
use crate::aws::Clients;
use crate::aws::error::{AwsError, Explain as _, found};
use crate::iam::action::{Action, REMOVES};
use crate::iam::scope::{self, EVERYTHING};

#[derive(Debug)]
pub(super) struct Ec2SecurityGroup;

impl Kind for Ec2SecurityGroup {
    fn as_str(&self) -> &'static str {
        "security-group"
    }

    fn title(&self) -> &'static str {
        "security group"
    }

    fn plural(&self) -> &'static str {
        "security groups"
    }

    fn after(&self) -> &'static [&'static str] {
        &["network-interface", "vpc-endpoint"]
    }

    fn is_created_by_runs(&self) -> bool {
        false
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        Some(find(lookup).boxed())
    }

    fn find_in<'a>(&'a self, clients: &'a Clients, network: &'a StackNetwork) -> Option<Found<'a>> {
        Some(find_in(clients, network).boxed())
    }

    fn reason_to_keep<'a>(
        &'a self,
        cx: Cx<'a>,
        target: &'a Target,
        in_use: &'a InUse,
    ) -> BoxFuture<'a, Result<Option<Owner>, AwsError>> {
        vpc::reason_to_keep_what_is_in(cx, target, in_use).boxed()
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
                cx.clients
                    .ec2
                    .describe_security_groups()
                    .group_ids(id)
                    .send()
                    .await
                    .explain("DescribeSecurityGroups", id)
            };
            let read = found(cx.clients.read(describe).await).map(|answer| {
                let group = answer?.security_groups.unwrap_or_default().into_iter().next()?;
                let tags = of_guardduty(target, ec2_tags(group.tags()), group.vpc_id());
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
        target.aws(&format!("ec2 delete-security-group --group-id {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("ec2:DescribeSecurityGroups", REMOVES, &EVERYTHING, "security groups that are left"),
    Action::call("ec2:DeleteSecurityGroup", REMOVES, &scope::OWN_SECURITY_GROUPS, "security groups of runs"),
    Action::call("ec2:DeleteSecurityGroup", REMOVES, &scope::GUARDDUTY_SECURITY_GROUPS, "in the way of deleting a VPC"),
];

async fn delete(cx: Cx<'_>, owned: Owned<String>) -> Result<(), NotDeleted> {
    let id = owned.get();
    // An interface that was just deleted keeps it in use for a while.
    let deleted = cx.clients.until_free(|| async {
        cx.clients.ec2.delete_security_group().group_id(id).send().await.explain("DeleteSecurityGroup", id)
    });
    asked(deleted.await.map(|_| ()))
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let (clients, query) = (lookup.clients, lookup.query);
    let mut pages = clients.ec2.describe_security_groups().filters(query.filter()).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for group in page.explain("DescribeSecurityGroups", "security groups with amiproof's tags")?.security_groups() {
            let tags = ec2_tags(group.tags());
            // EKS makes one for each cluster, which is deleted with it.
            if query.wants(&tags) && !tags.contains_key("aws:eks:cluster-name") {
                let id = group.group_id().unwrap_or_default();
                targets.push(Target::found(&Ec2SecurityGroup, id, &tags, clients));
            }
        }
    }
    for network in lookup.networks().await? {
        targets.extend(find_in(clients, network).await?);
    }
    Ok(targets)
}

/// The security groups that GuardDuty created with its endpoint.
async fn find_in(clients: &Clients, network: &StackNetwork) -> Result<Vec<Target>, AwsError> {
    let describe = || async {
        let request = clients.ec2.describe_security_groups().set_filters(Some(managed_in(&network.vpc).into()));
        request.send().await.explain("DescribeSecurityGroups", format!("security groups in {}", network.vpc))
    };
    let groups = clients.read(describe).await?.security_groups.unwrap_or_default().into_iter();
    Ok(groups
        .filter_map(|group| Some(Target::in_network(&Ec2SecurityGroup, group.group_id()?, network, clients)))
        .collect())
}
