//! VPC endpoints of GuardDuty, which block the deletion of a VPC.
//!
//! GuardDuty Runtime Monitoring with automated agents creates an interface endpoint and a security group in every VPC that it monitors, and
//! deletes them only when it is turned off (GuardDuty user guide, "Using IaC with GuardDuty automated security agents").

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::types::{Filter, VpcEndpoint};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::in_use::InUse;
use super::kind::{Found, Kind, Target};
use super::lookup::{Lookup, StackNetwork};
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned, Owner};
use super::reach::{Cx, Reach};
use super::removal::{POLL, ec2_tags, take, with_vpc};
use super::vpc;
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::iam::action::{Action, REMOVES};
use crate::iam::scope::{self, EVERYTHING};

/// The tag of what GuardDuty manages, with the value `true`.
pub(super) const MANAGED_TAG: &str = "GuardDutyManaged";
/// How long a deletion takes: a minute or two.
const DELETION: Duration = Duration::from_secs(5 * 60);

#[derive(Debug)]
pub(super) struct GuardDutyEndpoint;

impl Kind for GuardDutyEndpoint {
    fn as_str(&self) -> &'static str {
        "vpc-endpoint"
    }

    fn title(&self) -> &'static str {
        "VPC endpoint"
    }

    fn plural(&self) -> &'static str {
        "VPC endpoints"
    }

    /// GuardDuty creates it again while there are instances to monitor.
    fn after(&self) -> &'static [&'static str] {
        &["instance"]
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
            let read = read(cx, id).await.map(|endpoint| {
                let endpoint = endpoint?;
                let tags = of_guardduty(target, ec2_tags(endpoint.tags()), endpoint.vpc_id());
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
        target.aws(&format!("ec2 delete-vpc-endpoints --vpc-endpoint-ids {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("ec2:DescribeVpcEndpoints", REMOVES, &EVERYTHING, "GuardDuty's endpoints in the VPC of a run"),
    Action::call("ec2:DeleteVpcEndpoints", REMOVES, &scope::GUARDDUTY_ENDPOINTS, "in the way of deleting a VPC"),
];

/// The endpoint, unless it is deleted.
async fn read(cx: Cx<'_>, id: &str) -> Result<Option<VpcEndpoint>, AwsError> {
    let describe = || async {
        cx.clients.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.explain("DescribeVpcEndpoints", id)
    };
    let answer = found(cx.clients.read(describe).await)?;
    Ok(answer.and_then(|answer| answer.vpc_endpoints.unwrap_or_default().into_iter().find(is_there)))
}

fn is_there(endpoint: &VpcEndpoint) -> bool {
    endpoint.state().is_none_or(|state| state.as_str() != "deleted")
}

async fn delete(cx: Cx<'_>, owned: Owned<String>) -> Result<(), NotDeleted> {
    let id = owned.get();
    let request = cx.clients.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id);
    match request.send().await.explain("DeleteVpcEndpoints", id) {
        // Whether it is gone is asked below; an answer that did not come changes nothing.
        Err(error) if !matches!(error.class, Class::NotFound | Class::InUse | Class::Infrastructure) => {
            return Err(NotDeleted::refused(&error));
        }
        _ => {}
    }
    let until = Instant::now() + amiproof_time::scaled(DELETION);
    while read(cx, id).await.map_err(NotDeleted::unread)?.is_some() {
        if Instant::now() >= until {
            return Err(NotDeleted::There("it is still being deleted".to_owned()));
        }
        cx.clients.pause(POLL).await;
    }
    Ok(())
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let mut targets = Vec::new();
    for network in lookup.networks().await? {
        targets.extend(find_in(lookup.clients, network).await?);
    }
    Ok(targets)
}

async fn find_in(clients: &Clients, network: &StackNetwork) -> Result<Vec<Target>, AwsError> {
    let describe = || async {
        let request = clients.ec2.describe_vpc_endpoints().set_filters(Some(managed_in(&network.vpc).into()));
        request.send().await.explain("DescribeVpcEndpoints", format!("endpoints in {}", network.vpc))
    };
    // A stand-in that does not know the call has none.
    let answer = match clients.read(describe).await {
        Err(error) if error.is_unknown_operation() => None,
        answer => found(answer)?,
    };
    let there = answer.and_then(|answer| answer.vpc_endpoints).unwrap_or_default().into_iter().filter(is_there);
    let found =
        |one: VpcEndpoint| Some(Target::in_network(&GuardDutyEndpoint, one.vpc_endpoint_id()?, network, clients));
    Ok(there.filter_map(found).collect())
}

/// Its tags, with those of the owner of its VPC if GuardDuty manages it.
pub(super) fn of_guardduty(
    target: &Target,
    tags: BTreeMap<String, String>,
    vpc: Option<&str>,
) -> BTreeMap<String, String> {
    let is_managed = tags.get(MANAGED_TAG).is_some_and(|value| value == "true");
    if is_managed { target.with_proof(with_vpc(tags, vpc)) } else { tags }
}

/// What GuardDuty manages in a VPC.
pub(super) fn managed_in(vpc: &str) -> [Filter; 2] {
    [
        Filter::builder().name("vpc-id").values(vpc).build(),
        Filter::builder().name(format!("tag:{MANAGED_TAG}")).values("true").build(),
    ]
}
