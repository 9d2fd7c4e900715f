//! The CloudFormation stack with network and roles. It is deleted by its StackId, which is never reused.

use std::collections::BTreeSet;
use std::time::Duration;

use amiproof_model::matrix::ClusterSpec;
use aws_sdk_cloudformation::types::{Capability, OnFailure, Parameter, StackStatus, Tag};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::cluster;
use super::in_use::InUse;
use super::kind::{Found, Kind, Target};
use super::load_balancer::ServiceLoadBalancer;
use super::lookup::{Lookup, StackNetwork};
use super::network_interface::Ec2NetworkInterface;
use super::outcome::{NotDeleted, Removed, unanswered};
use super::owned::{Claim, LiveState, Look, Owned, Owner};
use super::reach::{Cx, Deadlines, Reach};
use super::removal::look;
use super::security_group::Ec2SecurityGroup;
use super::vpc;
use super::vpc_endpoint::GuardDutyEndpoint;
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::{RUN_TAG, Tags};
use crate::aws::network::{self, Condition, Network};
use crate::aws::stacks::{self, StandingStack};
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

/// The kinds of what others create in a VPC and what blocks its deletion, users first.
const BLOCKING: &[&dyn Kind] = &[&ServiceLoadBalancer, &Ec2NetworkInterface, &GuardDutyEndpoint, &Ec2SecurityGroup];

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
        &["cluster", "load-balancer", "vpc-endpoint", "security-group", "network-interface"]
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn brings(&self) -> &'static [&'static str] {
        &["load-balancer", "vpc-endpoint", "security-group"]
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
        async move {
            let vpcs = stacks::vpcs(cx.clients, &target.name).await?;
            vpc::reason_to_keep(cx, &vpcs, in_use).await
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
    Action::call("cloudformation:DescribeStackEvents", &[Apply, Destroy, Sweep], &scope::STACKS, "why a stack fails")
        .unreached(&[Apply, Destroy, Sweep], "the network of the lab does not fail by itself"),
    Action::call("cloudformation:DescribeStackResources", REMOVES, &scope::STACKS, "what is in the way of a stack"),
    Action::call("cloudformation:DeleteStack", REMOVES, &scope::STACKS, "the network"),
];

/// How often a failed deletion is repeated, after looking for what blocks the stack.
const TRIES: usize = 3;

/// Creates the stack and waits until it is complete. One of this name that is being deleted or rolled back, by whomever, is awaited first;
/// one that an earlier process of the run left and that can only be deleted is deleted, and created again.
///
/// # Guarantees
/// The stack is in the ledger before it is created. What is left of one that fails stays with its events; `destroy` deletes it.
///
/// # Errors
/// [`AwsError`] of [CreateStack](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html); if a resource fails (with the
/// events of the stack); if a failed one of that name belongs to someone else, or cannot be deleted; or if it is not complete within
/// `deadline`. The call carries a client token, so transient errors are retried.
pub async fn create(
    clients: &Clients,
    ledger: &Ledger,
    name: &str,
    spec: &ClusterSpec,
    tags: &Tags,
    deadline: Duration,
) -> Result<Network, network::Error> {
    let mut there = network::wait_while_going(clients, name, deadline).await?;
    if let Some(status) = there.take_if(|status| network::condition(status) == Condition::Failed) {
        delete_failed(clients, ledger, (name, status.as_str()), tags, deadline).await?;
    }
    let is_there = there.is_some();
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

/// Deletes a stack of the run that is good for nothing else.
async fn delete_failed(
    clients: &Clients,
    ledger: &Ledger,
    (name, status): (&str, &str),
    tags: &Tags,
    deadline: Duration,
) -> Result<(), network::Error> {
    tracing::warn!(stack = name, status, "an earlier attempt left the stack; deleting it to create it again");
    let deadlines = Deadlines { stack: deadline, ..Deadlines::default() };
    let cx = Cx { clients, deadlines: &deadlines };
    let made = ledger.standing(KIND, name).and_then(|entry| entry.id).filter(|id| id != name);
    let claim = Claim::Run { run: tags.run.clone(), id: made };
    let deleted = match look(&claim, read(cx, name).await) {
        Ok(Look::Absent) => return Ok(()),
        Ok(Look::Foreign(owner)) => {
            return Err(network::Error::Foreign {
                name: name.to_owned(),
                status: status.to_owned(),
                owner: owner.to_string(),
            });
        }
        Ok(Look::Ours(owned)) => delete(cx, owned, &claim).await,
        Err(unread) => Err(unread),
    };
    match deleted {
        Ok(_) => Ok(()),
        Err(NotDeleted::There(reason) | NotDeleted::Unverified(reason)) => {
            Err(network::Error::Kept { name: name.to_owned(), status: status.to_owned(), reason })
        }
    }
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
        let standing = StandingStack::from(&stack);
        let seen = LiveState { tags: standing.tags.clone(), id: stack.stack_id().map(str::to_owned) };
        (standing, seen)
    }))
}

/// Deletes a stack by its StackId. What AWS itself created in its VPCs is deleted first; if that cannot be read, the stack is deleted
/// anyway, and the problem is reported.
async fn delete(cx: Cx<'_>, owned: Owned<StandingStack>, claim: &Claim) -> Result<Removed, NotDeleted> {
    let StandingStack { name, id, .. } = owned.get();
    let unverified = |error: &AwsError| {
        format!("could not verify what else was in the network of stack {name}: {}", unanswered(error))
    };
    let (vpcs, unread) = match stacks::vpcs(cx.clients, id).await {
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
    StackNetwork { vpc, tags }
}

/// Deletes what others created in a VPC of an owned stack and would block its deletion, users first; how much it was. Never fails: a stack
/// that cannot be deleted reports why itself.
async fn clear(cx: Cx<'_>, network: &StackNetwork, claim: &Claim) -> usize {
    let claim = claim.without_id();
    let mut cleared = 0;
    for kind in BLOCKING {
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

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let wanted = lookup.stacks().await?.iter().filter(|stack| lookup.query.wants(&stack.tags));
    Ok(wanted.map(|stack| Target::found(&CloudFormationStack, &stack.name, &stack.tags, lookup.clients)).collect())
}

/// The members of amiproof's stacks, which are deleted with them. (CloudFormation gives its members the stack's tags, the expiry among
/// them.)
pub(crate) async fn members_of_all(lookup: &Lookup<'_>) -> Result<BTreeSet<String>, AwsError> {
    let mut all = BTreeSet::new();
    for stack in lookup.stacks().await? {
        all.extend(stacks::members(lookup.clients, &stack.id).await?.into_iter().map(|(_, id)| id));
    }
    Ok(all)
}
