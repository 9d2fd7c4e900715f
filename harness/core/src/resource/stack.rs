//! The CloudFormation stack with network and roles. It is deleted by its StackId, which is never reused.

use std::collections::BTreeSet;
use std::time::Duration;

use amiproof_model::matrix::ClusterSpec;
use aws_sdk_cloudformation::types::{Capability, OnFailure, Parameter, StackStatus, Tag};
use aws_sdk_ec2::types::Filter;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use jiff::Timestamp;

use super::in_use::{InUse, LiveCluster};
use super::kind::{Found, Kind, Target};
use super::outcome::{NotDeleted, Removed, unanswered};
use super::owned::{Claim, LiveState, Look, Owned, Owner};
use super::query::Query;
use super::reach::{Cx, Reach};
use super::removal::{ec2_tags, look};
use super::{cluster, vpc_leftovers};
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::{RUN_TAG, Tags};
use crate::aws::network::{self, Network};
use crate::ledger::{Ledger, Resource, ResourceKind};

/// Its name in the ledger. The id of an entry is the StackId.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "stack";

#[derive(Debug)]
pub(super) struct CloudFormationStack;

impl Kind for CloudFormationStack {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "CloudFormation stack"
    }

    fn plural(&self) -> &'static str {
        "CloudFormation stacks"
    }

    fn after(&self) -> &'static [&'static str] {
        &["cluster"]
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn has_unique_ids(&self) -> bool {
        true
    }

    fn is_blocked_by_interfaces(&self) -> bool {
        true
    }

    fn find<'a>(&'a self, clients: &'a Clients, query: &'a Query) -> Option<Found<'a>> {
        Some(find(clients, query).boxed())
    }

    fn reason_to_keep<'a>(
        &'a self,
        cx: Cx<'a>,
        target: &'a Target,
        in_use: &'a InUse,
    ) -> BoxFuture<'a, Result<Option<Owner>, AwsError>> {
        async move {
            let vpcs = vpcs(cx, &target.name).await?;
            let lives_in = |cluster: &&LiveCluster| cluster.vpc.as_ref().is_some_and(|vpc| vpcs.contains(vpc));
            if let Some(cluster) = in_use.clusters.iter().find(lives_in) {
                return Ok(Some(cluster.keeps()));
            }
            for vpc in &vpcs {
                if let Some((id, owner)) = living_instance(cx, vpc, in_use.now).await? {
                    return Ok(Some(Owner::new(format!("is under instance {id}, which {owner}"))));
                }
            }
            Ok(None)
        }
        .boxed()
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        async move {
            let cx = reach.aws()?;
            match look(claim, read(cx, &target.name).await)? {
                Look::Absent => Ok(Removed::Absent),
                Look::Foreign(owner) => Ok(Removed::Foreign(owner)),
                Look::Ours(owned) => delete(cx, &target.name, owned).await,
            }
        }
        .boxed()
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&format!("cloudformation delete-stack --stack-name {}", target.name))
    }
}

/// How often a failed deletion is repeated, after looking for what blocks the stack.
const TRIES: usize = 3;

/// Creates the stack and waits until it is complete. One of this name that is being deleted, by whomever, is awaited first.
///
/// # Guarantees
/// The stack is in the ledger before it is created. CloudFormation rolls back a stack that fails; `destroy` deletes what is left of it.
///
/// # Errors
/// [`AwsError`] of [CreateStack](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html); if a resource fails (with the
/// events of the stack); or if it is not complete within `deadline`. The call carries a client token, so transient errors are retried.
pub async fn create(
    clients: &Clients,
    ledger: &Ledger,
    name: &str,
    spec: &ClusterSpec,
    tags: &Tags,
    deadline: Duration,
) -> Result<Network, network::Error> {
    let is_there = network::wait_while_deleting(clients, name, deadline).await?;
    if !is_there {
        // What an earlier process of the run created, it deleted.
        ledger.all_gone(&KIND, name).await?;
    }
    if !is_there || !ledger.has_created(KIND, name) {
        let zones = network::zones(clients).await?;
        let template = network::template(spec, clients.region())?;
        let resource = Resource::new(KIND, name).in_region(clients.region());
        let token = ledger.client_token(&resource);
        let (clients, name, tags) = (clients.clone(), name.to_owned(), tags.clone());
        ledger
            .create_resource(resource, || async move {
                clients
                    .write_idempotent(|| create_once(&clients, &name, &template, &zones, &tags, &token))
                    .await
                    .map_err(network::Error::from)
            })
            .await?;
    }
    network::wait_complete(clients, name, deadline).await
}

