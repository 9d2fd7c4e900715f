//! Security groups that carry a run's tag and are in no stack.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::kind::{Found, Kind, Target};
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::query::Query;
use super::reach::{Cx, Reach};
use super::removal::{asked, ec2_tags, take};
use crate::aws::Clients;
use crate::aws::error::{AwsError, Explain as _, found};

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
        &["network-interface"]
    }

    fn is_created_by_runs(&self) -> bool {
        false
    }

    fn is_shared(&self) -> bool {
        true
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
                Some((id.to_owned(), LiveState { tags: ec2_tags(group.tags()), id: None }))
            });
            take(claim, read, |owned| delete(cx, owned)).await
        }
        .boxed()
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&format!("ec2 delete-security-group --group-id {}", target.name))
    }
}

async fn delete(cx: Cx<'_>, owned: Owned<String>) -> Result<(), NotDeleted> {
    let id = owned.get();
    let request = cx.clients.ec2.delete_security_group().group_id(id);
    asked(request.send().await.explain("DeleteSecurityGroup", id).map(|_| ()))
}

async fn find(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.ec2.describe_security_groups().filters(query.filter()).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for group in page.explain("DescribeSecurityGroups", "security groups with amiproof's tags")?.security_groups() {
            let tags = ec2_tags(group.tags());
            // EKS makes one for each cluster, which goes with it.
            if query.wants(&tags) && !tags.contains_key("aws:eks:cluster-name") {
                let id = group.group_id().unwrap_or_default();
                targets.push(Target::found(&Ec2SecurityGroup, id, &tags, clients));
            }
        }
    }
    Ok(targets)
}
