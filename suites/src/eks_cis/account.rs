//! Reads the account: each part separately, because each needs its own permission.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_core::aws::access::{self, Association};
use amiproof_core::aws::control_plane::ControlPlane;
use amiproof_core::aws::node_roles::{self, NodeGroup};
use amiproof_core::aws::{AwsError, Clients, control_plane, load_balancers, registry};
use amiproof_model::name::KubernetesVersion;

use super::facts::account::{Account, NodeRole, REGISTRY_CHANGES};
use super::facts::pods::Workload;
use super::facts::{Reading, Unreadable};
use super::image;

/// Maximum number of repositories whose policies are read.
const REPOSITORIES: usize = 50;

fn seen<T>(answer: Result<T, AwsError>, action: &str) -> Reading<T> {
    answer.map_err(|error| Unreadable::aws(action, &error))
}

/// The facts about a cluster from its account.
pub(crate) async fn read(
    clients: &Clients,
    cluster: &str,
    version: &KubernetesVersion,
    workloads: &Reading<Vec<Workload>>,
) -> Account {
    let identity = clients.whoami().await;
    let caller =
        seen(identity.as_ref().map(|identity| identity.arn.clone()).map_err(Clone::clone), "sts:GetCallerIdentity");
    let id = seen(identity.map(|identity| identity.account), "sts:GetCallerIdentity");
    let region = clients.region().to_owned();
    let (plane, providers, fargate, cni, principals) = futures::join!(
        control_plane::describe(clients, cluster),
        control_plane::identity_providers(clients, cluster),
        control_plane::fargate_profiles(clients, cluster),
        control_plane::addon_versions(clients, "vpc-cni", version.as_str()),
        access::principals(clients, cluster, None)
    );
    let (addresses, scanning, repositories, balancers) = futures::join!(
        node_roles::public_addresses(clients, cluster),
        registry::scanning(clients),
        registry::repositories(clients),
        load_balancers::of_cluster(clients, cluster)
    );
    let groups = seen(node_roles::node_groups(clients, cluster).await, "eks:ListNodegroups and eks:DescribeNodegroup");
    let absent = || Unreadable::Unavailable(format!("EKS has no cluster {cluster} in {region}"));
    let control_plane = seen(plane, "eks:DescribeCluster").and_then(|plane| plane.ok_or_else(absent));
    let principals = seen(principals, "eks:ListAccessEntries");
    let associations = associations(clients, cluster, &control_plane, &principals).await;
    let repository_policies = policies(clients, &id, &region, workloads).await;
    Account {
        control_plane,
        identity_providers: seen(providers, "eks:ListIdentityProviderConfigs"),
        fargate: seen(fargate, "eks:ListFargateProfiles and eks:DescribeFargateProfile"),
        cni_versions: seen(cni, "eks:DescribeAddonVersions"),
        principals,
        associations,
        caller,
        node_roles: roles(clients, &groups).await,
        public_addresses: seen(addresses, "ec2:DescribeInstances"),
        public_subnets: public_subnets(clients, &groups).await,
        scanning: seen(scanning, "ecr:GetRegistryScanningConfiguration"),
        repositories: seen(repositories, "ecr:DescribeRepositories"),
        repository_policies,
        load_balancers: seen(balancers, "elasticloadbalancing:Describe*"),
        id,
        region,
    }
}

/// The permissions of the principals; empty in a cluster without access entries.
async fn associations(
    clients: &Clients,
    cluster: &str,
    control_plane: &Reading<ControlPlane>,
    principals: &Reading<Vec<String>>,
) -> Reading<Vec<Association>> {
    let mode = super::facts::seen(control_plane)?.authentication_mode.as_deref();
    if matches!(mode, None | Some("CONFIG_MAP")) {
        return Ok(Vec::new());
    }
    let principals = super::facts::seen(principals)?;
    seen(access::associations(clients, cluster, principals).await, "eks:ListAssociatedAccessPolicies")
}

async fn roles(clients: &Clients, groups: &Reading<Vec<NodeGroup>>) -> Reading<BTreeMap<String, NodeRole>> {
    let mut by_arn: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for group in super::facts::seen(groups)? {
        by_arn.entry(group.role_arn.clone()).or_default().push(group.name.clone());
    }
    let mut roles = BTreeMap::new();
    for (arn, groups) in by_arn {
        let policies = node_roles::policies(clients, &arn).await;
        let changes = node_roles::allowed(clients, &arn, &REGISTRY_CHANGES).await;
        let role = NodeRole {
            groups,
            policies: seen(policies, "iam:ListAttachedRolePolicies and iam:ListRolePolicies"),
            may_change_registry: seen(changes, "iam:SimulatePrincipalPolicy"),
        };
        roles.insert(arn, role);
    }
    Ok(roles)
}

async fn public_subnets(clients: &Clients, groups: &Reading<Vec<NodeGroup>>) -> Reading<Vec<String>> {
    let ids: BTreeSet<String> =
        super::facts::seen(groups)?.iter().flat_map(|group| group.subnet_ids.iter().cloned()).collect();
    let ids: Vec<String> = ids.into_iter().collect();
    seen(node_roles::public_subnets(clients, &ids).await, "ec2:DescribeSubnets")
}

/// The policies of those repositories of the account whose images run in the cluster.
async fn policies(
    clients: &Clients,
    account: &Reading<String>,
    region: &str,
    workloads: &Reading<Vec<Workload>>,
) -> Reading<BTreeMap<String, Option<String>>> {
    let account = super::facts::seen(account)?;
    let images = super::facts::seen(workloads)?.iter().flat_map(|workload| &workload.containers);
    let used: BTreeSet<&str> =
        images.filter_map(|container| image::repository_of(&container.image, account, region)).collect();
    let mut policies = BTreeMap::new();
    for repository in used.into_iter().take(REPOSITORIES) {
        let policy = seen(registry::policy(clients, repository).await, "ecr:GetRepositoryPolicy")?;
        policies.insert(repository.to_owned(), policy);
    }
    Ok(policies)
}
