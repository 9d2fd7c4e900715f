//! The managed node group of a variant: created, watched from the first minute, and given up with evidence if it does not come up.

mod cause;
mod describe;
mod evidence;
pub mod subnets;
mod telling;
mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_model::matrix::{Capacity, MadeNodes, Variant};
use amiproof_model::name::RunId;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::Evidence;
use aws_sdk_eks::operation::create_nodegroup::builders::CreateNodegroupFluentBuilder;
use aws_sdk_eks::types::{CapacityTypes, LaunchTemplateSpecification, NodegroupScalingConfig, NodegroupStatus};
use tokio::time::Instant;

pub use self::cause::Infrastructure;
pub use self::describe::describe;
use self::watch::{End, Watch};
use super::error::{AwsError, Class, Explain as _, found};
use super::launch_template::LaunchTemplate;
use super::names::Tags;
use super::{Clients, names};
use crate::cluster::{CONTROLLERS_LABEL, NODE_GROUP_LABEL, RUN_LABEL, VARIANT_LABEL};
use crate::ledger;
use crate::ledger::{Key, Ledger, Resource, ResourceKind, State};

/// How often a node group is created if it fails because of transient AWS errors.
pub const ATTEMPTS: u32 = 3;
/// The polling interval while a node group is deleted.
const GONE_POLL: Duration = Duration::from_secs(15);
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

/// Creates the node group of a variant and waits until it is ACTIVE. A node group that fails because of a transient AWS error is deleted
/// and created again. `tell` receives one line after every poll: what is awaited.
///
/// # Errors
/// [`Error::NeverJoined`] if the nodes do not join within the variant's `timeouts.nodes_ready`; [`Error::Infrastructure`] if AWS or the
/// account kept them from coming up ([CreateNodegroup](https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html) and
/// its health issues).
pub async fn provision(
    clients: &Clients,
    ledger: &Ledger,
    plan: &Plan<'_>,
    tell: &(dyn Fn(String) + Send + Sync),
) -> Result<NodeGroup, Error> {
    let wanted = usize::try_from(plan.made.count).unwrap_or(usize::MAX);
    let name = names::node_group(&plan.tags.run, &plan.variant.name);
    let mut attempt = 1;
    loop {
        let created = Instant::now();
        let key = create(clients, ledger, plan, &name, attempt).await?;
        let deadline = created + clients.pace().deadline(plan.variant.timeouts.nodes_ready);
        let mut watch = Watch::new(clients, plan.cluster, &name);
        match watch.until(deadline, wanted, tell).await? {
            End::Active => return Ok(NodeGroup { name, created }),
            End::NotJoined { message } => {
                let learned = evidence::collect(clients, plan.variant.family, &watch).await;
                let evidence::Collected { line, evidence, instances } = learned;
                return Err(Error::NeverJoined { message, line, evidence, instances });
            }
            End::Infrastructure { class, message } if attempt < ATTEMPTS && !class.is_permanent() => {
                tell(format!("{message}; recreating it"));
                tracing::warn!(node_group = name, attempt, message, "node group failed because of AWS, recreating it");
                delete(clients, plan.cluster, &name).await?;
                wait_gone(clients, plan.cluster, &name, deletion_deadline()).await?;
                ledger.gone(key).await?;
                attempt += 1;
            }
            End::Infrastructure { class, message } => {
                return Err(Error::Infrastructure { class, message, evidence: watch.evidence() });
            }
        }
    }
}

/// K8s-tester's own deadline for deleting node groups.
fn deletion_deadline() -> Duration {
    Duration::from_secs(20 * 60)
}

