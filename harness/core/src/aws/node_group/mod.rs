//! The managed node group of a variant: created, watched from the first minute, and given up with evidence if it does not come up.

mod cause;
mod describe;
pub(crate) mod evidence;
pub mod subnets;
mod telling;
pub(crate) mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_model::matrix::{MadeNodes, Variant};
use amiproof_model::name::RunId;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::Evidence;
use aws_sdk_eks::types::NodegroupStatus;
use tokio::time::Instant;

pub use self::cause::Infrastructure;
pub use self::describe::{describe, described};
use super::error::{AwsError, Class, Explain as _, found};
use super::launch_template::LaunchTemplate;
use super::names::Tags;
use super::{Clients, retry};
use crate::cluster::{CONTROLLERS_LABEL, NODE_GROUP_LABEL, RUN_LABEL, VARIANT_LABEL};
use crate::ledger;

/// How often a node group is created if it fails because of transient AWS errors.
pub const ATTEMPTS: u32 = 3;
/// The polling interval while a node group is deleted, which takes minutes: that of EKS's own waiter (botocore, `NodegroupDeleted`).
const GONE_POLL: Duration = Duration::from_secs(30);
/// The first interval: EKS drains and terminates the nodes first.
const FIRST_GONE_POLL: Duration = Duration::from_secs(60);

/// The input for a node group.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// The variant.
    pub variant: &'a Variant,
    /// The settings of its nodes.
    pub made: &'a MadeNodes,
    /// The role of its nodes.
    pub role_arn: &'a str,
    /// The subnets of its nodes: private ones.
    pub subnet_ids: &'a [String],
    /// Its launch template.
    pub launch_template: &'a LaunchTemplate,
    /// The tags of the variant.
    pub tags: &'a Tags,
}

/// A node group that is ACTIVE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeGroup {
    /// Its name, which follows from run and variant.
    pub name: String,
    /// When the create call of the successful attempt was made; `timeouts.nodes_ready` counts from here.
    pub created: Instant,
}

/// Why there is no node group.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS returned an error.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The ledger could not be written.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// Nodes were launched but did not join in time: a verdict on the image, or on how it is started.
    #[error("{message}")]
    NeverJoined {
        /// The last state, in one line.
        message: String,
        /// The line of a console or a journal that says why: `kubelet: invalid kernel flag ..`. `None` if nothing looks like it.
        line: Option<String>,
        /// Node group health, scaling activities, status checks, console output, journals.
        evidence: Vec<Evidence>,
        /// The instances that were asked, without facts.
        instances: Vec<NodeRecord>,
    },
    /// AWS could not create it, which says nothing about the image. Permanent errors were tried once, all others [`ATTEMPTS`] times.
    #[error("{message}")]
    Infrastructure {
        /// What kind of cause it is.
        class: Infrastructure,
        /// What AWS said, in one line.
        message: String,
        /// Node group health, scaling activities.
        evidence: Vec<Evidence>,
    },
}

/// The labels that nodes of a variant get, both from EKS and from their own kubelet: the second without delay.
pub fn node_labels(run: &RunId, variant: &Variant, node_group: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (RUN_LABEL.to_owned(), run.to_string()),
        (VARIANT_LABEL.to_owned(), variant.name.to_string()),
        (NODE_GROUP_LABEL.to_owned(), node_group.to_owned()),
    ]);
    if takes_controllers(variant) {
        labels.insert(CONTROLLERS_LABEL.0.to_owned(), CONTROLLERS_LABEL.1.to_owned());
    }
    labels
}

/// Whether the controllers of add-ons (CoreDNS, CSI controllers) may run on a variant's nodes: only on a stock image, because
/// name resolution and volumes of all variants depend on them.
pub fn takes_controllers(variant: &Variant) -> bool {
    variant.family.is_linux() && variant.hardening.is_none()
}

/// Starts the deletion of a node group; one that does not exist, or is being deleted, is not an error.
///
/// # Errors
/// [`AwsError`] of [DeleteNodegroup](https://docs.aws.amazon.com/eks/latest/APIReference/API_DeleteNodegroup.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn delete(clients: &Clients, cluster: &str, name: &str) -> Result<(), AwsError> {
    let _permit = clients.node_group_permit().await;
    let deleted = clients
        .until_free(|| async {
            let request = clients.eks.delete_nodegroup().cluster_name(cluster).nodegroup_name(name);
            request.send().await.explain("DeleteNodegroup", format!("node group {name}"))
        })
        .await;
    match found(deleted) {
        Ok(_) => Ok(()),
        Err(error) if error.class == Class::InUse && is_going(clients, cluster, name).await? => Ok(()),
        Err(error) => Err(error),
    }
}

async fn is_going(clients: &Clients, cluster: &str, name: &str) -> Result<bool, AwsError> {
    let group = describe(clients, cluster, name).await?;
    Ok(group.is_none_or(|group| group.status() == Some(&NodegroupStatus::Deleting)))
}

/// Waits until a node group that is being deleted no longer exists. The first poll is after a minute.
///
/// # Errors
/// If it still exists after `deadline` (with the health issues that EKS reports); otherwise [`AwsError`] of
/// [DescribeNodegroup](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeNodegroup.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn wait_gone(clients: &Clients, cluster: &str, name: &str, deadline: Duration) -> Result<(), AwsError> {
    let started = Instant::now();
    let mut was_going = false;
    clients.pause(FIRST_GONE_POLL.min(deadline)).await;
    while let Some(group) = describe(clients, cluster, name).await? {
        let status = group.status().map_or("unknown", NodegroupStatus::as_str);
        was_going |= group.status() == Some(&NodegroupStatus::Deleting);
        // One whose deletion failed before stays so until EKS begins again.
        let is_stuck = group.status() == Some(&NodegroupStatus::DeleteFailed)
            && (was_going || started.elapsed() >= retry::VISIBLE_WITHIN);
        if is_stuck || started.elapsed() >= deadline {
            let issues = watch::issues(&group).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let issues = if issues.is_empty() { String::new() } else { format!(": {issues}") };
            let message = format!("still {status} after {}s{issues}", started.elapsed().as_secs());
            return Err(AwsError::new(Class::Infrastructure, "DeleteNodegroup", format!("node group {name}"), message));
        }
        clients.pause(GONE_POLL).await;
    }
    Ok(())
}
