//! The CloudFormation stack with network and roles. It is deleted by its StackId, which is never reused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiproof_model::matrix::ClusterSpec;
use aws_sdk_cloudformation::types::{Capability, OnFailure, Parameter, Stack, StackStatus, Tag};
use aws_sdk_ec2::types::Filter;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use jiff::Timestamp;

use super::cluster;
use super::in_use::{InUse, LiveCluster};
use super::kind::{Found, Kind, Target};
use super::lookup::{Lookup, StackNetwork, StandingStack};
use super::outcome::{NotDeleted, Removed, unanswered};
use super::owned::{Claim, LiveState, Look, Owned, Owner};
use super::reach::{Cx, Reach};
use super::removal::{ec2_tags, look};
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::{RUN_TAG, Tags};
use crate::aws::network::{self, Network};
use crate::iam::action::{
    Action, CHECKS,
    Goal::{Apply, Destroy, Doctor, Sweep},
    REMOVES,
};
use crate::iam::scope::{self, EVERYTHING};
use crate::ledger::{Ledger, Resource, ResourceKind};

/// Its name in the ledger. The id of an entry is the StackId.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "stack";

/// The attribute of a target that names the stack in whose VPC it is.
pub(super) const STACK: &str = "stack";

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
        &["cluster", "vpc-endpoint", "security-group", "network-interface"]
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn brings(&self) -> &'static [&'static str] {
        &["vpc-endpoint", "security-group"]
    }

    fn has_unique_ids(&self) -> bool {
        true
    }

    fn is_blocked_by_interfaces(&self) -> bool {
        true
    }

    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        Some(find(lookup).boxed())
    }

    fn reason_to_keep<'a>(
        &'a self,
        cx: Cx<'a>,
        target: &'a Target,
        in_use: &'a InUse,
    ) -> BoxFuture<'a, Result<Option<Owner>, AwsError>> {
        reason_to_keep(cx, &target.name, in_use).boxed()
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
                Look::Ours(owned) => delete(cx, owned, claim).await,
            }
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&format!("cloudformation delete-stack --stack-name {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("ec2:CreateVpc", &[Apply], &scope::NEW_VPC, "the VPC of the network stack").asked_by(&[Doctor]),
    Action::call("ec2:DescribeAvailabilityZones", &[Apply], &EVERYTHING, "where subnets go"),
    Action::behind("ec2:CreateTags", &[Apply], &scope::NETWORK, "tags of the network"),
    Action::behind("ec2:DescribeVpcs", &[Apply, Destroy, Sweep], &EVERYTHING, "CreateCluster, AWS::EC2::VPC"),
    Action::behind("ec2:DescribeVpcAttribute", &[Apply], &scope::NETWORK, "AWS::EC2::VPC"),
    Action::behind("ec2:ModifyVpcAttribute", &[Apply], &scope::NETWORK, "AWS::EC2::VPC"),
    Action::behind("ec2:DeleteVpc", REMOVES, &scope::NETWORK, "AWS::EC2::VPC"),
    Action::behind("ec2:CreateSubnet", &[Apply], &scope::NETWORK, "AWS::EC2::Subnet"),
    Action::behind("ec2:ModifySubnetAttribute", &[Apply], &scope::NETWORK, "AWS::EC2::Subnet"),
    Action::behind("ec2:DescribeSubnets", REMOVES, &EVERYTHING, "AWS::EC2::Subnet"),
    Action::behind("ec2:DeleteSubnet", REMOVES, &scope::NETWORK, "AWS::EC2::Subnet"),
    Action::behind("ec2:CreateInternetGateway", &[Apply], &scope::NETWORK, "AWS::EC2::InternetGateway"),
    Action::behind("ec2:AttachInternetGateway", &[Apply], &scope::NETWORK, "AWS::EC2::VPCGatewayAttachment"),
    Action::behind("ec2:DescribeInternetGateways", &[Apply, Destroy, Sweep], &EVERYTHING, "AWS::EC2::InternetGateway"),
    Action::behind("ec2:DetachInternetGateway", REMOVES, &scope::NETWORK, "AWS::EC2::VPCGatewayAttachment"),
    Action::behind("ec2:DeleteInternetGateway", REMOVES, &scope::NETWORK, "AWS::EC2::InternetGateway"),
    Action::behind("ec2:AllocateAddress", &[Apply], &scope::NETWORK, "AWS::EC2::EIP"),
    Action::behind("ec2:DescribeAddresses", &[Apply, Destroy, Sweep], &EVERYTHING, "AWS::EC2::EIP"),
    Action::behind("ec2:DisassociateAddress", REMOVES, &scope::NETWORK, "AWS::EC2::EIP"),
    Action::behind("ec2:ReleaseAddress", REMOVES, &scope::NETWORK, "AWS::EC2::EIP"),
    Action::behind("ec2:CreateNatGateway", &[Apply], &scope::NETWORK, "AWS::EC2::NatGateway"),
    Action::behind("ec2:DescribeNatGateways", &[Apply, Destroy, Sweep], &EVERYTHING, "AWS::EC2::NatGateway"),
    Action::behind("ec2:DeleteNatGateway", REMOVES, &scope::NETWORK, "AWS::EC2::NatGateway"),
    Action::behind("ec2:CreateRouteTable", &[Apply], &scope::NETWORK, "AWS::EC2::RouteTable"),
    Action::behind("ec2:DescribeRouteTables", &[Apply, Destroy, Sweep], &EVERYTHING, "AWS::EC2::RouteTable"),
    Action::behind("ec2:DeleteRouteTable", REMOVES, &scope::NETWORK, "AWS::EC2::RouteTable"),
    Action::behind("ec2:CreateRoute", &[Apply], &scope::NETWORK, "AWS::EC2::Route"),
    Action::behind("ec2:DeleteRoute", REMOVES, &scope::NETWORK, "AWS::EC2::Route"),
    Action::behind("ec2:AssociateRouteTable", &[Apply], &scope::NETWORK, "AWS::EC2::SubnetRouteTableAssociation"),
    Action::behind("ec2:DisassociateRouteTable", REMOVES, &scope::NETWORK, "AWS::EC2::SubnetRouteTableAssociation"),
    Action::call("cloudformation:CreateStack", &[Apply], &scope::STACKS, "the network"),
    Action::behind("cloudformation:TagResource", &[Apply], &scope::STACKS, "tags of the stack"),
    Action::call("cloudformation:DescribeStacks", CHECKS, &scope::STACKS, "the state of the network"),
    Action::call("cloudformation:DescribeStacks", REMOVES, &EVERYTHING, "stacks of runs"),
    Action::behind("cloudformation:ListStacks", REMOVES, &EVERYTHING, "DescribeStacks of all stacks"),
    Action::call("cloudformation:DescribeStackEvents", &[Apply], &scope::STACKS, "why a stack fails")
        .unreached(&[Apply], "the network of the lab never fails"),
    Action::call("cloudformation:DescribeStackResources", REMOVES, &scope::STACKS, "what is in the way of a stack"),
    Action::call("cloudformation:DeleteStack", REMOVES, &scope::STACKS, "the network"),
];

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

