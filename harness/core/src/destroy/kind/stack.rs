//! The CloudFormation stack with network and roles. It is deleted by its StackId, which is never reused.

use aws_sdk_cloudformation::types::StackStatus;

use super::removal::{Cx, Look, look};
use super::{cluster, vpc};
use crate::aws::error::{AwsError, Explain as _, found};
use crate::aws::network;
use crate::destroy::Target;
use crate::destroy::outcome::{NotDeleted, Removed, unanswered};
use crate::destroy::owned::{Claim, LiveState, Owned};

/// How often a failed deletion is repeated, after looking for what blocks the stack.
const TRIES: usize = 3;

pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    match look(claim, read(cx, &target.name).await)? {
        Look::Absent => Ok(Removed::Absent),
        Look::Foreign(owner) => Ok(Removed::Foreign(owner)),
        Look::Ours(owned) => delete(cx, &target.name, owned).await,
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
            cleared += vpc::clear(cx, vpc).await;
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
pub(in crate::destroy) async fn vpcs(cx: Cx<'_>, id: &str) -> Result<Vec<String>, AwsError> {
    let members = members(cx, id).await?.into_iter();
    Ok(members.filter(|(kind, _)| kind == "AWS::EC2::VPC").map(|(_, id)| id).collect())
}

/// The resources of a stack: types and physical ids.
pub(in crate::destroy) async fn members(cx: Cx<'_>, id: &str) -> Result<Vec<(String, String)>, AwsError> {
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
