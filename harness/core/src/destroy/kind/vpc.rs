//! What AWS puts into a VPC by itself and does not take away: it keeps the stack of the VPC from going.
//!
//! GuardDuty Runtime Monitoring with automated agents makes an interface endpoint and a security group in every VPC that it watches, and
//! removes them only when it is turned off (GuardDuty user guide, "Using IaC with GuardDuty automated security agents").

use std::time::Duration;

use aws_sdk_ec2::types::Filter;
use tokio::time::Instant;

use super::interface;
use super::removal::Cx;
use crate::aws::error::{AwsError, Class, Explain as _, found};

/// The tag of what GuardDuty manages.
const MANAGED: &str = "tag:GuardDutyManaged";
/// How long an endpoint takes to go: a minute or two.
const ENDPOINT: Duration = Duration::from_secs(5 * 60);
const POLL: Duration = Duration::from_secs(10);

/// Removes what holds a VPC of an owned stack; says how many things it removed. Never fails: a stack that cannot go says why itself.
pub(super) async fn clear(cx: Cx<'_>, vpc: &str) -> usize {
    let mut cleared = interface::leaked_in_vpc(cx, vpc).await;
    for removed in [endpoints(cx, vpc).await, groups(cx, vpc).await] {
        match removed {
            Ok(count) => cleared += count,
            // An endpoint that does not know these calls has none of them.
            Err(error) if matches!(error.class, Class::Request | Class::NotFound) => {
                tracing::debug!(%error, "what GuardDuty manages in the VPC is not known");
            }
            Err(error) => tracing::warn!(%error, "what GuardDuty manages in the VPC stays"),
        }
    }
    cleared
}

fn filters(vpc: &str) -> [Filter; 2] {
    [Filter::builder().name("vpc-id").values(vpc).build(), Filter::builder().name(MANAGED).values("true").build()]
}

async fn endpoint_ids(cx: Cx<'_>, vpc: &str) -> Result<Vec<String>, AwsError> {
    let answer = cx
        .clients
        .read(|| async {
            let request = cx.clients.ec2.describe_vpc_endpoints().set_filters(Some(filters(vpc).into()));
            request.send().await.explain("DescribeVpcEndpoints", format!("endpoints in {vpc}"))
        })
        .await?;
    let there = answer.vpc_endpoints().iter();
    let there = there.filter(|endpoint| endpoint.state().is_none_or(|state| state.as_str() != "deleted"));
    Ok(there.filter_map(|endpoint| endpoint.vpc_endpoint_id()).map(str::to_owned).collect())
}

async fn endpoints(cx: Cx<'_>, vpc: &str) -> Result<usize, AwsError> {
    let ids = endpoint_ids(cx, vpc).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let request = cx.clients.ec2.delete_vpc_endpoints().set_vpc_endpoint_ids(Some(ids.clone()));
    request.send().await.explain("DeleteVpcEndpoints", ids.join(", "))?;
    let until = Instant::now() + ENDPOINT;
    while !endpoint_ids(cx, vpc).await?.is_empty() && Instant::now() < until {
        cx.clients.pause(POLL).await;
    }
    Ok(ids.len())
}

async fn groups(cx: Cx<'_>, vpc: &str) -> Result<usize, AwsError> {
    let answer = cx
        .clients
        .read(|| async {
            let request = cx.clients.ec2.describe_security_groups().set_filters(Some(filters(vpc).into()));
            request.send().await.explain("DescribeSecurityGroups", format!("groups in {vpc}"))
        })
        .await?;
    let ids: Vec<&str> = answer.security_groups().iter().filter_map(|group| group.group_id()).collect();
    for id in &ids {
        let deleted = cx.clients.until_free(|| async {
            cx.clients.ec2.delete_security_group().group_id(*id).send().await.explain("DeleteSecurityGroup", id)
        });
        found(deleted.await)?;
    }
    Ok(ids.len())
}
