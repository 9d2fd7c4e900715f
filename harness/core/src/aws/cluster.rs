//! The EKS cluster under test: created by the run, or an existing one.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_eks::types::{AuthenticationMode, ClusterStatus};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use super::error::{AwsError, Class, Explain as _, found};
use super::names::RUN_TAG;
use super::{Clients, pages, retry};
use crate::ledger;
use crate::user_data::ClusterFacts;

/// The polling interval of the SDK's own waiter.
const POLL: Duration = Duration::from_secs(30);

/// A cluster as EKS describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterEndpoint {
    /// Its name.
    pub name: String,
    /// `CREATING`, `ACTIVE`, `DELETING`, `FAILED` …
    pub status: String,
    /// `https://….eks.amazonaws.com`; empty while it is created.
    pub endpoint: String,
    /// The certificate authority, PEM in base64; empty while it is created.
    pub certificate_authority: String,
    /// The CIDR of Services; empty while it is created.
    pub service_cidr: String,
    /// The control plane's version: `1.36`.
    pub version: String,
    /// The subnets that the control plane is attached to.
    pub subnet_ids: Vec<String>,
    /// The VPC.
    pub vpc_id: Option<String>,
    /// The security group that EKS creates for control plane and managed nodes.
    pub security_group_id: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The value of [`RUN_TAG`], if amiproof created it.
    pub run_tag: Option<String>,
    /// Who issues the tokens of its service accounts (`https://oidc.eks.…`); `None` while it is created.
    pub issuer: Option<String>,
    /// Whether it uses access entries; otherwise only the ConfigMap aws-auth decides who is admitted.
    pub has_access_entries: bool,
    /// The issues that EKS reports.
    pub issues: Vec<String>,
}

impl ClusterEndpoint {
    /// The certificate authority as PEM.
    ///
    /// # Errors
    /// If it is not base64.
    pub fn ca_pem(&self) -> Result<Vec<u8>, AwsError> {
        BASE64_STANDARD.decode(self.certificate_authority.trim()).map_err(|error| {
            let message = format!("the certificate authority is not base64: {error}");
            AwsError::new(Class::Infrastructure, "DescribeCluster", format!("cluster {}", self.name), message)
        })
    }

    /// Whether it is being deleted.
    pub fn is_deleting(&self) -> bool {
        self.status == ClusterStatus::Deleting.as_str()
    }

    /// Whether its creation or its deletion failed: it can only be deleted.
    pub fn has_failed(&self) -> bool {
        self.status == ClusterStatus::Failed.as_str()
    }

    /// What a node needs to know to join.
    pub fn facts(&self) -> ClusterFacts {
        ClusterFacts {
            name: self.name.clone(),
            endpoint: self.endpoint.clone(),
            certificate_authority: self.certificate_authority.clone(),
            service_cidr: self.service_cidr.clone(),
        }
    }
}

/// Why the cluster is not available.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// EKS returned an error.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The ledger could not be written.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The cluster does not exist, and the run must not create it.
    #[error(
        "cluster {name} does not exist in {region}: set `cluster.create: true`, or name one that does (`aws eks list-clusters`)"
    )]
    Missing {
        /// Its name.
        name: String,
        /// Where it was looked for.
        region: String,
    },
    /// A cluster of that name exists that this run did not create.
    #[error(
        "cluster {name} already exists and was not created by run {run}: set `cluster.create: false` to use it, or choose another name"
    )]
    Foreign {
        /// Its name.
        name: String,
        /// This run.
        run: String,
    },
    /// What an earlier attempt of the run left can only be deleted, and was not.
    #[error("cluster {name} is FAILED and could not be deleted and recreated: {reason}")]
    Kept {
        /// Its name.
        name: String,
        /// What keeps it.
        reason: String,
    },
    /// It failed, or was not ready in time.
    #[error("cluster {name} is {status} after {}s, not {wanted}{}", after.as_secs(), listed(issues))]
    Stuck {
        /// Its name.
        name: String,
        /// Its status.
        status: String,
        /// The expected status.
        wanted: &'static str,
        /// How long the run waited for it.
        after: Duration,
        /// The issues that EKS reports.
        issues: Vec<String>,
    },
}

