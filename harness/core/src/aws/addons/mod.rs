//! EKS add-ons: those that the matrix lists, in the version that it pins or EKS recommends, with the permissions that they need.

mod configuration;
mod describe;
mod error;
mod rights;
mod state;
mod version;

use std::time::Duration;

use amiproof_model::matrix::AddonSpec;
use aws_sdk_eks::types::{AddonPodIdentityAssociations, ResolveConflicts};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::time::Instant;

pub use self::describe::describe;
pub use self::error::Error;
pub use self::state::{Issue, State, states};
pub use self::version::Version;
use super::error::{AwsError, Class, Explain as _, found};
use super::names::Tags;
use super::{Clients, names};
use crate::ledger::{Ledger, Resource, ResourceKind};

/// The polling interval of the SDK's own waiter.
const POLL: Duration = Duration::from_secs(10);

/// The issue of an add-on that lacks some pods (EKS API, `AddonIssue.code`).
pub const MISSING_PODS: &str = "InsufficientNumberOfReplicas";

/// What to install, and where.
#[derive(Debug)]
pub struct Installation<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// Its Kubernetes version.
    pub kubernetes: &'a str,
    /// The add-on.
    pub addon: &'a AddonSpec,
    /// Whether the cluster has, or will have, the Pod Identity agent: then add-ons get their own roles.
    pub with_identities: bool,
    /// The label of the nodes for controllers; `None` for any node.
    pub controllers_on: Option<(&'a str, &'a str)>,
    /// The permissions boundary of the roles of add-ons, if the account requires one.
    pub boundary: Option<&'a str>,
    /// Whether there will be Windows nodes.
    pub with_windows: bool,
    /// The tags of created resources.
    pub tags: &'a Tags,
}

/// Installs an add-on; an existing one is left alone. Does not wait: controllers need nodes, so [`wait_active`] makes sense only after some
/// nodes have joined.
///
/// # Errors
/// [`AwsError`] of [CreateAddon](https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAddon.html), or of IAM for the add-on's role; an error of its own if
/// EKS has no such version for the cluster. The call carries a client token, so transient errors are retried.
pub async fn install(clients: &Clients, ledger: &Ledger, wanted: &Installation<'_>) -> Result<(), Error> {
    let addon = wanted.addon.name.as_str();
    let is_planned = ledger.standing(ResourceKind::Addon, addon).is_some();
    if !is_planned && describe(clients, wanted.cluster, addon).await?.is_some() {
        return Ok(());
    }
    let version = version::resolve(clients, wanted.kubernetes, addon, wanted.addon.version.as_deref()).await?;
    let configuration = configuration::describe(clients, addon, &version.name).await?;
    let mut values = wanted.controllers_on.and_then(|label| configuration.controllers_on(addon, label));
    for (switch, value) in switches(addon, wanted.with_windows) {
        if configuration.accepts(&[switch]) {
            values.get_or_insert_with(|| json!({}))[switch] = json!(value);
        }
    }
    let mut identities = Vec::new();
    // The CNI must work before any other pod does, the agent's included, so it keeps the rights of the nodes' role.
    if wanted.with_identities && version.needs_rights && addon != "vpc-cni" {
        let roles = &configuration.identities;
        identities =
            rights::associations(clients, ledger, wanted.cluster, addon, roles, wanted.boundary, wanted.tags).await?;
    }
    let resource = Resource::new(ResourceKind::Addon, addon).in_region(clients.region()).in_cluster(wanted.cluster);
    let (clients, order) = (clients.clone(), Order::new(wanted, version, values, identities));
    ledger
        .create_resource(resource, || async move {
            clients.write_idempotent(|| create_once(&clients, &order)).await.map_err(Error::from)
        })
        .await?;
    Ok(())
}

/// Additional configuration of an add-on. The VPC CNI enforces network policies, as the CIS EKS benchmark requires (4.3.1), and assigns
/// addresses to Windows pods if there are Windows nodes. This must be in its own configuration, which overwrites its ConfigMap
/// (aws/containers-roadmap#2341).
fn switches(addon: &str, with_windows: bool) -> Vec<(&'static str, &'static str)> {
    match addon {
        "vpc-cni" if with_windows => vec![("enableNetworkPolicy", "true"), ("enableWindowsIpam", "true")],
        "vpc-cni" => vec![("enableNetworkPolicy", "true")],
        _ => Vec::new(),
    }
}

