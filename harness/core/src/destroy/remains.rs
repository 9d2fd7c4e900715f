//! Asking every service for what carries amiproof's tags, which needs no ledger.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::name::RunId;
use amiproof_model::report::Leftover;
use aws_sdk_ec2::types::{Filter, Tag};
use aws_sdk_inspector2::types::CisStringComparison;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::target::{Kind, Target};
use crate::aws::error::{AwsError, Explain as _, found};
use crate::aws::names::{self, EXPIRES_TAG, RUN_TAG, VARIANT_TAG};
use crate::aws::{Clients, network, oidc_provider};
use crate::ledger::{Ledger, ResourceKind};
use crate::scan::inspector;

/// What to look for.
pub(super) enum Query<'a> {
    /// What one run made, with the namespaces and clusters that its ledger knows.
    Run(&'a RunId, BTreeSet<String>, BTreeSet<String>),
    /// What runs made whose time is over.
    Expired(Timestamp),
}

impl Query<'_> {
    /// Whether a resource with these tags is looked for.
    pub(super) fn wants(&self, tags: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Run(run, ..) => tags.get(RUN_TAG).is_some_and(|tag| tag == run.as_str()),
            Self::Expired(now) => {
                let expires = tags.get(EXPIRES_TAG).and_then(|tag| tag.parse::<Timestamp>().ok());
                tags.contains_key(RUN_TAG) && expires.is_some_and(|expires| expires < *now)
            }
        }
    }

    fn filter(&self) -> Filter {
        match self {
            Self::Run(run, ..) => Filter::builder().name(format!("tag:{RUN_TAG}")).values(run.as_str()).build(),
            Self::Expired(_) => Filter::builder().name("tag-key").values(EXPIRES_TAG).build(),
        }
    }
}

/// The namespaces that a run made: volumes of their claims carry the name in a tag.
pub(super) fn namespaces(ledger: &Ledger) -> BTreeSet<String> {
    names_of(ledger, ResourceKind::Namespace)
}

/// The clusters that a run made or used.
pub(super) fn clusters(ledger: &Ledger) -> BTreeSet<String> {
    let used = ledger.entries().into_iter().filter_map(|entry| entry.resource.cluster);
    used.chain(names_of(ledger, ResourceKind::Cluster)).collect()
}

fn names_of(ledger: &Ledger, kind: ResourceKind) -> BTreeSet<String> {
    let entries = ledger.entries().into_iter().filter(|entry| entry.resource.kind == kind);
    entries.map(|entry| entry.resource.name).collect()
}

/// A leftover that says that a service could not be asked.
pub(super) fn unknown(query: &Query<'_>, reason: String) -> Leftover {
    let mend = match query {
        Query::Run(run, ..) => format!("amiproof destroy --run {run}"),
        Query::Expired(_) => "amiproof sweep".to_owned(),
    };
    Leftover { kind: "unknown".to_owned(), id: String::new(), variant: None, reason, mend }
}

/// Everything that is looked for, and which services did not answer. A service that an endpoint does not have has nothing left.
pub(super) async fn find(clients: &Clients, query: &Query<'_>) -> (Vec<Target>, Vec<String>) {
    let answers = tokio::join!(
        launch_templates(clients, query),
        instances(clients, query),
        volumes(clients, query),
        interfaces(clients, query),
        eks(clients, query),
        stacks(clients, query),
        scan_configurations(clients, query),
        roles(clients, query),
        oidc_providers(clients, query),
    );
    let answers = [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5, answers.6, answers.7, answers.8];
    let (mut targets, mut problems) = (Vec::new(), Vec::new());
    for answer in answers {
        match found(answer) {
            Ok(found) => targets.extend(found.unwrap_or_default()),
            Err(error) => problems.push(format!("cannot be sure that nothing is left: {error}")),
        }
    }
    (targets, problems)
}

fn map_of(tags: &[Tag]) -> BTreeMap<String, String> {
    let pairs = tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
    pairs.collect()
}

fn target(clients: &Clients, kind: Kind, name: &str, tags: &BTreeMap<String, String>) -> Target {
    let variant = tags.get(VARIANT_TAG).and_then(|variant| variant.parse().ok());
    Target { variant, ..Target::found(kind, name, clients) }
}

async fn launch_templates(clients: &Clients, query: &Query<'_>) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.ec2.describe_launch_templates().filters(query.filter()).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for template in
            page.explain("DescribeLaunchTemplates", "launch templates with amiproof's tags")?.launch_templates()
        {
            let tags = map_of(template.tags());
            if query.wants(&tags) {
                let name = template.launch_template_name().unwrap_or_default();
                targets.push(target(clients, Kind::Ledgered(ResourceKind::LaunchTemplate), name, &tags));
            }
        }
    }
    Ok(targets)
}

