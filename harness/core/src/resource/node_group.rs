//! EKS managed node groups.

use std::time::Duration;

use amiproof_model::matrix::Capacity;
use aws_sdk_eks::operation::create_nodegroup::builders::CreateNodegroupFluentBuilder;
use aws_sdk_eks::types::{CapacityTypes, LaunchTemplateSpecification, NodegroupScalingConfig, NodegroupStatus};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::kind::{Kind, Target};
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::query::Query;
use super::reach::{Cx, Reach};
use super::removal::{persist, tags_of, take};
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::instances::OfRun;
use crate::aws::node_group::watch::{End, Watch};
use crate::aws::node_group::{self, NodeGroup, Plan, evidence};
use crate::aws::{Clients, names};
use crate::cluster::NODE_GROUP_LABEL;
use crate::cost::bought::Bought;
use crate::iam::action::{
    Action, CHECKS,
    Goal::{Apply, Doctor},
    REMOVES,
};
use crate::iam::scope::{self, EVERYTHING};
use crate::ledger::{Key, Ledger, Resource, ResourceKind, State};

/// Its name in the ledger.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "node-group";

#[derive(Debug)]
pub(super) struct EksNodeGroup;

impl Kind for EksNodeGroup {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "node group"
    }

    fn plural(&self) -> &'static str {
        "node groups"
    }

    fn after(&self) -> &'static [&'static str] {
        &["addon", "pod-identity-association"]
    }

    fn has_unique_ids(&self) -> bool {
        true
    }

    fn brings(&self) -> &'static [&'static str] {
        &["cluster", "instance", "volume", "network-interface"]
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        async move {
            let (cx, (cluster, name)) = (reach.aws()?, target.in_cluster()?);
            let read = node_group::describe(cx.clients, cluster, name).await.map(|group| {
                let group = group?;
                Some((name.to_owned(), LiveState { tags: tags_of(group.tags()), id: group.nodegroup_arn.clone() }))
            });
            take(claim, read, |owned| delete(cx, cluster, owned)).await
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        let cluster = target.cluster.as_deref().unwrap_or_default();
        target.aws(&format!("eks delete-nodegroup --cluster-name {cluster} --nodegroup-name {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("eks:CreateNodegroup", &[Apply], &scope::CLUSTER, "one node group per variant"),
    Action::call("eks:DescribeNodegroup", CHECKS, &scope::NODE_GROUPS_OF_CLUSTER, "state and health of node groups"),
    Action::call(
        "eks:DescribeNodegroup",
        REMOVES,
        &scope::NODE_GROUPS,
        "who owns a node group, and whether it is gone",
    ),
    Action::call("eks:ListNodegroups", REMOVES, &scope::CLUSTERS, "node groups of runs"),
    Action::call("eks:DeleteNodegroup", REMOVES, &scope::OWN_NODE_GROUPS, "the node groups of a run"),
    Action::call("ec2:RunInstances", &[Apply], &scope::LAUNCH, "EKS launches nodes only if the caller may")
        .asked_by(&[Doctor]),
    Action::behind("ec2:DescribeLaunchTemplateVersions", &[Apply], &EVERYTHING, "CreateNodegroup"),
    Action::behind("ec2:DescribeSecurityGroups", &[Apply], &EVERYTHING, "CreateNodegroup"),
];

/// Creates the node group of a variant and waits until it is ACTIVE. A node group that fails because of a transient AWS error is deleted
/// and created again. `tell` receives one line after every poll: what is awaited.
///
/// # Errors
/// [`node_group::Error::NeverJoined`] if the nodes do not join within the variant's `timeouts.nodes_ready`; [`node_group::Error::Infrastructure`] if AWS or the
/// account kept them from coming up ([CreateNodegroup](https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html) and its health issues).
pub async fn provision(
    clients: &Clients,
    ledger: &Ledger,
    plan: &Plan<'_>,
    tell: &(dyn Fn(String) + Send + Sync),
) -> Result<NodeGroup, node_group::Error> {
    let wanted = usize::try_from(plan.made.count).unwrap_or(usize::MAX);
    let name = names::node_group(&plan.tags.run, &plan.variant.name);
    let mut attempt = 1;
    loop {
        let created = Instant::now();
        let (key, is_new) = create(clients, ledger, plan, &name).await?;
        let deadline = created + amiproof_time::limit(plan.variant.timeouts.nodes_ready);
        let group = OfRun { cluster: plan.cluster, run: &plan.tags.run, name: &name };
        let mut watch = Watch::new(clients, group);
        match watch.until(deadline, (wanted, is_new), tell).await? {
            End::Active => return Ok(NodeGroup { name, created }),
            End::NotJoined { message } => {
                let learned = evidence::collect(clients, plan.variant.family, &watch).await;
                let evidence::Collected { line, evidence, instances } = learned;
                return Err(node_group::Error::NeverJoined { message, line, evidence, instances });
            }
            End::Infrastructure { class, message } if attempt < node_group::ATTEMPTS && !class.is_permanent() => {
                tell(format!("{message}; recreating it"));
                tracing::warn!(node_group = name, attempt, message, "node group failed because of AWS, recreating it");
                node_group::delete(clients, plan.cluster, &name).await?;
                node_group::wait_gone(clients, plan.cluster, &name, deletion_deadline()).await?;
                ledger.gone(key).await?;
                attempt += 1;
            }
            End::Infrastructure { class, message } => {
                return Err(node_group::Error::Infrastructure { class, message, evidence: watch.evidence() });
            }
        }
    }
}

/// K8s-tester's own deadline for deleting node groups.
fn deletion_deadline() -> Duration {
    Duration::from_secs(20 * 60)
}

/// Creates the node group, or adopts that of an interrupted run. Returns its key in the ledger, and whether it is new.
async fn create(
    clients: &Clients,
    ledger: &Ledger,
    plan: &Plan<'_>,
    name: &str,
) -> Result<(Key, bool), node_group::Error> {
    if let Some(entry) = ledger.standing(KIND, name)
        && entry.state == State::Created
    {
        match node_group::describe(clients, plan.cluster, name).await? {
            Some(group) if group.status() != Some(&NodegroupStatus::Deleting) => return Ok((entry.key, false)),
            // An earlier process of the run deleted it, and was killed before it could record that.
            Some(_) => node_group::wait_gone(clients, plan.cluster, name, deletion_deadline()).await?,
            None => {}
        }
        ledger.gone(entry.key).await?;
    }
    let resource = Resource::new(KIND, name)
        .in_region(clients.region())
        .in_cluster(plan.cluster)
        .for_variant(&plan.variant.name)
        .with(Bought::of(plan.variant.family, plan.made).attributes());
    // Checked before the call: a call that is still waiting for a permit must not be made once nobody waits for it.
    let _permit = clients.node_group_permit().await;
    let request = request(clients, plan, name).client_request_token(ledger.client_token(&resource));
    let (asked, clients) = (name.to_owned(), clients.clone());
    let created = ledger
        .create_resource(resource, || async move {
            clients.write_idempotent(|| create_once(&request, &asked)).await.map_err(node_group::Error::from)
        })
        .await?;
    Ok((created.key, true))
}

/// Exactly the fields that EKS allows beside a launch template with an image: no `amiType`, `version`, `releaseVersion`, `diskSize`
/// or `remoteAccess` (EKS user guide, "Customize managed nodes with launch templates").
fn request(clients: &Clients, plan: &Plan<'_>, name: &str) -> CreateNodegroupFluentBuilder {
    let nodes = i32::try_from(plan.made.count).unwrap_or(i32::MAX);
    let scaling = NodegroupScalingConfig::builder().min_size(nodes).max_size(nodes).desired_size(nodes).build();
    let template = LaunchTemplateSpecification::builder().id(&plan.launch_template.id).version("1").build();
    let labels = node_group::node_labels(&plan.tags.run, plan.variant, name);
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
}

async fn create_once(request: &CreateNodegroupFluentBuilder, name: &str) -> Result<String, AwsError> {
    match request.clone().send().await.explain("CreateNodegroup", format!("node group {name}")) {
        Ok(answer) => Ok(answer.nodegroup.and_then(|group| group.nodegroup_arn).unwrap_or_else(|| name.to_owned())),
        // A lost answer of an earlier try: the name holds the run's id, so it is ours.
        Err(error) if error.class == Class::Exists => Ok(name.to_owned()),
        Err(error) => Err(error),
    }
}

async fn delete(cx: Cx<'_>, cluster: &str, owned: Owned<String>) -> Result<(), NotDeleted> {
    let (clients, name) = (cx.clients, owned.get());
    let attempt = |left| async move {
        node_group::delete(clients, cluster, name).await?;
        node_group::wait_gone(clients, cluster, name, left).await
    };
    persist(clients, cx.deadlines.node_group, attempt).await.map_err(|error| NotDeleted::refused(&error))
}

/// The node groups of a cluster that match the query.
pub(super) async fn find_in(clients: &Clients, query: &Query, cluster: &str) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.eks.list_nodegroups().cluster_name(cluster).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        let resource = format!("node groups of cluster {cluster}");
        let Some(page) = found(page.explain("ListNodegroups", resource))? else { return Ok(targets) };
        for name in page.nodegroups() {
            let group = node_group::describe(clients, cluster, name).await?;
            let tags = group.and_then(|group| group.tags).unwrap_or_default().into_iter().collect();
            if query.wants(&tags) {
                let target = Target::found(&EksNodeGroup, name, &tags, clients);
                targets.push(Target { cluster: Some(cluster.to_owned()), ..target });
            }
        }
    }
    Ok(targets)
}