/// Creates the node group, or adopts the node group of an interrupted run.
async fn create(clients: &Clients, ledger: &Ledger, plan: &Plan<'_>, name: &str, attempt: u32) -> Result<Key, Error> {
    if let Some(entry) = ledger.standing(ResourceKind::NodeGroup, name)
        && entry.state == State::Created
    {
        return Ok(entry.key);
    }
    let resource = Resource::new(ResourceKind::NodeGroup, name)
        .in_region(clients.region())
        .in_cluster(plan.cluster)
        .for_variant(&plan.variant.name);
    // Before the call starts: a call that still waits for its permit must not be made once its caller has gone.
    let _permit = clients.node_group_permit().await;
    let (request, asked, clients) = (request(clients, plan, name, attempt), name.to_owned(), clients.clone());
    let created = ledger
        .create_resource(resource, || async move {
            clients.write_idempotent(|| create_once(&request, &asked)).await.map_err(Error::from)
        })
        .await?;
    Ok(created.key)
}

/// Exactly the fields that EKS allows beside a launch template with an image: no `amiType`, `version`, `releaseVersion`, `diskSize`
/// or `remoteAccess` (EKS user guide, "Customize managed nodes with launch templates").
fn request(clients: &Clients, plan: &Plan<'_>, name: &str, attempt: u32) -> CreateNodegroupFluentBuilder {
    let nodes = i32::try_from(plan.made.count).unwrap_or(i32::MAX);
    let scaling = NodegroupScalingConfig::builder().min_size(nodes).max_size(nodes).desired_size(nodes).build();
    let template = LaunchTemplateSpecification::builder().id(&plan.launch_template.id).version("1").build();
    let labels = node_labels(&plan.tags.run, plan.variant, name);
    // EKS sets the label of its own domain itself, and refuses it here.
    let labels = labels.into_iter().filter(|(key, _)| key != NODE_GROUP_LABEL).collect();
    clients
        .eks
        .create_nodegroup()
        .cluster_name(plan.cluster)
        .nodegroup_name(name)
        .scaling_config(scaling)
        .set_subnets(Some(plan.subnet_ids.to_vec()))
        .set_instance_types(Some(plan.made.instance_types.clone()))
        .node_role(plan.role_arn)
        .launch_template(template)
        .capacity_type(match plan.made.capacity {
            Capacity::OnDemand => CapacityTypes::OnDemand,
            Capacity::Spot => CapacityTypes::Spot,
        })
        .set_labels(Some(labels))
        .set_tags(Some(plan.tags.pairs().into_iter().collect()))
        .client_request_token(names::request_token(name, &plan.tags.run, attempt))
}

async fn create_once(request: &CreateNodegroupFluentBuilder, name: &str) -> Result<String, AwsError> {
    match request.clone().send().await.explain("CreateNodegroup", format!("node group {name}")) {
        Ok(answer) => Ok(answer.nodegroup.and_then(|group| group.nodegroup_arn).unwrap_or_else(|| name.to_owned())),
        // A lost answer of an earlier try: the name holds the run's id, so it is ours.
        Err(error) if error.class == Class::Exists => Ok(name.to_owned()),
        Err(error) => Err(error),
    }
}

/// Starts the deletion of a node group; one that does not exist, or is being deleted, is no error.
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

/// Waits until a node group is deleted.
///
/// # Errors
/// If it still exists after `deadline` (with the health issues that EKS reports); otherwise [`AwsError`] of
/// [DescribeNodegroup](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeNodegroup.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn wait_gone(clients: &Clients, cluster: &str, name: &str, deadline: Duration) -> Result<(), AwsError> {
    let started = Instant::now();
    while let Some(group) = describe(clients, cluster, name).await? {
        let status = group.status().map_or("unknown", NodegroupStatus::as_str);
        let is_stuck = group.status() == Some(&NodegroupStatus::DeleteFailed);
        if is_stuck || started.elapsed() >= deadline {
            let issues = watch::issues(&group).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let message = format!("still {status} after {}s; {issues}", started.elapsed().as_secs());
            return Err(AwsError::new(Class::Infrastructure, "DeleteNodegroup", format!("node group {name}"), message));
        }
        clients.pause(GONE_POLL).await;
    }
    Ok(())
}
