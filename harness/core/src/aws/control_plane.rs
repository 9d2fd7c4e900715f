//! The security settings of the control plane: logging, endpoint access, encryption, authentication.

use aws_sdk_eks::types::LogType;

use super::Clients;
use super::error::{AwsError, Explain as _, found};
use super::pages;

/// Settings of a cluster that matter for security (API page DescribeCluster).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlPlane {
    /// The enabled log types: `api`, `audit`, `authenticator`, `controllerManager`, `scheduler`.
    pub logs: Vec<String>,
    /// Whether the API server can be reached from the internet.
    pub public_access: bool,
    /// Whether it has a private endpoint in the VPC.
    pub private_access: bool,
    /// The public addresses that can reach it.
    pub public_cidrs: Vec<String>,
    /// The KMS keys of the customer that Secrets are encrypted with.
    pub secrets_keys: Vec<String>,
    /// `API`, `API_AND_CONFIG_MAP` or `CONFIG_MAP`; clusters older than access entries have none.
    pub authentication_mode: Option<String>,
    /// The subnets that it is attached to.
    pub subnet_ids: Vec<String>,
}

/// Reads a cluster's settings; `None` if EKS has no cluster of that name.
///
/// # Errors
/// [`AwsError`] of [DescribeCluster](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn describe(clients: &Clients, cluster: &str) -> Result<Option<ControlPlane>, AwsError> {
    let answer = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let request = clients.eks.describe_cluster().name(cluster);
            request.send().await.explain("DescribeCluster", format!("cluster {cluster}"))
        })
        .await;
    Ok(found(answer)?.and_then(|answer| answer.cluster).map(|cluster| settings_of(&cluster)))
}

fn settings_of(cluster: &aws_sdk_eks::types::Cluster) -> ControlPlane {
    let setups = cluster.logging().map(|logging| logging.cluster_logging()).unwrap_or_default().iter();
    let on = setups.filter(|setup| setup.enabled() == Some(true)).flat_map(|setup| setup.types());
    let vpc = cluster.resources_vpc_config();
    // Only a key of the customer appears here; without one, EKS encrypts with a key that AWS owns.
    let keys = cluster.encryption_config().iter().filter_map(|config| config.provider());
    ControlPlane {
        logs: on.map(|kind: &LogType| kind.as_str().to_owned()).collect(),
        public_access: vpc.is_some_and(|vpc| vpc.endpoint_public_access()),
        private_access: vpc.is_some_and(|vpc| vpc.endpoint_private_access()),
        public_cidrs: vpc.map(|vpc| vpc.public_access_cidrs().to_vec()).unwrap_or_default(),
        secrets_keys: keys.filter_map(|provider| provider.key_arn()).map(str::to_owned).collect(),
        authentication_mode: cluster
            .access_config()
            .and_then(|access| access.authentication_mode())
            .map(|mode| mode.as_str().to_owned()),
        subnet_ids: vpc.map(|vpc| vpc.subnet_ids().to_vec()).unwrap_or_default(),
    }
}

/// A Fargate profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FargateProfile {
    /// Its name.
    pub name: String,
    /// The namespaces whose pods it selects, with their labels: `build (tier=untrusted)`.
    pub selectors: Vec<String>,
}

/// The cluster's Fargate profiles.
///
/// # Errors
/// [`AwsError`] of [ListFargateProfiles](https://docs.aws.amazon.com/eks/latest/APIReference/API_ListFargateProfiles.html) and [DescribeFargateProfile](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeFargateProfile.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn fargate_profiles(clients: &Clients, cluster: &str) -> Result<Vec<FargateProfile>, AwsError> {
    let names = pages::every(clients, async |token| {
        let request = clients.eks.list_fargate_profiles().cluster_name(cluster).set_next_token(token);
        let answer = request.send().await.explain("ListFargateProfiles", format!("cluster {cluster}"))?;
        Ok((answer.fargate_profile_names.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let mut profiles = Vec::new();
    for name in names {
        let answer = clients
            .read(|| async {
                let request = clients.eks.describe_fargate_profile().cluster_name(cluster).fargate_profile_name(&name);
                request.send().await.explain("DescribeFargateProfile", format!("Fargate profile {name}"))
            })
            .await;
        let Some(profile) = found(answer)?.and_then(|answer| answer.fargate_profile) else { continue };
        let selectors = profile.selectors().iter().map(|selector| {
            let mut labels: Vec<String> =
                selector.labels().into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
            labels.sort();
            let namespace = selector.namespace().unwrap_or_default();
            if labels.is_empty() { namespace.to_owned() } else { format!("{namespace} ({})", labels.join(", ")) }
        });
        profiles.push(FargateProfile { selectors: selectors.collect(), name });
    }
    Ok(profiles)
}

/// The OpenID Connect providers that authenticate users in addition to IAM, as `oidc corporate`.
///
/// # Errors
/// [`AwsError`] of [ListIdentityProviderConfigs](https://docs.aws.amazon.com/eks/latest/APIReference/API_ListIdentityProviderConfigs.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn identity_providers(clients: &Clients, cluster: &str) -> Result<Vec<String>, AwsError> {
    pages::every(clients, async |token| {
        let request = clients.eks.list_identity_provider_configs().cluster_name(cluster).set_next_token(token);
        let answer = request.send().await.explain("ListIdentityProviderConfigs", format!("cluster {cluster}"))?;
        let configs = answer.identity_provider_configs.unwrap_or_default();
        let words = configs.iter().map(|config| format!("{} {}", config.r#type(), config.name()));
        Ok((words.collect(), answer.next_token))
    })
    .await
}

/// A version of an add-on that EKS offers for a Kubernetes version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddonVersion {
    /// `v1.20.4-eksbuild.1`.
    pub name: String,
    /// Whether it is the one that EKS installs by default.
    pub is_default: bool,
}

/// The versions of an add-on that EKS offers for a Kubernetes version, in EKS's order.
///
/// # Errors
/// [`AwsError`] of [DescribeAddonVersions](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddonVersions.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn addon_versions(clients: &Clients, addon: &str, kubernetes: &str) -> Result<Vec<AddonVersion>, AwsError> {
    pages::every(clients, async |token| {
        let request = clients.eks.describe_addon_versions().addon_name(addon).kubernetes_version(kubernetes);
        let answer = request.set_next_token(token).send().await;
        let answer = answer.explain("DescribeAddonVersions", format!("add-on {addon}"))?;
        let addons = answer.addons.unwrap_or_default();
        let versions = addons.iter().flat_map(|addon| addon.addon_versions());
        let versions = versions.filter_map(|version| {
            let is_default = version.compatibilities().iter().any(|cluster| cluster.default_version());
            Some(AddonVersion { name: version.addon_version()?.to_owned(), is_default })
        });
        Ok((versions.collect(), answer.next_token))
    })
    .await
}
