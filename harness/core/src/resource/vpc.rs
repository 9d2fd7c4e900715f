//! What lives in a VPC that is deleted with a stack.

use aws_sdk_ec2::types::Filter;
use jiff::Timestamp;

use super::in_use::{InUse, LiveCluster};
use super::kind::Target;
use super::owned::{Claim, LiveState, Owner};
use super::reach::Cx;
use super::removal::ec2_tags;
use crate::aws::error::{AwsError, Explain as _};

/// Why VPCs that are deleted with a stack are kept: a cluster or an instance in them has not expired.
///
/// # Errors
/// [`AwsError`] of [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
pub(super) async fn reason_to_keep(cx: Cx<'_>, vpcs: &[String], in_use: &InUse) -> Result<Option<Owner>, AwsError> {
    let lives_in = |cluster: &&LiveCluster| cluster.vpc.as_ref().is_some_and(|vpc| vpcs.contains(vpc));
    if let Some(cluster) = in_use.clusters.iter().find(lives_in) {
        return Ok(Some(cluster.keeps()));
    }
    for vpc in vpcs {
        if let Some((id, owner)) = living_instance(cx, vpc, in_use.now).await? {
            return Ok(Some(Owner::new(format!("is in use by instance {id}, which {owner}"))));
        }
    }
    Ok(None)
}

/// Why something that is in such a VPC is kept: for the same reason.
///
/// # Errors
/// As [`reason_to_keep`].
pub(super) async fn reason_to_keep_what_is_in(
    cx: Cx<'_>,
    target: &Target,
    in_use: &InUse,
) -> Result<Option<Owner>, AwsError> {
    match target.vpc() {
        Some(vpc) => reason_to_keep(cx, &[vpc.to_owned()], in_use).await,
        None => Ok(None),
    }
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
