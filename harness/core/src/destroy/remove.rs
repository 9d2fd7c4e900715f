//! Removing one thing, and looking until it is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ec2::types::Filter;
use aws_sdk_inspector2::types::CisStringComparison;
use tokio::time::Instant;

use super::target::{Kind, Target};
use super::{Deadlines, Plan, kubernetes};
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::{
    Clients, addons, cluster, instances, launch_template, network, node_group, oidc_provider, pod_identity,
};
use crate::ledger::ResourceKind;
use crate::scan::inspector;

/// What became of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// It is gone.
    Gone,
    /// It was planned, but never made.
    NeverMade,
    /// It will go with its cluster.
    WithCluster,
}

/// How often a deletion that AWS accepts but does not carry out is asked for again.
const TRIES: u32 = 4;
const POLL: Duration = Duration::from_secs(10);

/// Removes a resource of the ledger. What lives inside a cluster that goes too is only tried: it goes with the cluster.
pub(super) async fn remove(plan: &Plan<'_>, target: &Target, doomed: &BTreeSet<String>) -> Result<Removed, String> {
    let is_doomed = target.cluster.as_ref().is_some_and(|cluster| doomed.contains(cluster));
    let Kind::Ledgered(kind) = target.kind else {
        return Err("only what is in the ledger is removed by the ledger".to_owned());
    };
    if kind.is_kubernetes() {
        let removed = match plan.access {
            Some(access) => kubernetes::remove(access, kind, target, plan.deadlines.kubernetes).await,
            None => Err("the cluster's API cannot be reached".to_owned()),
        };
        return match removed {
            Ok(()) => Ok(Removed::Gone),
            Err(reason) if is_doomed => {
                tracing::info!(name = target.name, reason, "goes with its cluster");
                Ok(Removed::WithCluster)
            }
            Err(reason) => Err(reason),
        };
    }
    let in_cluster =
        matches!(kind, ResourceKind::Addon | ResourceKind::AccessEntry | ResourceKind::PodIdentityAssociation);
    if is_doomed && in_cluster {
        return Ok(Removed::WithCluster);
    }
    match plan.clients {
        Some(clients) => remove_from_aws(clients, target, &plan.deadlines).await,
        None => Err("there is no access to the AWS account: give credentials".to_owned()),
    }
}

/// Removes a resource in AWS and waits until it is gone.
pub(super) async fn remove_from_aws(
    clients: &Clients,
    target: &Target,
    deadlines: &Deadlines,
) -> Result<Removed, String> {
    let name = target.name.as_str();
    let of_cluster = target.cluster.as_deref().unwrap_or_default();
    let Kind::Ledgered(kind) = target.kind else { return remove_remain(clients, target, deadlines).await };
    let removed = match kind {
        ResourceKind::Stack => return remove_stack(clients, target, deadlines.stack).await,
        ResourceKind::Cluster => return remove_cluster(clients, target, deadlines.cluster).await,
        ResourceKind::NodeGroup => remove_node_group(clients, of_cluster, name, deadlines.node_group).await,
        ResourceKind::LaunchTemplate => remove_launch_template(clients, name).await,
        ResourceKind::Addon => remove_addon(clients, of_cluster, name, deadlines.other).await,
        ResourceKind::AccessEntry => remove_access_entry(clients, of_cluster, name).await,
        ResourceKind::PodIdentityAssociation => pod_identity::remove(clients, of_cluster, name).await,
        ResourceKind::OidcProvider => oidc_provider::remove(clients, name, target.must_be_of.as_ref()).await,
        ResourceKind::CisScanConfiguration => remove_scan_configuration(clients, name).await,
        ResourceKind::Role => remove_role(clients, name).await,
        ResourceKind::Namespace
        | ResourceKind::StorageClass
        | ResourceKind::ConfigMapChange
        | ResourceKind::KubernetesObject => return Err("it is not in AWS but in the cluster".to_owned()),
    };
    match removed {
        Ok(true) => Ok(Removed::Gone),
        // Its creation was confirmed, so it was there once.
        Ok(false) if target.must_be_of.is_none() => Ok(Removed::Gone),
        Ok(false) => Ok(Removed::NeverMade),
        Err(error) => Err(error.to_string()),
    }
}

