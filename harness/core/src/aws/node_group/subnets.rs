//! Which subnets of an existing cluster its node groups may use: private ones. Nodes in a public subnet get no public address unless
//! the subnet assigns one. Without it they cannot reach the API server; with it they are exposed to the internet.

use std::collections::BTreeSet;

use crate::aws::Clients;
use crate::aws::error::AwsError;
use crate::aws::hosts;

/// The private ones among these subnets, in their order: those whose route table has no route to an internet gateway.
///
/// # Errors
/// [`AwsError`] of [DescribeSubnets](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html) and [DescribeRouteTables](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html), also if a subnet does not exist.
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn private_of(clients: &Clients, ids: &[String]) -> Result<Vec<String>, AwsError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let asked: BTreeSet<String> = ids.iter().cloned().collect();
    let known = hosts::subnets(clients, &asked).await?;
    let public: BTreeSet<&str> =
        known.iter().filter(|subnet| subnet.gateway.is_some()).map(|subnet| subnet.id.as_str()).collect();
    Ok(ids.iter().filter(|id| !public.contains(id.as_str())).cloned().collect())
}
