//! Which subnets of an existing cluster its node groups may use: private ones. Nodes in a public subnet get no public address unless the
//! subnet gives one, and without it they never reach the API server; with it they stand in the internet.

use std::collections::BTreeSet;

use crate::aws::Clients;
use crate::aws::error::AwsError;
use crate::aws::hosts;

/// The private ones among these subnets, in their order: those whose route table leads to no internet gateway.
///
/// # Errors
/// When EC2 does not answer or does not know a subnet. Tried again while it throttles or is out of order.
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