/// Asks for the end of an instance, volume or interface. Does not wait: the next query tells.
pub(super) async fn remove_remain(
    clients: &Clients,
    target: &Target,
    deadlines: &Deadlines,
) -> Result<Removed, String> {
    let id = target.name.as_str();
    let asked = match target.kind {
        Kind::Ledgered(_) => return Box::pin(remove_from_aws(clients, target, deadlines)).await,
        Kind::Instance => {
            let request = clients.ec2.terminate_instances().instance_ids(id);
            request.send().await.explain("TerminateInstances", id).map(|_| ())
        }
        Kind::Volume => clients.ec2.delete_volume().volume_id(id).send().await.explain("DeleteVolume", id).map(|_| ()),
        Kind::NetworkInterface => delete_interface(clients, id).await,
    };
    match asked {
        Ok(()) => Ok(Removed::Gone),
        // It is going, or what uses it is.
        Err(error)
            if matches!(error.class, Class::NotFound | Class::InUse | Class::Infrastructure | Class::Unreachable) =>
        {
            Ok(Removed::Gone)
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Tries again while AWS is busy with the resource, or accepted the deletion but did not carry it out.
async fn persist<Fut>(clients: &Clients, deadline: Duration, attempt: impl Fn(Duration) -> Fut) -> Result<(), AwsError>
where
    Fut: Future<Output = Result<(), AwsError>>,
{
    let until = Instant::now() + deadline;
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt(until.saturating_duration_since(Instant::now())).await {
            Ok(()) => return Ok(()),
            Err(error)
                if (error.class == Class::InUse || error.is_infrastructure())
                    && (error.class == Class::InUse || tries < TRIES)
                    && Instant::now() < until =>
            {
                tracing::debug!(%error, "asking for the deletion again");
            }
            Err(error) => return Err(error),
        }
        clients.pause(POLL).await;
    }
}

async fn remove_stack(clients: &Clients, target: &Target, deadline: Duration) -> Result<Removed, String> {
    let name = target.name.as_str();
    let Some(tag) = network::run_tag(clients, name).await.map_err(|error| error.to_string())? else {
        return Ok(if target.must_be_of.is_none() { Removed::Gone } else { Removed::NeverMade });
    };
    if target.must_be_of.as_ref().is_some_and(|run| tag.as_deref() != Some(run.as_str())) {
        return Ok(Removed::NeverMade);
    }
    network::delete(clients, name, deadline).await.map_err(|error| error.to_string())?;
    Ok(Removed::Gone)
}

async fn remove_cluster(clients: &Clients, target: &Target, deadline: Duration) -> Result<Removed, String> {
    let name = target.name.as_str();
    let Some(there) = cluster::describe(clients, name).await.map_err(|error| error.to_string())? else {
        return Ok(if target.must_be_of.is_none() { Removed::Gone } else { Removed::NeverMade });
    };
    if target.must_be_of.as_ref().is_some_and(|run| there.run_tag.as_deref() != Some(run.as_str())) {
        return Ok(Removed::NeverMade);
    }
    let until = Instant::now() + deadline;
    persist(clients, deadline, |_| cluster::delete(clients, name)).await.map_err(|error| error.to_string())?;
    let left = until.saturating_duration_since(Instant::now());
    cluster::wait_gone(clients, name, left).await.map_err(|error| error.to_string())?;
    Ok(Removed::Gone)
}

async fn remove_node_group(clients: &Clients, cluster: &str, name: &str, deadline: Duration) -> Result<bool, AwsError> {
    if node_group::describe(clients, cluster, name).await?.is_none() {
        return Ok(false);
    }
    let attempt = |left| async move {
        node_group::delete(clients, cluster, name).await?;
        node_group::wait_gone(clients, cluster, name, left).await
    };
    persist(clients, deadline, attempt).await?;
    Ok(true)
}

async fn remove_launch_template(clients: &Clients, name: &str) -> Result<bool, AwsError> {
    let find = || clients.read(|| launch_template::find(clients, name));
    let Some(id) = find().await? else { return Ok(false) };
    launch_template::delete(clients, &id).await?;
    match find().await? {
        None => Ok(true),
        Some(id) => Err(still_there("DeleteLaunchTemplate", &id)),
    }
}

async fn remove_addon(clients: &Clients, cluster: &str, addon: &str, deadline: Duration) -> Result<bool, AwsError> {
    if addons::describe(clients, cluster, addon).await?.is_none() {
        return Ok(false);
    }
    addons::delete(clients, cluster, addon).await?;
    let until = Instant::now() + deadline;
    while addons::describe(clients, cluster, addon).await?.is_some() {
        if Instant::now() >= until {
            return Err(still_there("DeleteAddon", addon));
        }
        clients.pause(POLL).await;
    }
    Ok(true)
}

async fn remove_access_entry(clients: &Clients, cluster: &str, principal: &str) -> Result<bool, AwsError> {
    let deleted = clients
        .until_free(|| async {
            let request = clients.eks.delete_access_entry().cluster_name(cluster).principal_arn(principal);
            request.send().await.explain("DeleteAccessEntry", principal)
        })
        .await;
    Ok(found(deleted)?.is_some())
}

async fn remove_scan_configuration(clients: &Clients, name: &str) -> Result<bool, AwsError> {
    // By name, not by ARN: a configuration whose ARN never came back is found too.
    let find = || async { found(inspector::configurations(clients, name, CisStringComparison::Equals).await) };
    let there = find().await?.unwrap_or_default();
    for configuration in &there {
        inspector::delete_configuration(clients, configuration.scan_configuration_arn()).await?;
    }
    match find().await?.unwrap_or_default().first() {
        None => Ok(!there.is_empty()),
        Some(left) => Err(still_there("DeleteCisScanConfiguration", left.scan_configuration_arn())),
    }
}

async fn remove_role(clients: &Clients, name: &str) -> Result<bool, AwsError> {
    let attached = clients.iam.list_attached_role_policies().role_name(name).send().await;
    let Some(attached) = found(attached.explain("ListAttachedRolePolicies", name))? else { return Ok(false) };
    for policy in attached.attached_policies().iter().filter_map(|policy| policy.policy_arn()) {
        let request = clients.iam.detach_role_policy().role_name(name).policy_arn(policy);
        found(request.send().await.explain("DetachRolePolicy", name))?;
    }
    let profiles = clients.iam.list_instance_profiles_for_role().role_name(name).send().await;
    let profiles = found(profiles.explain("ListInstanceProfilesForRole", name))?;
    for profile in profiles.iter().flat_map(|answer| answer.instance_profiles()) {
        let request = clients.iam.remove_role_from_instance_profile().role_name(name);
        let request = request.instance_profile_name(profile.instance_profile_name());
        found(request.send().await.explain("RemoveRoleFromInstanceProfile", name))?;
    }
    let delete = || async { clients.iam.delete_role().role_name(name).send().await.explain("DeleteRole", name) };
    Ok(found(clients.until_free(delete).await)?.is_some())
}

fn still_there(operation: &'static str, resource: &str) -> AwsError {
    AwsError::new(Class::InUse, operation, resource, "it is still there after its deletion was accepted")
}

async fn delete_interface(clients: &Clients, id: &str) -> Result<(), AwsError> {
    let request = clients.ec2.delete_network_interface().network_interface_id(id);
    found(request.send().await.explain("DeleteNetworkInterface", id)).map(|_| ())
}

/// Deletes the interfaces that the VPC CNI of some clusters left behind: they are attached to nothing, and the instance that they were
/// made for is gone. Never fails: a stack or cluster that cannot go says so itself.
pub(super) async fn leaked_interfaces(clients: &Clients, clusters: &BTreeSet<String>) {
    for cluster in clusters {
        match leaked(clients, cluster).await {
            Ok(ids) => {
                for id in ids {
                    if let Err(error) = delete_interface(clients, &id).await {
                        tracing::warn!(%error, "a leaked network interface stays");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, cluster, "leaked network interfaces are not known"),
        }
    }
}

/// Tags of the VPC CNI (aws/amazon-vpc-cni-k8s, "ENI tags").
const CNI_CLUSTER_TAG: &str = "cluster.k8s.amazonaws.com/name";
const CNI_INSTANCE_TAG: &str = "node.k8s.amazonaws.com/instance_id";

async fn leaked(clients: &Clients, cluster: &str) -> Result<Vec<String>, AwsError> {
    let filter = |name: String, value: &str| Filter::builder().name(name).values(value).build();
    let answer = clients
        .read(|| async {
            let request = clients.ec2.describe_network_interfaces().filters(filter("status".to_owned(), "available"));
            let request = request.filters(filter(format!("tag:{CNI_CLUSTER_TAG}"), cluster));
            request.send().await.explain("DescribeNetworkInterfaces", format!("interfaces of cluster {cluster}"))
        })
        .await?;
    let mut ids = Vec::new();
    for interface in answer.network_interfaces() {
        let instance = interface.tag_set().iter().find(|tag| tag.key() == Some(CNI_INSTANCE_TAG));
        let instance = instance.and_then(|tag| tag.value()).unwrap_or_default();
        let is_alive = !instance.is_empty() && is_alive(clients, instance).await?;
        if let (false, Some(id)) = (is_alive, interface.network_interface_id()) {
            ids.push(id.to_owned());
        }
    }
    Ok(ids)
}

async fn is_alive(clients: &Clients, instance: &str) -> Result<bool, AwsError> {
    let filters =
        [("instance-id", vec![instance]), ("instance-state-name", vec!["pending", "running", "stopping", "stopped"])];
    Ok(!instances::matching(clients, &filters, instance).await?.is_empty())
}
