//! Queries every service for resources with amiproof's tags, without a ledger.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::name::RunId;
use aws_sdk_ec2::types::Filter;
use aws_sdk_inspector2::types::CisStringComparison;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::kind::interface::CNI_INSTANCE_TAG;
use super::kind::removal::ec2_tags;
use super::owned::{Claim, has_expired};
use super::target::{Kind, Proof, Target};
use crate::aws::error::{AwsError, Explain as _, found};
use crate::aws::names::{self, EXPIRES_TAG, RUN_TAG, VARIANT_TAG};
use crate::aws::{Clients, network, oidc_provider};
use crate::ledger::{Ledger, ResourceKind};
use crate::scan::inspector;

/// The tag in which the EBS CSI driver records the namespace of the claim that it created a volume for.
const CLAIM_NAMESPACE_TAG: &str = "kubernetes.io/created-for/pvc/namespace";
/// CloudFormation's tag on each member of a stack.
pub(super) const STACK_TAG: &str = "aws:cloudformation:stack-id";

/// What to look for.
#[derive(Clone, Debug)]
pub(super) enum Query {
    /// What one run created, with the namespaces and clusters in its ledger.
    Run { run: RunId, namespaces: BTreeSet<String>, clusters: BTreeSet<String> },
    /// What expired runs created.
    Expired(Timestamp),
}

/// The services to query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    LaunchTemplates,
    Instances,
    Volumes,
    Interfaces,
    SecurityGroups,
    Clusters,
    Stacks,
    ScanConfigurations,
    Roles,
    OidcProviders,
}

impl Service {
    pub(super) const ALL: [Self; 10] = [
        Self::LaunchTemplates,
        Self::Instances,
        Self::Volumes,
        Self::Interfaces,
        Self::SecurityGroups,
        Self::Clusters,
        Self::Stacks,
        Self::ScanConfigurations,
        Self::Roles,
        Self::OidcProviders,
    ];

    /// What it holds.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::LaunchTemplates => "launch templates",
            Self::Instances => "EC2 instances",
            Self::Volumes => "EBS volumes",
            Self::Interfaces => "network interfaces",
            Self::SecurityGroups => "security groups",
            Self::Clusters => "EKS clusters and node groups",
            Self::Stacks => "CloudFormation stacks",
            Self::ScanConfigurations => "Inspector CIS scan configurations",
            Self::Roles => "IAM roles",
            Self::OidcProviders => "IAM OpenID Connect providers",
        }
    }

    /// The services that hold what comes with a kind of resource: instances with volumes and interfaces for a node group, a
    /// volume for the claim of a workload.
    fn of(kind: &ResourceKind) -> &'static [Self] {
        match kind {
            ResourceKind::Stack => &[Self::Stacks],
            ResourceKind::Cluster => &[Self::Clusters, Self::SecurityGroups],
            ResourceKind::Role => &[Self::Roles],
            ResourceKind::LaunchTemplate => &[Self::LaunchTemplates],
            ResourceKind::NodeGroup => &[Self::Clusters, Self::Instances, Self::Volumes, Self::Interfaces],
            ResourceKind::OidcProvider => &[Self::OidcProviders],
            ResourceKind::CisScanConfiguration => &[Self::ScanConfigurations],
            ResourceKind::Addon
            | ResourceKind::PodIdentityAssociation
            | ResourceKind::AccessEntry
            | ResourceKind::Namespace
            | ResourceKind::StorageClass
            | ResourceKind::ConfigMapKey(_)
            | ResourceKind::KubernetesObject(_) => &[],
        }
    }
}

/// The services that a run used. If its ledger is incomplete, that may be any.
pub(super) fn used(ledger: &Ledger) -> BTreeSet<Service> {
    let header = ledger.header();
    if !ledger.torn().is_empty() && header.kubeconfig.is_none() {
        return Service::ALL.into();
    }
    let entries = ledger.entries();
    let mut used: BTreeSet<Service> =
        entries.iter().flat_map(|entry| Service::of(&entry.resource.kind)).copied().collect();
    // Volumes of claims stay when a cluster of EKS goes before its driver was done.
    if header.kubeconfig.is_none() && entries.iter().any(|entry| entry.resource.kind == ResourceKind::StorageClass) {
        used.insert(Service::Volumes);
    }
    used
}

impl Query {
    /// The query after the teardown of a run.
    pub(super) fn of_run(ledger: &Ledger) -> Self {
        let entries = ledger.entries();
        let named = |kind: ResourceKind| {
            entries.iter().filter(move |entry| entry.resource.kind == kind).map(|entry| entry.resource.name.clone())
        };
        let used = entries.iter().filter_map(|entry| entry.resource.cluster.clone());
        Self::Run {
            run: ledger.header().run.clone(),
            namespaces: named(ResourceKind::Namespace).collect(),
            clusters: used.chain(named(ResourceKind::Cluster)).collect(),
        }
    }

