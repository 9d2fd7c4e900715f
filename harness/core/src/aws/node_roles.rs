//! The permissions of nodes in the account, and their public addresses.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;
use aws_sdk_iam::types::PolicyEvaluationDecisionType;

use super::Clients;
use super::error::{AwsError, Class, Explain as _, found};
use super::pages;

/// A managed node group, as far as audits look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeGroup {
    /// Its name.
    pub name: String,
    /// The ARN of its nodes' role.
    pub role_arn: String,
    /// Its subnets.
    pub subnet_ids: Vec<String>,
}

/// The managed node groups of a cluster.
///
/// # Errors
/// [`AwsError`] of [ListNodegroups](https://docs.aws.amazon.com/eks/latest/APIReference/API_ListNodegroups.html) and [DescribeNodegroup](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeNodegroup.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn node_groups(clients: &Clients, cluster: &str) -> Result<Vec<NodeGroup>, AwsError> {
    let names = pages::every(clients, async |token| {
        let request = clients.eks.list_nodegroups().cluster_name(cluster).set_next_token(token);
        let answer = request.send().await.explain("ListNodegroups", format!("cluster {cluster}"))?;
        Ok((answer.nodegroups.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let mut groups = Vec::new();
    for name in names {
        let answer = clients
            .read(|| async {
                let _permit = clients.read_permit().await;
                let request = clients.eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(&name);
                request.send().await.explain("DescribeNodegroup", format!("node group {name}"))
            })
            .await;
        // One that was deleted between the two calls is gone.
        let Some(group) = found(answer)?.and_then(|answer| answer.nodegroup) else { continue };
        groups.push(NodeGroup {
            role_arn: group.node_role.unwrap_or_default(),
            subnet_ids: group.subnets.unwrap_or_default(),
            name,
        });
    }
    Ok(groups)
}

/// The policies of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolePolicies {
    /// ARNs of managed policies.
    pub managed: Vec<String>,
    /// Names of inline policies.
    pub inline: Vec<String>,
}

/// The name of a role, without its path: `node` of `arn:aws:iam::111122223333:role/eks/node`.
pub fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Reads the policies of a role.
///
/// # Errors
/// [`AwsError`] of [ListAttachedRolePolicies](https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedRolePolicies.html) and [ListRolePolicies](https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRolePolicies.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn policies(clients: &Clients, role_arn: &str) -> Result<RolePolicies, AwsError> {
    let role = role_name(role_arn);
    let managed = pages::every(clients, async |marker| {
        let request = clients.iam.list_attached_role_policies().role_name(role).set_marker(marker);
        let answer = request.send().await.explain("ListAttachedRolePolicies", format!("role {role}"))?;
        let arns = answer.attached_policies.unwrap_or_default().into_iter().filter_map(|policy| policy.policy_arn);
        Ok((arns.collect(), answer.marker.filter(|_| answer.is_truncated)))
    })
    .await?;
    let inline = pages::every(clients, async |marker| {
        let request = clients.iam.list_role_policies().role_name(role).set_marker(marker);
        let answer = request.send().await.explain("ListRolePolicies", format!("role {role}"))?;
        Ok((answer.policy_names, answer.marker.filter(|_| answer.is_truncated)))
    })
    .await?;
    Ok(RolePolicies { managed, inline })
}

/// Which of these actions IAM would allow a role on every resource: its policies, its boundary and the organisation's policies
/// together, as SimulatePrincipalPolicy evaluates them.
///
/// # Errors
/// [`AwsError`] of [SimulatePrincipalPolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn allowed(clients: &Clients, role_arn: &str, actions: &[&str]) -> Result<Vec<String>, AwsError> {
    let results = pages::every(clients, async |marker| {
        let request = clients.iam.simulate_principal_policy().policy_source_arn(role_arn).set_marker(marker);
        let request = request.set_action_names(Some(actions.iter().map(ToString::to_string).collect()));
        let answer =
            request.send().await.explain("SimulatePrincipalPolicy", format!("role {}", role_name(role_arn)))?;
        Ok((answer.evaluation_results.unwrap_or_default(), answer.marker.filter(|_| answer.is_truncated)))
    })
    .await?;
    let allowed = results.into_iter().filter(|result| result.eval_decision == PolicyEvaluationDecisionType::Allowed);
    Ok(allowed.map(|result| result.eval_action_name).collect())
}

/// The public addresses of a cluster's instances, by instance id. Nodes of every kind carry the tag
/// `kubernetes.io/cluster/<name>`, which EKS and the cloud provider require.
///
/// # Errors
/// [`AwsError`] of [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn public_addresses(clients: &Clients, cluster: &str) -> Result<BTreeMap<String, String>, AwsError> {
    let of_cluster = Filter::builder().name("tag-key").values(format!("kubernetes.io/cluster/{cluster}")).build();
    let running = Filter::builder().name("instance-state-name").values("running").values("pending").build();
    let filters = vec![of_cluster, running];
    let found = pages::every(clients, async |token| {
        let request = clients.ec2.describe_instances().set_filters(Some(filters.clone())).set_next_token(token);
        let answer = request.send().await.explain("DescribeInstances", format!("instances of cluster {cluster}"))?;
        let reservations = answer.reservations.unwrap_or_default().into_iter();
        let instances = reservations.flat_map(|reservation| reservation.instances.unwrap_or_default());
        let public = instances.filter_map(|instance| {
            let address = instance.public_ip_address.filter(|address| !address.is_empty())?;
            Some((instance.instance_id.unwrap_or_default(), address))
        });
        Ok((public.collect(), answer.next_token))
    });
    Ok(found.await?.into_iter().collect())
}

/// The subnets, of those with these ids, that give every instance a public address.
///
/// # Errors
/// [`AwsError`] of [DescribeSubnets](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn public_subnets(clients: &Clients, subnet_ids: &[String]) -> Result<Vec<String>, AwsError> {
    if subnet_ids.is_empty() {
        return Ok(Vec::new());
    }
    let answer = pages::every(clients, async |token| {
        let request = clients.ec2.describe_subnets().set_subnet_ids(Some(subnet_ids.to_vec())).set_next_token(token);
        let answer = request.send().await.explain("DescribeSubnets", subnet_ids.join(", "))?;
        let public = answer
            .subnets
            .unwrap_or_default()
            .into_iter()
            .filter(|subnet| subnet.map_public_ip_on_launch == Some(true));
        Ok((public.filter_map(|subnet| subnet.subnet_id).collect(), answer.next_token))
    });
    match answer.await {
        Err(error) if error.class == Class::NotFound => Ok(Vec::new()),
        answer => answer,
    }
}