async fn create_once(
    clients: &Clients,
    name: &str,
    template: &str,
    zones: &[String; 2],
    tags: &Tags,
    token: &str,
) -> Result<String, AwsError> {
    let parameter = |key: &str, value: &str| Parameter::builder().parameter_key(key).parameter_value(value).build();
    let stack_tags =
        tags.pairs().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let answer = clients
        .cloudformation
        .create_stack()
        .stack_name(name)
        .template_body(template)
        .parameters(parameter("ZoneA", &zones[0]))
        .parameters(parameter("ZoneB", &zones[1]))
        .capabilities(Capability::CapabilityIam)
        // What failed stays for the events to be quoted; destroy deletes it.
        .on_failure(OnFailure::DoNothing)
        .set_tags(Some(stack_tags))
        .client_request_token(token)
        .send()
        .await
        .explain("CreateStack", format!("stack {name}"));
    match answer {
        Ok(answer) => Ok(answer.stack_id.unwrap_or_else(|| name.to_owned())),
        // A lost answer of an earlier try, if the tag says so.
        Err(error) if error.class == Class::Exists => match network::run_tag(clients, name).await? {
            Some(Some(run)) if run == tags.run.as_str() => Ok(name.to_owned()),
            _ => Err(AwsError {
                message: format!(
                    "{}; it was not created by this run: delete it with `amiproof destroy`, or use it",
                    error.message
                ),
                ..error
            }),
        },
        Err(error) => Err(error),
    }
}

/// The present stack of a name: its StackId and its tags.
async fn read(cx: Cx<'_>, name: &str) -> Result<Option<(String, LiveState)>, AwsError> {
    let describe = || async {
        let request = cx.clients.cloudformation.describe_stacks().stack_name(name);
        request.send().await.explain("DescribeStacks", format!("stack {name}"))
    };
    let stacks = found(cx.clients.read(describe).await)?.and_then(|answer| answer.stacks).unwrap_or_default();
    let mut there = stacks.into_iter().filter(|stack| stack.stack_status() != Some(&StackStatus::DeleteComplete));
    Ok(there.next().map(|stack| {
        let pairs = stack.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
        let seen = LiveState { tags: pairs.collect(), id: stack.stack_id().map(str::to_owned) };
        (stack.stack_id().unwrap_or(name).to_owned(), seen)
    }))
}

/// Deletes a stack by its StackId. What AWS itself created in its VPCs is deleted first; if that cannot be read, the stack is deleted
/// anyway, and the problem is reported.
async fn delete(cx: Cx<'_>, name: &str, owned: Owned<String>) -> Result<Removed, NotDeleted> {
    let id = owned.get();
    let unverified = |error: &AwsError| {
        format!("could not verify what else was in the network of stack {name}: {}", unanswered(error))
    };
    let (vpcs, unread) = match vpcs(cx, id).await {
        Ok(vpcs) => (vpcs, None),
        Err(error) => (Vec::new(), Some(unverified(&error))),
    };
    match cluster::living_in(cx, &vpcs).await {
        Ok(None) => {}
        // The cluster would lose its internet access and its roles, and still block the VPC.
        Ok(Some(cluster)) => return Err(NotDeleted::There(format!("cluster {cluster} lives in its network"))),
        // The final query does the same, and reports the denial.
        Err(error) => tracing::info!(%error, "cannot determine which clusters use the network"),
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let mut cleared = 0;
        for vpc in &vpcs {
            cleared += vpc_leftovers::clear(cx, vpc).await;
        }
        match network::delete(cx.clients, id, cx.deadlines.stack).await {
            Ok(()) => return Ok(unread.map_or(Removed::Gone, Removed::GoneUnverified)),
            Err(network::Error::Stuck { status, events, .. })
                if status == StackStatus::DeleteFailed.as_str() && tries < TRIES =>
            {
                tracing::info!(cleared, events, "the stack could not be deleted, looking for what blocks it");
            }
            Err(error) => {
                let also = unread.map(|unread| format!("; {unread}")).unwrap_or_default();
                return Err(NotDeleted::There(format!("{error}{also}")));
            }
        }
    }
}