    /// The claim for resources that are deleted because of it.
    pub(super) fn claim(&self) -> Claim {
        match self {
            Self::Run { run, .. } => Claim::Run { run: run.clone(), id: None },
            Self::Expired(now) => Claim::Expired(*now),
        }
    }

    /// Whether a resource with these tags matches. Members of a stack are deleted with their stack, never by themselves.
    pub(super) fn wants(&self, tags: &BTreeMap<String, String>) -> bool {
        if tags.contains_key(STACK_TAG) {
            return false;
        }
        match self {
            Self::Run { run, .. } => tags.get(RUN_TAG).is_some_and(|tag| tag == run.as_str()),
            Self::Expired(now) => has_expired(tags, *now),
        }
    }

    fn filter(&self) -> Filter {
        match self {
            Self::Run { run, .. } => Filter::builder().name(format!("tag:{RUN_TAG}")).values(run.as_str()).build(),
            Self::Expired(_) => Filter::builder().name("tag-key").values(EXPIRES_TAG).build(),
        }
    }
}

/// Everything that matches, and the services that did not answer. A service that an endpoint does not have counts as empty.
pub(super) async fn find(
    clients: &Clients,
    query: &Query,
    services: &BTreeSet<Service>,
) -> (Vec<Target>, Vec<(Service, AwsError)>) {
    let asked = services.iter().map(|service| async move {
        let answer: BoxFuture<'_, _> = match service {
            Service::LaunchTemplates => launch_templates(clients, query).boxed(),
            Service::Instances => instances(clients, query).boxed(),
            Service::Volumes => volumes(clients, query).boxed(),
            Service::Interfaces => interfaces(clients, query).boxed(),
            Service::SecurityGroups => security_groups(clients, query).boxed(),
            Service::Clusters => eks(clients, query).boxed(),
            Service::Stacks => stacks(clients, query).boxed(),
            Service::ScanConfigurations => scan_configurations(clients, query).boxed(),
            Service::Roles => roles(clients, query).boxed(),
            Service::OidcProviders => oidc_providers(clients, query).boxed(),
        };
        (*service, answer.await)
    });
    let (mut targets, mut problems) = (Vec::new(), Vec::new());
    for (service, answer) in futures::future::join_all(asked).await {
        match found(answer) {
            Ok(found) => targets.extend(found.unwrap_or_default()),
            Err(error) => problems.push((service, error)),
        }
    }
    (targets, problems)
}

fn target(clients: &Clients, kind: Kind, name: &str, tags: &BTreeMap<String, String>) -> Target {
    let variant = tags.get(VARIANT_TAG).and_then(|variant| variant.parse().ok());
    Target { variant, run: tags.get(RUN_TAG).cloned(), ..Target::found(kind, name, clients) }
}

async fn launch_templates(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.ec2.describe_launch_templates().filters(query.filter()).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for template in
            page.explain("DescribeLaunchTemplates", "launch templates with amiproof's tags")?.launch_templates()
        {
            let tags = ec2_tags(template.tags());
            if query.wants(&tags) {
                let name = template.launch_template_name().unwrap_or_default();
                targets.push(target(clients, Kind::Ledgered(ResourceKind::LaunchTemplate), name, &tags));
            }
        }
    }
    Ok(targets)
}

async fn instances(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let states = Filter::builder()
        .name("instance-state-name")
        .set_values(Some(["pending", "running", "shutting-down", "stopping", "stopped"].map(str::to_owned).into()))
        .build();
    let request = clients.ec2.describe_instances().filters(query.filter()).filters(states);
    let mut pages = request.into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.explain("DescribeInstances", "instances with amiproof's tags")?;
        for instance in page.reservations().iter().flat_map(|reservation| reservation.instances()) {
            let tags = ec2_tags(instance.tags());
            if query.wants(&tags) {
                targets.push(target(clients, Kind::Instance, instance.instance_id().unwrap_or_default(), &tags));
            }
        }
    }
    Ok(targets)
}

