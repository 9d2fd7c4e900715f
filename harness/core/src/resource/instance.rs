//! EC2 instances that are left when their node group is deleted.

use aws_sdk_ec2::types::Filter;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::kind::{Found, Kind, Target};
use super::lookup::Lookup;
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::query::Query;
use super::reach::{Cx, Reach};
use super::removal::{asked, ec2_tags, take};
use crate::aws::Clients;
use crate::aws::error::{AwsError, Explain as _, found};
use crate::iam::action::{
    Action,
    Goal::{self, Destroy, Sweep, Test},
};
use crate::iam::scope::{self, EVERYTHING};

#[derive(Debug)]
pub(super) struct Ec2Instance;

impl Kind for Ec2Instance {
    fn as_str(&self) -> &'static str {
        "instance"
    }

    fn title(&self) -> &'static str {
        "EC2 instance"
    }

    fn plural(&self) -> &'static str {
        "EC2 instances"
    }

    fn after(&self) -> &'static [&'static str] {
        &["node-group"]
    }

    fn is_created_by_runs(&self) -> bool {
        false
    }

    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        Some(find(lookup).boxed())
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
                cx.clients.ec2.describe_instances().instance_ids(id).send().await.explain("DescribeInstances", id)
            };
            let read = found(cx.clients.read(describe).await).map(|answer| {
                let reservations = answer?.reservations.unwrap_or_default();
                let instance = reservations.into_iter().flat_map(|one| one.instances.unwrap_or_default()).next()?;
                let state = instance.state().and_then(|state| state.name());
                let is_gone = state.is_some_and(|name| name.as_str() == "terminated");
                (!is_gone).then(|| (id.to_owned(), LiveState { tags: ec2_tags(instance.tags()), id: None }))
            });
            take(claim, read, |owned| delete(cx, owned)).await
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&format!("ec2 terminate-instances --instance-ids {}", target.name))
    }
}

/// Who asks about instances: everyone but who releases images or reads the history.
const RUNS: &[Goal] = &[Goal::Apply, Test, Goal::Scan, Destroy, Sweep, Goal::Doctor];

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("ec2:DescribeInstances", RUNS, &EVERYTHING, "the instances of nodes, and the quota"),
    Action::call("ec2:TerminateInstances", &[Test, Destroy, Sweep], &scope::OWN_INSTANCES, "disruptive; what is left")
        .unreached(
            &[Test, Destroy, Sweep],
            "suite disruptive has a test of its own; instances end with their node groups",
        ),
];

async fn delete(cx: Cx<'_>, owned: Owned<String>) -> Result<(), NotDeleted> {
    let id = owned.get();
    let request = cx.clients.ec2.terminate_instances().instance_ids(id);
    asked(request.send().await.explain("TerminateInstances", id).map(|_| ()))
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let (clients, query) = (lookup.clients, lookup.query);
    let states = Filter::builder()
        .name("instance-state-name")
        .set_values(Some(["pending", "running", "shutting-down", "stopping", "stopped"].map(str::to_owned).into()))
        .build();
    let request = clients.ec2.describe_instances().filters(query.filter()).filters(states);
    let mut pages = request.into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.explain("DescribeInstances", "instances with amiproof's tags")?;
        for instance in page.reservations().iter().flat_map(|reservation| reservation.instances()) {
            let tags = ec2_tags(instance.tags());
            if query.wants(&tags) {
                let id = instance.instance_id().unwrap_or_default();
                targets.push(Target::found(&Ec2Instance, id, &tags, clients));
            }
        }
    }
    Ok(targets)
}

/// The ids of the query's instances in every state, also terminated ones.
pub(super) async fn ever(clients: &Clients, query: &Query) -> Result<Vec<String>, AwsError> {
    let mut pages = clients.ec2.describe_instances().filters(query.filter()).into_paginator().send();
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.explain("DescribeInstances", "instances with amiproof's tags")?;
        let all = page.reservations().iter().flat_map(|reservation| reservation.instances());
        ids.extend(all.filter_map(|instance| instance.instance_id()).map(str::to_owned));
    }
    Ok(ids)
}
