//! The janitor: deletes leftovers of runs on any machine, even if their ledger is lost, by expiry tags alone.
//!
//! Only top-level resources are deleted. What a cluster depends on (its network stack, its OpenID Connect provider) is kept while the
//! cluster exists, whoever created it; a cluster is kept while it contains node groups of others; members of a stack are deleted with it,
//! never by themselves.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::report::{Cleanup, Foreign};
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use tokio::time::Instant;

use super::kind::removal::{Cx, ec2_tags};
use super::outcome::{NotDeleted, Removed, unanswered};
use super::owned::{Claim, LiveState, Owner, has_expired};
use super::plan::Deadlines;
use super::progress::ProgressSink;
use super::remains::{self, Query, Service};
use super::target::{Kind, Target};
use super::{AT_ONCE, LOOKING_FOR_INTERFACES, kind, order, prove};
use crate::aws::error::{AwsError, Explain as _, found};
use crate::aws::{Clients, node_group, oidc_provider};
use crate::ledger::ResourceKind;

/// What has expired, and which part of it is kept.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What is to be deleted, in order.
    pub targets: Vec<Target>,
    /// What has expired and is kept, each with its reason.
    pub kept: Vec<Foreign>,
    /// What could not be checked, one sentence each.
    pub unverified: Vec<String>,
}

/// What a sweep did.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// What was deleted, in order.
    pub deleted: Vec<Target>,
    /// The outcome of the rest.
    pub cleanup: Cleanup,
}

/// A cluster that has not expired, or was not created by amiproof.
struct ActiveRuns {
    name: String,
    owner: Owner,
    vpc: Option<String>,
    issuer: Option<String>,
}

/// Everything in the account and region that a sweep at `now` would delete, by its tags `amiproof:run`
/// and `amiproof:expires`. Resources of the runs in `alive` are kept: they are in progress. `progress` receives what is waited for.
///
/// Never fails: what cannot be listed or checked is in `unverified`.
pub async fn expired(clients: &Clients, now: Timestamp, alive: &BTreeSet<String>, progress: &ProgressSink) -> Found {
    let _asking = progress.begin("querying the account for expired resources".to_owned());
    progress.report_while(find(clients, now, alive)).await
}

async fn find(clients: &Clients, now: Timestamp, alive: &BTreeSet<String>) -> Found {
    let query = Query::Expired(now);
    let (targets, problems) = remains::find(clients, &query, &Service::ALL.into()).await;
    let mut found = Found { unverified: problems.into_iter().map(unasked).collect(), ..Found::default() };
    if targets.is_empty() {
        return found;
    }
    let deadlines = Deadlines::default();
    let cx = Cx { clients, deadlines: &deadlines };
    let living = living(cx, now).await;
    let members = members(cx).await;
    for target in order::tiers(targets).into_iter().flatten() {
        let reason = match (&living, &members) {
            _ if target.run.as_ref().is_some_and(|run| alive.contains(run)) => {
                Ok(Some(Owner::new("belongs to a run in progress on this machine")))
            }
            (_, Ok(members)) if members.contains(&target.name) => continue,
            (Ok(living), Ok(_)) => reason_to_keep(cx, &target, living, now).await,
            // Unless all clusters and stacks are known, nothing that others may depend on is touched.
            _ if is_root(&target) => {
                Ok(Some(Owner::new("may be used by a running cluster, which could not be checked")))
            }
            _ => Ok(None),
        };
        match reason {
            Ok(None) => found.targets.push(target),
            Ok(Some(owner)) => found.kept.push(target.foreign(&owner)),
            Err(error) => {
                found
                    .kept
                    .push(target.foreign(&Owner::new(format!("may be in use, which could not be checked: {error}"))));
            }
        }
    }
    for error in [living.err(), members.err()].into_iter().flatten() {
        found.unverified.push(format!("could not verify which clusters exist: {}", unanswered(&error)));
    }
    found
}