async fn volumes(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let mut targets = volumes_matching(clients, query.filter(), |tags| query.wants(tags), None).await?;
    if let Query::Run { run, namespaces, clusters } = query {
        // Volumes of claims carry the tags of the CSI driver, not of the launch template. Namespaces hold the run's id; of another
        // cluster's volume the driver says so.
        let is_ours = |tags: &BTreeMap<String, String>| {
            let mut of = tags.keys().filter_map(|key| key.strip_prefix("kubernetes.io/cluster/")).peekable();
            of.peek().is_none() || of.any(|cluster| clusters.contains(cluster))
        };
        let names: Vec<&String> = namespaces.iter().collect();
        for chunk in names.chunks(100) {
            let values = chunk.iter().map(|name| (*name).clone()).collect();
            let filter = Filter::builder().name(format!("tag:{CLAIM_NAMESPACE_TAG}")).set_values(Some(values)).build();
            targets.extend(volumes_matching(clients, filter, is_ours, Some(run)).await?);
        }
        targets.sort_by(|one, other| one.name.cmp(&other.name));
        targets.dedup_by(|one, other| one.name == other.name);
    }
    Ok(targets)
}

async fn volumes_matching(
    clients: &Clients,
    filter: Filter,
    wants: impl Fn(&BTreeMap<String, String>) -> bool,
    by_namespace: Option<&RunId>,
) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.ec2.describe_volumes().filters(filter).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for volume in page.explain("DescribeVolumes", "volumes with amiproof's tags")?.volumes() {
            let tags = ec2_tags(volume.tags());
            let is_going = volume.state().is_some_and(|state| matches!(state.as_str(), "deleting" | "deleted"));
            if wants(&tags) && !is_going {
                let found = target(clients, Kind::Volume, volume.volume_id().unwrap_or_default(), &tags);
                let proof = by_namespace.zip(tags.get(CLAIM_NAMESPACE_TAG)).map(|(run, namespace)| Proof {
                    key: CLAIM_NAMESPACE_TAG.to_owned(),
                    value: namespace.clone(),
                    run: run.to_string(),
                });
                targets.push(Target { proof, ..found });
            }
        }
    }
    Ok(targets)
}

async fn interfaces(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let mut targets = interfaces_matching(clients, query.filter(), |tags| query.wants(tags), None).await?;
    if let Query::Run { run, .. } = query {
        // What the VPC CNI attached carries the instance and not the run; an instance that is gone is known for about an hour.
        for chunk in instances_ever(clients, query).await?.chunks(100) {
            let filter =
                Filter::builder().name(format!("tag:{CNI_INSTANCE_TAG}")).set_values(Some(chunk.to_vec())).build();
            targets.extend(interfaces_matching(clients, filter, |_| true, Some(run)).await?);
        }
        targets.sort_by(|one, other| one.name.cmp(&other.name));
        targets.dedup_by(|one, other| one.name == other.name);
    }
    Ok(targets)
}

async fn interfaces_matching(
    clients: &Clients,
    filter: Filter,
    wants: impl Fn(&BTreeMap<String, String>) -> bool,
    by_instance: Option<&RunId>,
) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.ec2.describe_network_interfaces().filters(filter).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.explain("DescribeNetworkInterfaces", "network interfaces with amiproof's tags")?;
        for interface in page.network_interfaces() {
            let tags = ec2_tags(interface.tag_set());
            if wants(&tags) {
                let id = interface.network_interface_id().unwrap_or_default();
                let proof = by_instance.zip(tags.get(CNI_INSTANCE_TAG)).map(|(run, instance)| Proof {
                    key: CNI_INSTANCE_TAG.to_owned(),
                    value: instance.clone(),
                    run: run.to_string(),
                });
                targets.push(Target { proof, ..target(clients, Kind::NetworkInterface, id, &tags) });
            }
        }
    }
    Ok(targets)
}

/// The run's instances in every state, also terminated ones.
async fn instances_ever(clients: &Clients, query: &Query) -> Result<Vec<String>, AwsError> {
    let mut pages = clients.ec2.describe_instances().filters(query.filter()).into_paginator().send();
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.explain("DescribeInstances", "instances with amiproof's tags")?;
        let all = page.reservations().iter().flat_map(|reservation| reservation.instances());
        ids.extend(all.filter_map(|instance| instance.instance_id()).map(str::to_owned));
    }
    Ok(ids)
}

async fn security_groups(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.ec2.describe_security_groups().filters(query.filter()).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for group in page.explain("DescribeSecurityGroups", "security groups with amiproof's tags")?.security_groups() {
            let tags = ec2_tags(group.tags());
            // EKS makes one for each cluster, which goes with it.
            if query.wants(&tags) && !tags.contains_key("aws:eks:cluster-name") {
                targets.push(target(clients, Kind::SecurityGroup, group.group_id().unwrap_or_default(), &tags));
            }
        }
    }
    Ok(targets)
}