fn listed(issues: &[String]) -> String {
    if issues.is_empty() { String::new() } else { format!(": {}", issues.join("; ")) }
}

/// Reads a cluster; `None` if there is none of that name.
///
/// # Errors
/// [`AwsError`] of [DescribeCluster](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn describe(clients: &Clients, name: &str) -> Result<Option<ClusterEndpoint>, AwsError> {
    let answer = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            clients.eks.describe_cluster().name(name).send().await.explain("DescribeCluster", format!("cluster {name}"))
        })
        .await;
    Ok(found(answer)?.and_then(|answer| answer.cluster).map(|cluster| endpoint_of(name, &cluster)))
}

/// Like [`describe`], but the answer may be up to five minutes old: for what does not change while a run uses the cluster, such as its issuer.
///
/// # Errors
/// Those of [`describe`].
pub async fn described(clients: &Clients, name: &str) -> Result<Option<ClusterEndpoint>, AwsError> {
    clients.shared_answer(("DescribeCluster", name), || describe(clients, name)).await
}

fn endpoint_of(name: &str, cluster: &aws_sdk_eks::types::Cluster) -> ClusterEndpoint {
    let network = cluster.kubernetes_network_config();
    let service_cidr = network.and_then(|network| network.service_ipv4_cidr().or_else(|| network.service_ipv6_cidr()));
    let vpc = cluster.resources_vpc_config();
    let mode = cluster.access_config().and_then(|access| access.authentication_mode());
    let issues = cluster.health().map(|health| health.issues()).unwrap_or_default().iter();
    ClusterEndpoint {
        name: name.to_owned(),
        status: cluster.status().map_or("unknown", ClusterStatus::as_str).to_owned(),
        endpoint: cluster.endpoint().unwrap_or_default().to_owned(),
        certificate_authority: cluster
            .certificate_authority()
            .and_then(|authority| authority.data())
            .unwrap_or_default()
            .to_owned(),
        service_cidr: service_cidr.unwrap_or_default().to_owned(),
        version: cluster.version().unwrap_or_default().to_owned(),
        subnet_ids: vpc.map(|vpc| vpc.subnet_ids().to_vec()).unwrap_or_default(),
        vpc_id: vpc.and_then(|vpc| vpc.vpc_id()).map(str::to_owned),
        security_group_id: vpc.and_then(|vpc| vpc.cluster_security_group_id()).map(str::to_owned),
        tags: cluster.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
        run_tag: cluster.tags().and_then(|tags| tags.get(RUN_TAG)).cloned(),
        issuer: cluster.identity().and_then(|identity| identity.oidc()?.issuer()).map(str::to_owned),
        has_access_entries: mode != Some(&AuthenticationMode::ConfigMap),
        issues: issues.filter_map(|issue| issue.message()).map(str::to_owned).collect(),
    }
}

/// How many clusters are described at the same time.
const AT_ONCE: usize = 8;

/// Every cluster of the region, whoever created it; one that is deleted meanwhile is left out.
///
/// # Errors
/// [`AwsError`] of [ListClusters](https://docs.aws.amazon.com/eks/latest/APIReference/API_ListClusters.html) or
/// [DescribeCluster](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub(crate) async fn all(clients: &Clients) -> Result<Vec<ClusterEndpoint>, AwsError> {
    let names = pages::every(clients, async |token| {
        let answer = clients.eks.list_clusters().set_next_token(token).send().await;
        let answer = answer.explain("ListClusters", clients.region())?;
        Ok((answer.clusters.unwrap_or_default(), answer.next_token))
    });
    let described = stream::iter(names.await?).map(|name| async move { describe(clients, &name).await });
    let described: Vec<Option<ClusterEndpoint>> = described.buffered(AT_ONCE).try_collect().await?;
    Ok(described.into_iter().flatten().collect())
}

/// An existing cluster, which must be ACTIVE; while it is being created or updated this waits.
///
/// # Errors
/// If it does not exist, or is not ACTIVE within `deadline`; otherwise [`AwsError`] of
/// [DescribeCluster](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn existing(clients: &Clients, name: &str, deadline: Duration) -> Result<ClusterEndpoint, Error> {
    match describe(clients, name).await? {
        None => Err(Error::Missing { name: name.to_owned(), region: clients.region().to_owned() }),
        Some(cluster) if cluster.status == ClusterStatus::Active.as_str() => Ok(cluster),
        Some(_) => wait_active(clients, name, deadline).await,
    }
}