/// Deletes what [`expired`] finds. `progress` receives what is being deleted and what is waited for.
///
/// Never fails: what could not be deleted is a leftover, with the command that deletes it.
pub async fn sweep(
    clients: &Clients,
    now: Timestamp,
    alive: &BTreeSet<String>,
    deadlines: Deadlines,
    progress: &ProgressSink,
) -> Swept {
    let found = expired(clients, now, alive, progress).await;
    progress.report_while(remove(clients, now, found, deadlines, progress)).await
}

async fn remove(
    clients: &Clients,
    now: Timestamp,
    found: Found,
    deadlines: Deadlines,
    progress: &ProgressSink,
) -> Swept {
    let Found { targets, kept, unverified } = found;
    let mut swept = Swept::default();
    let cleanup = &mut swept.cleanup;
    *cleanup = Cleanup { ran: true, created: targets.len(), foreign: kept, unverified, ..Cleanup::default() };
    // What is kept for others is not a failure of the sweep.
    cleanup.foreign.iter_mut().for_each(|foreign| foreign.was_made = false);
    let cx = Cx { clients, deadlines: &deadlines };
    let claim = Claim::Expired(now);
    let is_cluster = |target: &&Target| target.kind == Kind::Ledgered(ResourceKind::Cluster);
    let deleting: BTreeSet<String> = targets.iter().filter(is_cluster).map(|target| target.name.clone()).collect();
    for tier in order::tiers(targets) {
        if order::needs_free_interfaces(&tier) {
            let _doing = progress.begin(LOOKING_FOR_INTERFACES.to_owned());
            kind::interface::leaked_of_clusters(cx, &deleting).await;
        }
        progress.deleting(&tier);
        let removed: Vec<_> = stream::iter(tier)
            .map(|target| {
                let claim = &claim;
                async move {
                    let doing = progress.deletion_of(&target);
                    let removed = kind::remove(cx, &target, claim).await;
                    drop(doing);
                    (removed, target)
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (outcome, target) in removed {
            match outcome {
                Ok(Removed::Foreign(owner)) => {
                    cleanup.foreign.push(Foreign { was_made: false, ..target.foreign(&owner) });
                }
                Ok(removed) => {
                    if let Removed::GoneUnverified(why) = removed {
                        cleanup.unverified.push(why);
                    }
                    cleanup.deleted += 1;
                    swept.deleted.push(target);
                }
                Err(NotDeleted::Unverified(reason)) => {
                    cleanup.unverified.push(format!("{} {}: {reason}", target.kind.as_str(), target.name));
                }
                Err(NotDeleted::There(reason)) => cleanup.leftovers.push(target.leftover(reason)),
            }
        }
    }
    if cleanup.created > 0 {
        // What is deleted by itself, or was blocked by what is deleted now.
        let going = [Service::Instances, Service::Volumes, Service::Interfaces, Service::SecurityGroups].into();
        let at = Instant::now();
        prove::settle(cx, progress, &Query::Expired(now), going, (at, at + deadlines.proof), cleanup).await;
    }
    cleanup.unverified.dedup();
    swept
}

fn unasked((service, error): (Service, AwsError)) -> String {
    format!("could not verify that no {} are left: {}", service.plural(), unanswered(&error))
}

/// Whether others may depend on it.
fn is_root(target: &Target) -> bool {
    use ResourceKind::{Cluster, OidcProvider, Role, Stack};
    matches!(target.kind, Kind::SecurityGroup | Kind::Ledgered(Cluster | OidcProvider | Role | Stack))
}

/// Why an expired resource is kept; `None` if it can be deleted.
async fn reason_to_keep(
    cx: Cx<'_>,
    target: &Target,
    living: &[ActiveRuns],
    now: Timestamp,
) -> Result<Option<Owner>, AwsError> {
    let under =
        |cluster: &ActiveRuns| Owner::new(format!("is under cluster {}, which {}", cluster.name, cluster.owner));
    match &target.kind {
        Kind::Ledgered(ResourceKind::Stack) => {
            let vpcs = kind::stack::vpcs(cx, &target.name).await?;
            let lives_in = |cluster: &&ActiveRuns| cluster.vpc.as_ref().is_some_and(|vpc| vpcs.contains(vpc));
            if let Some(cluster) = living.iter().find(lives_in) {
                return Ok(Some(under(cluster)));
            }
            for vpc in &vpcs {
                if let Some((id, owner)) = living_instance(cx, vpc, now).await? {
                    return Ok(Some(Owner::new(format!("is under instance {id}, which {owner}"))));
                }
            }
            Ok(None)
        }
        Kind::Ledgered(ResourceKind::OidcProvider) => {
            let is_its = |cluster: &&ActiveRuns| {
                cluster.issuer.as_deref().is_some_and(|issuer| oidc_provider::bare(issuer) == target.name)
            };
            Ok(living.iter().find(is_its).map(under))
        }
        Kind::Ledgered(ResourceKind::Cluster) => {
            for name in kind::cluster::node_groups(cx, &target.name).await? {
                let Some(group) = node_group::describe(cx.clients, &target.name, &name).await? else { continue };
                let tags: BTreeMap<_, _> = group.tags.unwrap_or_default().into_iter().collect();
                if let Err(owner) = Claim::Expired(now).own((), &LiveState { tags, id: None }) {
                    return Ok(Some(Owner::new(format!("holds node group {name}, which {owner}"))));
                }
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// An instance in a VPC that does not belong to an expired run, with its owner.
async fn living_instance(cx: Cx<'_>, vpc: &str, now: Timestamp) -> Result<Option<(String, Owner)>, AwsError> {
    use aws_sdk_ec2::types::Filter;
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

/// All clusters of the region that are not those of expired runs.
async fn living(cx: Cx<'_>, now: Timestamp) -> Result<Vec<ActiveRuns>, AwsError> {
    let mut pages = cx.clients.eks.list_clusters().into_paginator().send();
    let mut living = Vec::new();
    while let Some(page) = pages.next().await {
        for name in page.explain("ListClusters", cx.clients.region())?.clusters.unwrap_or_default() {
            let describe = || async {
                let request = cx.clients.eks.describe_cluster().name(&name);
                request.send().await.explain("DescribeCluster", format!("cluster {name}"))
            };
            let Some(cluster) = found(cx.clients.read(describe).await)?.and_then(|answer| answer.cluster) else {
                continue;
            };
            let vpc = cluster.resources_vpc_config().and_then(|config| config.vpc_id()).map(str::to_owned);
            let issuer = cluster.identity().and_then(|identity| identity.oidc()?.issuer()).map(str::to_owned);
            let tags: BTreeMap<_, _> = cluster.tags.unwrap_or_default().into_iter().collect();
            if has_expired(&tags, now) {
                continue;
            }
            if let Err(owner) = Claim::Expired(now).own((), &LiveState { tags, id: None }) {
                living.push(ActiveRuns { name, owner, vpc, issuer });
            }
        }
    }
    Ok(living)
}

/// The members of amiproof's stacks, which are deleted with them. (CloudFormation gives its members the stack's tags, the expiry among them.)
async fn members(cx: Cx<'_>) -> Result<BTreeSet<String>, AwsError> {
    let mut pages = cx.clients.cloudformation.describe_stacks().into_paginator().send();
    let mut members = BTreeSet::new();
    while let Some(page) = pages.next().await {
        for stack in page.explain("DescribeStacks", "stacks with amiproof's tags")?.stacks() {
            let is_ours = stack.tags().iter().any(|tag| tag.key() == Some(crate::aws::names::RUN_TAG));
            let name = stack.stack_id().or(stack.stack_name()).unwrap_or_default();
            if is_ours {
                members.extend(kind::stack::members(cx, name).await?.into_iter().map(|(_, id)| id));
            }
        }
    }
    Ok(members)
}