async fn instances(clients: &Clients, query: &Query<'_>) -> Result<Vec<Target>, AwsError> {
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
            let tags = map_of(instance.tags());
            if query.wants(&tags) {
                targets.push(target(clients, Kind::Instance, instance.instance_id().unwrap_or_default(), &tags));
            }
        }
    }
    Ok(targets)
}

async fn volumes(clients: &Clients, query: &Query<'_>) -> Result<Vec<Target>, AwsError> {
    let mut targets = volumes_matching(clients, query.filter(), |tags| query.wants(tags)).await?;
    if let Query::Run(_, namespaces, _) = query {
        // Volumes of claims carry the tags of the CSI driver, not of the launch template. Namespaces hold the run's id.
        let names: Vec<&String> = namespaces.iter().collect();
        for chunk in names.chunks(100) {
            let values = chunk.iter().map(|name| (*name).clone()).collect();
            let filter = Filter::builder().name("tag:kubernetes.io/created-for/pvc/namespace").set_values(Some(values));
            targets.extend(volumes_matching(clients, filter.build(), |_| true).await?);
        }
    }
    Ok(targets)
}

async fn volumes_matching(
    clients: &Clients,
    filter: Filter,
    wants: impl Fn(&BTreeMap<String, String>) -> bool,
) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.ec2.describe_volumes().filters(filter).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for volume in page.explain("DescribeVolumes", "volumes with amiproof's tags")?.volumes() {
            let tags = map_of(volume.tags());
            let is_going = volume.state().is_some_and(|state| matches!(state.as_str(), "deleting" | "deleted"));
            if wants(&tags) && !is_going {
                targets.push(target(clients, Kind::Volume, volume.volume_id().unwrap_or_default(), &tags));
            }
        }
    }
    Ok(targets)
}

async fn interfaces(clients: &Clients, query: &Query<'_>) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.ec2.describe_network_interfaces().filters(query.filter()).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.explain("DescribeNetworkInterfaces", "network interfaces with amiproof's tags")?;
        for interface in page.network_interfaces() {
            let tags = map_of(interface.tag_set());
            if query.wants(&tags) {
                let id = interface.network_interface_id().unwrap_or_default();
                targets.push(target(clients, Kind::NetworkInterface, id, &tags));
            }
        }
    }
    Ok(targets)
}

/// Clusters with the tags, and node groups with the tags in any cluster that may have some.
async fn eks(clients: &Clients, query: &Query<'_>) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.eks.list_clusters().into_paginator().send();
    let mut clusters = Vec::new();
    while let Some(page) = pages.next().await {
        clusters.extend(page.explain("ListClusters", clients.region())?.clusters.unwrap_or_default());
    }
    let found: Vec<Vec<Target>> = stream::iter(clusters)
        .map(|cluster| async move {
            let mut targets: Vec<Target> = cluster_with_tags(clients, query, &cluster).await?.into_iter().collect();
            let may_have = match query {
                Query::Run(_, _, used) => !targets.is_empty() || used.contains(&cluster),
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

async fn cluster_with_tags(clients: &Clients, query: &Query<'_>, name: &str) -> Result<Option<Target>, AwsError> {
    let answer = clients.eks.describe_cluster().name(name).send().await;
    let answer = found(answer.explain("DescribeCluster", format!("cluster {name}")))?;
    let tags = answer.and_then(|answer| answer.cluster).and_then(|cluster| cluster.tags).unwrap_or_default();
    let tags = tags.into_iter().collect();
    Ok(query.wants(&tags).then(|| target(clients, Kind::Ledgered(ResourceKind::Cluster), name, &tags)))
}

async fn node_groups(clients: &Clients, query: &Query<'_>, cluster: &str) -> Result<Vec<Target>, AwsError> {
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

async fn stacks(clients: &Clients, query: &Query<'_>) -> Result<Vec<Target>, AwsError> {
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

async fn scan_configurations(clients: &Clients, query: &Query<'_>) -> Result<Vec<Target>, AwsError> {
    let prefix = match query {
        Query::Run(run, ..) => names::scan_prefix(run),
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

async fn roles(clients: &Clients, query: &Query<'_>) -> Result<Vec<Target>, AwsError> {
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

async fn oidc_providers(clients: &Clients, query: &Query<'_>) -> Result<Vec<Target>, AwsError> {
    let mut targets = Vec::new();
    for arn in oidc_provider::of_clusters(clients).await? {
        // It may have gone since it was listed.
        let Some(provider) = oidc_provider::read(clients, &arn).await? else { continue };
        if query.wants(&provider.tags) {
            let kind = Kind::Ledgered(ResourceKind::OidcProvider);
            let found = target(clients, kind, oidc_provider::url_of(&arn), &provider.tags);
            targets.push(Target { id: Some(arn), ..found });
        }
    }
    Ok(targets)
}