/// Waits until a cluster is ACTIVE.
///
/// # Errors
/// If it fails, is deleted, is not found for one minute, or is not ACTIVE within `deadline`; otherwise [`AwsError`] of
/// [DescribeCluster](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn wait_active(clients: &Clients, name: &str, deadline: Duration) -> Result<ClusterEndpoint, Error> {
    let started = Instant::now();
    loop {
        let Some(cluster) = describe(clients, name).await? else {
            if started.elapsed() < retry::VISIBLE_WITHIN {
                clients.pause(POLL).await;
                continue;
            }
            return Err(Error::Missing { name: name.to_owned(), region: clients.region().to_owned() });
        };
        match awaited(&cluster.status) {
            Awaited::Active => return Ok(cluster),
            Awaited::Never => return Err(stuck(cluster, "ACTIVE", started)),
            Awaited::Later if started.elapsed() >= deadline => return Err(stuck(cluster, "ACTIVE", started)),
            Awaited::Later => clients.pause(POLL).await,
        }
    }
}

/// Whether a cluster that should become ACTIVE is, may still become it, or never will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Active,
    Later,
    Never,
}

fn awaited(status: &str) -> Awaited {
    match ClusterStatus::from(status) {
        ClusterStatus::Active => Awaited::Active,
        ClusterStatus::Failed | ClusterStatus::Deleting => Awaited::Never,
        // CREATING, UPDATING, PENDING (an Outpost that is not connected), and what is newer than this list.
        _ => Awaited::Later,
    }
}

/// Starts the deletion of a cluster; one that does not exist is not an error, and one with node groups is retried.
///
/// # Errors
/// [`AwsError`] of [DeleteCluster](https://docs.aws.amazon.com/eks/latest/APIReference/API_DeleteCluster.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn delete(clients: &Clients, name: &str) -> Result<(), AwsError> {
    let deleted = clients
        .until_free(|| async {
            clients.eks.delete_cluster().name(name).send().await.explain("DeleteCluster", format!("cluster {name}"))
        })
        .await;
    match found(deleted) {
        Ok(_) => Ok(()),
        // It is being deleted already.
        Err(error) if error.class == Class::InUse && is_deleting(clients, name).await? => Ok(()),
        Err(error) => Err(error),
    }
}

async fn is_deleting(clients: &Clients, name: &str) -> Result<bool, AwsError> {
    let cluster = describe(clients, name).await?;
    Ok(cluster.is_none_or(|cluster| cluster.is_deleting()))
}

/// Waits until a cluster is deleted. The log group of its control plane stays.
///
/// # Errors
/// If it still exists after `deadline`; otherwise [`AwsError`] of
/// [DescribeCluster](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn wait_gone(clients: &Clients, name: &str, deadline: Duration) -> Result<(), Error> {
    let started = Instant::now();
    let mut was_going = false;
    while let Some(cluster) = describe(clients, name).await? {
        was_going |= cluster.is_deleting();
        // One that was FAILED before stays so until EKS begins.
        let has_failed = cluster.has_failed() && (was_going || started.elapsed() >= retry::VISIBLE_WITHIN);
        if started.elapsed() >= deadline || has_failed {
            return Err(stuck(cluster, "gone", started));
        }
        clients.pause(POLL).await;
    }
    Ok(())
}

fn stuck(cluster: ClusterEndpoint, wanted: &'static str, started: Instant) -> Error {
    Error::Stuck {
        name: cluster.name,
        status: cluster.status,
        wanted,
        after: started.elapsed(),
        issues: cluster.issues,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_a_cluster_is_awaited_or_given_up() {
        let lines: Vec<String> =
            ClusterStatus::values().iter().map(|status| format!("{status} {:?}", awaited(status))).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        ACTIVE Active
        CREATING Later
        DELETING Never
        FAILED Never
        PENDING Later
        UPDATING Later
        ");
    }
}