/// The present stack of a name.
async fn read(cx: Cx<'_>, name: &str) -> Result<Option<(StandingStack, LiveState)>, AwsError> {
    let describe = || async {
        let request = cx.clients.cloudformation.describe_stacks().stack_name(name);
        request.send().await.explain("DescribeStacks", format!("stack {name}"))
    };
    let stacks = found(cx.clients.read(describe).await)?.and_then(|answer| answer.stacks).unwrap_or_default();
    let mut there = stacks.into_iter().filter(|stack| stack.stack_status() != Some(&StackStatus::DeleteComplete));
    Ok(there.next().map(|stack| {
        let seen = LiveState { tags: tags(&stack), id: stack.stack_id().map(str::to_owned) };
        (standing(&stack), seen)
    }))
}

fn tags(stack: &Stack) -> BTreeMap<String, String> {
    stack.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}

fn standing(stack: &Stack) -> StandingStack {
    let name = stack.stack_name().unwrap_or_default().to_owned();
    StandingStack { id: stack.stack_id().unwrap_or(&name).to_owned(), name, tags: tags(stack) }
}

/// Deletes a stack by its StackId. What AWS itself created in its VPCs is deleted first; if that cannot be read, the stack is deleted
/// anyway, and the problem is reported.
async fn delete(cx: Cx<'_>, owned: Owned<StandingStack>, claim: &Claim) -> Result<Removed, NotDeleted> {
    let StandingStack { name, id, .. } = owned.get();
    let unverified = |error: &AwsError| {
        format!("could not verify what else was in the network of stack {name}: {}", unanswered(error))
    };
    let (vpcs, unread) = match vpcs(cx.clients, id).await {
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
    let networks: Vec<StackNetwork> = vpcs.into_iter().map(|vpc| network_of(owned.get(), claim, vpc)).collect();
    let mut tries = 0;
    loop {
        tries += 1;
        let mut cleared = 0;
        for network in &networks {
            cleared += clear(cx, network, claim).await;
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

/// A VPC of an owned stack, also one whose tags were removed.
fn network_of(stack: &StandingStack, claim: &Claim, vpc: String) -> StackNetwork {
    let mut tags = stack.tags.clone();
    if let Some(run) = claim.run() {
        tags.insert(RUN_TAG.to_owned(), run.to_string());
    }
    StackNetwork { vpc, stack: stack.name.clone(), tags }
}

/// Deletes what others created in a VPC of an owned stack and would block its deletion, users first; how much it was. Never fails: a stack
/// that cannot be deleted reports why itself.
async fn clear(cx: Cx<'_>, network: &StackNetwork, claim: &Claim) -> usize {
    let claim = claim.without_id();
    let mut kinds = super::ALL.to_vec();
    kinds.sort_by_key(|kind| super::position(*kind));
    let mut cleared = 0;
    for kind in kinds {
        let Some(found) = kind.find_in(cx.clients, network) else { continue };
        let found = found.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot list what may block the deletion of the network");
            Vec::new()
        });
        for target in found {
            match target.kind.remove(cx.into(), &target, &claim).await {
                Ok(Removed::Foreign(owner)) => tracing::info!(name = target.name, %owner, "is not removed"),
                Ok(_) => cleared += 1,
                Err(NotDeleted::There(reason) | NotDeleted::Unverified(reason)) => {
                    tracing::warn!(kind = target.title(), name = target.name, reason, "stays in the network");
                }
            }
        }
    }
    cleared
}

async fn reason_to_keep(cx: Cx<'_>, stack: &str, in_use: &InUse) -> Result<Option<Owner>, AwsError> {
    let vpcs = vpcs(cx.clients, stack).await?;
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

/// Why something that is in a VPC of a stack is kept: for the same reason as the stack.
pub(super) async fn reason_to_keep_what_is_in(
    cx: Cx<'_>,
    target: &Target,
    in_use: &InUse,
) -> Result<Option<Owner>, AwsError> {
    match target.attributes.get(STACK) {
        Some(stack) => reason_to_keep(cx, stack, in_use).await,
        None => Ok(None),
    }
}

/// The VPCs of a stack.
pub(super) async fn vpcs(clients: &Clients, id: &str) -> Result<Vec<String>, AwsError> {
    let members = members(clients, id).await?.into_iter();
    Ok(members.filter(|(kind, _)| kind == "AWS::EC2::VPC").map(|(_, id)| id).collect())
}

/// The resources of a stack: types and physical ids.
async fn members(clients: &Clients, id: &str) -> Result<Vec<(String, String)>, AwsError> {
    let describe = || async {
        let request = clients.cloudformation.describe_stack_resources().stack_name(id);
        request.send().await.explain("DescribeStackResources", format!("stack {id}"))
    };
    let answer = found(clients.read(describe).await)?;
    let members = answer.iter().flat_map(|answer| answer.stack_resources()).filter_map(|member| {
        let id = member.physical_resource_id().filter(|id| !id.is_empty())?;
        Some((member.resource_type().unwrap_or_default().to_owned(), id.to_owned()))
    });
    Ok(members.collect())
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let wanted = lookup.stacks().await?.iter().filter(|stack| lookup.query.wants(&stack.tags));
    Ok(wanted.map(|stack| Target::found(&CloudFormationStack, &stack.name, &stack.tags, lookup.clients)).collect())
}

/// Every stack with a run's tag that is not deleted.
///
/// # Errors
/// [`AwsError`] of [DescribeStacks](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html).
pub(super) async fn all(clients: &Clients) -> Result<Vec<StandingStack>, AwsError> {
    let mut pages = clients.cloudformation.describe_stacks().into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.explain("DescribeStacks", "stacks with amiproof's tags")?;
        let there = page.stacks().iter().filter(|stack| stack.stack_status() != Some(&StackStatus::DeleteComplete));
        all.extend(there.map(standing).filter(|stack| stack.tags.contains_key(RUN_TAG)));
    }
    Ok(all)
}

/// The members of amiproof's stacks, which are deleted with them. (CloudFormation gives its members the stack's tags, the expiry among
/// them.)
pub(crate) async fn members_of_all(lookup: &Lookup<'_>) -> Result<BTreeSet<String>, AwsError> {
    let mut all = BTreeSet::new();
    for stack in lookup.stacks().await? {
        all.extend(members(lookup.clients, &stack.id).await?.into_iter().map(|(_, id)| id));
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
