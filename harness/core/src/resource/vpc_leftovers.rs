//! What AWS itself creates in a VPC and does not delete, which blocks the deletion of the stack.
//!
//! GuardDuty Runtime Monitoring with automated agents creates an interface endpoint and a security group in every VPC that it monitors,
//! and deletes them only when it is turned off (GuardDuty user guide, "Using IaC with GuardDuty automated security agents").

use std::time::Duration;

use aws_sdk_ec2::types::Filter;
use tokio::time::Instant;

use super::network_interface;
use super::reach::Cx;
use crate::aws::error::{AwsError, Class, Explain as _, found};

/// The tag of what GuardDuty manages.
const MANAGED: &str = "tag:GuardDutyManaged";
/// How long the deletion of an endpoint takes: a minute or two.
const ENDPOINT: Duration = Duration::from_secs(5 * 60);
const POLL: Duration = Duration::from_secs(10);

/// Deletes what blocks a VPC of an owned stack; returns the number of deleted resources. Never fails: a stack that cannot be deleted
/// reports why itself.
pub(super) async fn clear(cx: Cx<'_>, vpc: &str) -> usize {
    let mut cleared = network_interface::leaked_in_vpc(cx, vpc).await;
    for removed in [endpoints(cx, vpc).await, groups(cx, vpc).await] {
        match removed {
            Ok(count) => cleared += count,
            // An endpoint that does not know these calls has none of them.
            Err(error) if matches!(error.class, Class::Request | Class::NotFound) => {
                tracing::debug!(%error, "cannot list what GuardDuty manages in the VPC");
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