/// The VPCs of a stack.
async fn vpcs(cx: Cx<'_>, id: &str) -> Result<Vec<String>, AwsError> {
    let members = members(cx, id).await?.into_iter();
    Ok(members.filter(|(kind, _)| kind == "AWS::EC2::VPC").map(|(_, id)| id).collect())
}

/// The resources of a stack: types and physical ids.
async fn members(cx: Cx<'_>, id: &str) -> Result<Vec<(String, String)>, AwsError> {
    let describe = || async {
        let request = cx.clients.cloudformation.describe_stack_resources().stack_name(id);
        request.send().await.explain("DescribeStackResources", format!("stack {id}"))
    };
    let answer = found(cx.clients.read(describe).await)?;
    let members = answer.iter().flat_map(|answer| answer.stack_resources()).filter_map(|member| {
        let id = member.physical_resource_id().filter(|id| !id.is_empty())?;
        Some((member.resource_type().unwrap_or_default().to_owned(), id.to_owned()))
    });
    Ok(members.collect())
}

async fn find(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.cloudformation.describe_stacks().into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for stack in page.explain("DescribeStacks", "stacks with amiproof's tags")?.stacks() {
            let pairs = stack.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
            let tags = pairs.collect();
            let is_gone = stack.stack_status().is_some_and(|status| status.as_str() == "DELETE_COMPLETE");
            if query.wants(&tags) && !is_gone {
                let name = stack.stack_name().unwrap_or_default();
                targets.push(Target::found(&CloudFormationStack, name, &tags, clients));
            }
        }
    }
    Ok(targets)
}

/// The members of amiproof's stacks, which are deleted with them. (CloudFormation gives its members the stack's tags, the expiry among
/// them.)
pub(crate) async fn members_of_all(cx: Cx<'_>) -> Result<BTreeSet<String>, AwsError> {
    let mut pages = cx.clients.cloudformation.describe_stacks().into_paginator().send();
    let mut all = BTreeSet::new();
    while let Some(page) = pages.next().await {
        for stack in page.explain("DescribeStacks", "stacks with amiproof's tags")?.stacks() {
            let is_ours = stack.tags().iter().any(|tag| tag.key() == Some(RUN_TAG));
            let name = stack.stack_id().or(stack.stack_name()).unwrap_or_default();
            if is_ours {
                all.extend(members(cx, name).await?.into_iter().map(|(_, id)| id));
            }
        }
    }
    Ok(all)
}

/// An instance in a VPC that does not belong to an expired run, with its owner.
async fn living_instance(cx: Cx<'_>, vpc: &str, now: Timestamp) -> Result<Option<(String, Owner)>, AwsError> {
    let states = ["pending", "running", "stopping", "stopped"].map(str::to_owned).to_vec();
    let filters = [
        Filter::builder().name("vpc-id").values(vpc).build(),
        Filter::builder().name("instance-state-name").set_values(Some(states)).build(),
    ];
    let answer = cx
        .clients
        .read(|| async {
            let request = cx.clients.ec2.describe_instances().set_filters(Some(filters.to_vec()));
            request.send().await.explain("DescribeInstances", format!("instances in {vpc}"))
        })
        .await?;
    for instance in answer.reservations().iter().flat_map(|reservation| reservation.instances()) {
        let seen = LiveState { tags: ec2_tags(instance.tags()), id: None };
        if let Err(owner) = Claim::Expired(now).own((), &seen) {
            return Ok(Some((instance.instance_id().unwrap_or_default().to_owned(), owner)));
        }
    }
    Ok(None)
}