/// A complete create call, which continues if its caller stops waiting.
struct Order {
    cluster: String,
    addon: String,
    version: Version,
    values: Option<Value>,
    identities: Vec<AddonPodIdentityAssociations>,
    tags: Tags,
}

impl Order {
    fn new(
        wanted: &Installation<'_>,
        version: Version,
        values: Option<Value>,
        identities: Vec<AddonPodIdentityAssociations>,
    ) -> Self {
        let (cluster, addon) = (wanted.cluster.to_owned(), wanted.addon.name.clone());
        Self { cluster, addon, version, values, identities, tags: wanted.tags.clone() }
    }
}

async fn create_once(clients: &Clients, order: &Order) -> Result<String, AwsError> {
    let Order { cluster, addon, version, values, identities, tags } = order;
    let answer = clients
        .eks
        .create_addon()
        .cluster_name(cluster)
        .addon_name(addon)
        .addon_version(&version.name)
        // A new cluster comes with self-managed vpc-cni, kube-proxy and coredns; the add-on takes them over.
        .resolve_conflicts(ResolveConflicts::Overwrite)
        .set_configuration_values(values.as_ref().map(Value::to_string))
        .set_pod_identity_associations(Some(identities.clone()).filter(|all| !all.is_empty()))
        .client_request_token(names::request_token(&format!("{cluster}/{addon}"), &tags.run, 1))
        .set_tags(Some(tags.pairs().into_iter().collect()))
        .send()
        .await
        .explain("CreateAddon", format!("add-on {addon}"));
    match answer {
        Ok(answer) => Ok(answer.addon.and_then(|addon| addon.addon_arn).unwrap_or_else(|| addon.clone())),
        Err(error) if error.class == Class::Exists => Ok(addon.clone()),
        // A role that was made seconds ago is not known everywhere yet.
        Err(error) if !identities.is_empty() && error.message.contains("role") && error.class == Class::Request => {
            Err(AwsError { class: Class::Infrastructure, ..error })
        }
        Err(error) => Err(error),
    }
}

/// Waits until an add-on works as far as the cluster is concerned: it is ACTIVE, or only DaemonSet pods on some nodes are missing and
/// `are_controllers_ready` holds. DaemonSets are checked per node, and one broken image must not block the other variants.
///
/// # Errors
/// If the add-on fails, or is not ready within `deadline`: both with the issues that EKS reports in
/// [DescribeAddon](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddon.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn wait_active(
    clients: &Clients,
    cluster: &str,
    addon: &str,
    deadline: Duration,
    are_controllers_ready: impl Fn() -> BoxFuture<'static, bool>,
) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        let state = describe(clients, cluster, addon).await?.map(|addon| State::of(&addon)).unwrap_or_default();
        let lacks_pods = state.status == "DEGRADED" && state.issues.iter().all(|issue| issue.code == MISSING_PODS);
        if state.status == "ACTIVE" || lacks_pods && are_controllers_ready().await {
            return Ok(());
        }
        // DEGRADED is waited out, because it is what EKS says while nodes are few.
        let may_come = matches!(state.status.as_str(), "CREATING" | "UPDATING" | "DEGRADED");
        if !may_come || started.elapsed() >= deadline {
            let issues: Vec<String> = state.issues.iter().map(ToString::to_string).collect();
            return Err(Error::Stuck {
                addon: addon.to_owned(),
                status: if state.status.is_empty() { "not installed".to_owned() } else { state.status },
                after: started.elapsed(),
                issues: issues.join("; "),
            });
        }
        clients.pause(POLL).await;
    }
}

/// Starts the deletion of an add-on; one that is not installed is no error.
///
/// # Errors
/// [`AwsError`] of [DeleteAddon](https://docs.aws.amazon.com/eks/latest/APIReference/API_DeleteAddon.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn delete(clients: &Clients, cluster: &str, addon: &str) -> Result<(), AwsError> {
    let deleted = clients
        .until_free(|| async {
            let request = clients.eks.delete_addon().cluster_name(cluster).addon_name(addon);
            request.send().await.explain("DeleteAddon", format!("add-on {addon}"))
        })
        .await;
    found(deleted).map(|_| ())
}
