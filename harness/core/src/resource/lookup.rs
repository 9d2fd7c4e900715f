//! One search of an account by tag. What several kinds must know for it, the clusters and the stacks of the region, is asked once.

use std::collections::BTreeMap;

use tokio::sync::OnceCell;

use super::query::Query;
use crate::aws::Clients;
use crate::aws::cluster::{self, ClusterEndpoint};
use crate::aws::error::AwsError;
use crate::aws::stacks::{self, StandingStack};

/// A VPC that is deleted with a stack.
#[derive(Clone, Debug)]
pub(crate) struct StackNetwork {
    /// The VPC.
    pub(crate) vpc: String,
    /// The stack's tags: what is in the VPC only because of it belongs to the same owner.
    pub(crate) tags: BTreeMap<String, String>,
}

/// A search: what for, with which clients, and what is known already.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) query: &'a Query,
    clusters: OnceCell<Result<Vec<ClusterEndpoint>, AwsError>>,
    stacks: OnceCell<Result<Vec<StandingStack>, AwsError>>,
    networks: OnceCell<Result<Vec<StackNetwork>, AwsError>>,
}

impl<'a> Lookup<'a> {
    /// A search that knows nothing yet.
    pub(crate) fn new(clients: &'a Clients, query: &'a Query) -> Self {
        Self { clients, query, clusters: OnceCell::new(), stacks: OnceCell::new(), networks: OnceCell::new() }
    }

    /// Every cluster of the region, whoever created it.
    ///
    /// # Errors
    /// As [`cluster::all`]; the same for everyone who asks.
    pub(crate) async fn clusters(&self) -> Result<&[ClusterEndpoint], AwsError> {
        once(&self.clusters, cluster::all(self.clients)).await
    }

    /// Every stack of amiproof, of any run.
    ///
    /// # Errors
    /// [`AwsError`] of [DescribeStacks](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html); the same
    /// for everyone who asks.
    pub(crate) async fn stacks(&self) -> Result<&[StandingStack], AwsError> {
        once(&self.stacks, stacks::standing(self.clients)).await
    }

    /// The VPCs of the stacks that match the query.
    ///
    /// # Errors
    /// As [`Lookup::stacks`], or [`AwsError`] of
    /// [DescribeStackResources](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html).
    pub(crate) async fn networks(&self) -> Result<&[StackNetwork], AwsError> {
        once(&self.networks, self.ask_for_networks()).await
    }

    async fn ask_for_networks(&self) -> Result<Vec<StackNetwork>, AwsError> {
        let mut networks = Vec::new();
        let stacks = match self.stacks().await {
            // That stacks may not be listed is reported once, by the kind of the stacks.
            Err(error) if error.is_permanent() => return Ok(networks),
            stacks => stacks?,
        };
        for standing in stacks.iter().filter(|standing| self.query.wants(&standing.tags)) {
            for vpc in stacks::vpcs(self.clients, &standing.id).await? {
                networks.push(StackNetwork { vpc, tags: standing.tags.clone() });
            }
        }
        Ok(networks)
    }
}

/// The answer of the first who asks, for everyone.
async fn once<T>(
    cell: &OnceCell<Result<Vec<T>, AwsError>>,
    ask: impl Future<Output = Result<Vec<T>, AwsError>>,
) -> Result<&[T], AwsError> {
    match cell.get_or_init(|| ask).await {
        Ok(known) => Ok(known),
        Err(error) => Err(error.clone()),
    }
}