/// Clusters with the tags, and node groups with the tags in any cluster that may have some.
async fn eks(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.eks.list_clusters().into_paginator().send();
    let mut clusters = Vec::new();
    while let Some(page) = pages.next().await {
        clusters.extend(page.explain("ListClusters", clients.region())?.clusters.unwrap_or_default());
    }
    let found: Vec<Vec<Target>> = stream::iter(clusters)
        .map(|cluster| async move {
            let mut targets: Vec<Target> = cluster_with_tags(clients, query, &cluster).await?.into_iter().collect();
            let may_have = match query {
                Query::Run { clusters, .. } => !targets.is_empty() || clusters.contains(&cluster),
                Query::Expired(_) => true,
            };
            if may_have {
                targets.extend(node_groups(clients, query, &cluster).await?);
            }
            Ok::<_, AwsError>(targets)
        })
        .buffer_unordered(8)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

async fn cluster_with_tags(clients: &Clients, query: &Query, name: &str) -> Result<Option<Target>, AwsError> {
    let answer = clients.eks.describe_cluster().name(name).send().await;
    let answer = found(answer.explain("DescribeCluster", format!("cluster {name}")))?;
    let tags = answer.and_then(|answer| answer.cluster).and_then(|cluster| cluster.tags).unwrap_or_default();
    let tags = tags.into_iter().collect();
    Ok(query.wants(&tags).then(|| target(clients, Kind::Ledgered(ResourceKind::Cluster), name, &tags)))
}

async fn node_groups(clients: &Clients, query: &Query, cluster: &str) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.eks.list_nodegroups().cluster_name(cluster).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        let resource = format!("node groups of cluster {cluster}");
        let Some(page) = found(page.explain("ListNodegroups", resource))? else { return Ok(targets) };
        for name in page.nodegroups() {
            let group = crate::aws::node_group::describe(clients, cluster, name).await?;
            let tags = group.and_then(|group| group.tags).unwrap_or_default().into_iter().collect();
            if query.wants(&tags) {
                let found = target(clients, Kind::Ledgered(ResourceKind::NodeGroup), name, &tags);
                targets.push(Target { cluster: Some(cluster.to_owned()), ..found });
            }
        }
    }
    Ok(targets)
}

async fn stacks(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.cloudformation.describe_stacks().into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for stack in page.explain("DescribeStacks", "stacks with amiproof's tags")?.stacks() {
            let pairs = stack.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
            let tags = pairs.collect();
            let is_gone = stack.stack_status().is_some_and(|status| status.as_str() == "DELETE_COMPLETE");
            if query.wants(&tags) && !is_gone {
                let name = stack.stack_name().unwrap_or_default();
                targets.push(target(clients, Kind::Ledgered(ResourceKind::Stack), name, &tags));
            }
        }
    }
    Ok(targets)
}

async fn scan_configurations(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let prefix = match query {
        Query::Run { run, .. } => names::scan_prefix(run),
        Query::Expired(_) => "amiproof-".to_owned(),
    };
    let all = inspector::configurations(clients, &prefix, CisStringComparison::Prefix).await?;
    let wanted = all.into_iter().filter_map(|configuration| {
        let tags: BTreeMap<_, _> = configuration.tags().cloned().unwrap_or_default().into_iter().collect();
        let name = configuration.scan_name().unwrap_or_default();
        let found = target(clients, Kind::Ledgered(ResourceKind::CisScanConfiguration), name, &tags);
        let id = Some(configuration.scan_configuration_arn().to_owned());
        query.wants(&tags).then_some(Target { id, ..found })
    });
    Ok(wanted.collect())
}

async fn roles(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.iam.list_roles().path_prefix(network::ROLE_PATH).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for role in page.explain("ListRoles", network::ROLE_PATH)?.roles() {
            let name = role.role_name();
            // ListRoles leaves tags out.
            let answer = clients.iam.list_role_tags().role_name(name).send().await.explain("ListRoleTags", name);
            let tags = found(answer)?.map(|answer| answer.tags).unwrap_or_default();
            let tags = tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
            if query.wants(&tags) {
                targets.push(target(clients, Kind::Ledgered(ResourceKind::Role), name, &tags));
            }
        }
    }
    Ok(targets)
}

async fn oidc_providers(clients: &Clients, query: &Query) -> Result<Vec<Target>, AwsError> {
    let mut targets = Vec::new();
    for arn in oidc_provider::of_clusters(clients).await? {
        // It may have been deleted since it was listed.
        let Some(provider) = oidc_provider::read(clients, &arn).await? else { continue };
        if query.wants(&provider.tags) {
            let kind = Kind::Ledgered(ResourceKind::OidcProvider);
            let found = target(clients, kind, oidc_provider::url_of(&arn), &provider.tags);
            targets.push(Target { id: Some(arn), ..found });
        }
    }
    Ok(targets)
}
