//! EKS add-ons of a cluster that is kept.

use std::time::Duration;

use amiproof_model::matrix::AddonSpec;
use aws_sdk_eks::types::{AddonPodIdentityAssociations, AddonStatus, ResolveConflicts};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::kept_clusters::{self, Part};
use super::kind::{Found, Home, Kind, Target};
use super::lookup::Lookup;
use super::outcome::{NotCreated, NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::reach::{Cx, Reach};
use super::removal::{POLL, still_there, tags_of, take};
use super::{pod_identity_association, role};
use crate::aws::Clients;
use crate::aws::addons;
use crate::aws::addons::configuration::{self, Identity};
use crate::aws::addons::version::{self, Version};
use crate::aws::error::{AwsError, Class, Explain as _};
use crate::aws::names::{self, Tags};
use crate::iam::action::{
    Action,
    Goal::{Apply, Scan, Sweep},
    NO_OTHER_CLUSTER, REMOVES, WITH_CLUSTER, WORKLOADS,
};
use crate::iam::scope::{self, EVERYTHING};
use crate::ledger::{Ledger, Resource, ResourceKind};

/// Its name in the ledger.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "addon";

#[derive(Debug)]
pub(super) struct EksAddon;

impl Kind for EksAddon {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "EKS add-on"
    }

    fn plural(&self) -> &'static str {
        "EKS add-ons"
    }

    fn after(&self) -> &'static [&'static str] {
        &["namespace", "storage-class", "config-map-change", "kubernetes-object"]
    }

    fn home(&self) -> Home {
        Home::Cluster
    }

    fn has_unique_ids(&self) -> bool {
        true
    }

    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        Some(find(lookup).boxed())
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        async move {
            let (cx, (cluster, name)) = (reach.aws()?, target.in_cluster()?);
            let read = addons::describe(cx.clients, cluster, name).await.map(|addon| {
                let addon = addon?;
                Some((name.to_owned(), LiveState { tags: tags_of(addon.tags()), id: addon.addon_arn.clone() }))
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
        target.aws(&format!("eks delete-addon --cluster-name {cluster} --addon-name {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("eks:CreateAddon", &[Apply], &scope::CLUSTER, "the add-ons of the matrix"),
    Action::call("eks:DescribeAddon", WORKLOADS, &scope::ADDONS, "state of add-ons"),
    Action::call("eks:DescribeAddon", REMOVES, &scope::ALL_ADDONS, "who owns an add-on")
        .unreached(REMOVES, WITH_CLUSTER),
    Action::call("eks:DescribeAddonConfiguration", &[Apply], &EVERYTHING, "how an add-on is configured"),
    Action::call("eks:DescribeAddonVersions", &[Apply, Scan], &EVERYTHING, "the version of an add-on"),
    Action::call("eks:ListAddons", WORKLOADS, &scope::CLUSTER, "add-ons that exist"),
    Action::call("eks:ListAddons", REMOVES, &scope::CLUSTERS, "add-ons of runs in clusters that stay")
        .unreached(&[Sweep], NO_OTHER_CLUSTER),
    Action::call("eks:DeleteAddon", REMOVES, &scope::OWN_ADDONS, "in a cluster that stays")
        .unreached(REMOVES, WITH_CLUSTER),
];

/// How long the deletion of an add-on by an earlier process may take.
const DELETION: Duration = Duration::from_secs(5 * 60);

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

/// Installs an add-on; an existing one is left alone. Does not wait: controllers need nodes, so [`addons::wait_active`] makes sense only after some
/// nodes have joined.
///
/// # Errors
/// [`AwsError`] of [CreateAddon](https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAddon.html), or of IAM for the add-on's role; an error of its own if
/// EKS has no such version for the cluster. The call carries a client token, so transient errors are retried.
pub async fn install(clients: &Clients, ledger: &Ledger, wanted: &Installation<'_>) -> Result<(), addons::Error> {
    let addon = wanted.addon.name.as_str();
    let mut there = addons::describe(clients, wanted.cluster, addon).await?;
    if there.as_ref().is_some_and(|there| there.status() == Some(&AddonStatus::Deleting)) {
        wait_gone(clients, wanted.cluster, addon, DELETION).await?;
        there = None;
    }
    match &there {
        // What an earlier process of the run created, it deleted.
        None => ledger.all_gone(&KIND, addon).await?,
        Some(_) if ledger.standing(KIND, addon).is_none() || ledger.has_created(KIND, addon) => return Ok(()),
        Some(_) => {}
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
        identities = associations(clients, ledger, wanted, roles).await?;
    }
    let resource = Resource::new(KIND, addon).in_region(clients.region()).in_cluster(wanted.cluster);
    let token = ledger.client_token(&resource);
    let (clients, order) = (clients.clone(), Order::new(wanted, version, values, identities));
    ledger
        .create_resource(resource, || async move {
            clients.write_idempotent(|| create_once(&clients, &order, &token)).await.map_err(addons::Error::from)
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

async fn create_once(clients: &Clients, order: &Order, token: &str) -> Result<String, AwsError> {
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
        .client_request_token(token)
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

/// Creates a role per service account, with the managed policies that AWS recommends for it.
async fn associations(
    clients: &Clients,
    ledger: &Ledger,
    wanted: &Installation<'_>,
    identities: &[Identity],
) -> Result<Vec<AddonPodIdentityAssociations>, addons::Error> {
    let (addon, trust) = (wanted.addon.name.as_str(), pod_identity_association::trust());
    let mut all = Vec::new();
    for identity in identities {
        let name = names::addon_role(&wanted.tags.run, addon, &identity.service_account);
        let resource = Resource::new(role::KIND, name).in_cluster(wanted.cluster);
        let (policies, boundary) = (&identity.policies, wanted.boundary);
        let made = role::create(clients, ledger, resource, &trust, policies, boundary, wanted.tags).await;
        let made = made.map_err(NotCreated::split::<addons::Error>)?;
        let association = AddonPodIdentityAssociations::builder()
            .service_account(&identity.service_account)
            .role_arn(made.id)
            .build()
            .map_err(|error| AwsError::new(Class::Request, "CreateAddon", addon, error.to_string()))?;
        all.push(association);
    }
    Ok(all)
}

async fn delete(cx: Cx<'_>, cluster: &str, owned: Owned<String>) -> Result<(), NotDeleted> {
    let name = owned.get();
    addons::delete(cx.clients, cluster, name).await.map_err(|error| NotDeleted::refused(&error))?;
    wait_gone(cx.clients, cluster, name, cx.deadlines.other).await.map_err(|error| NotDeleted::refused(&error))
}

/// Waits until an add-on is deleted.
async fn wait_gone(clients: &Clients, cluster: &str, name: &str, deadline: Duration) -> Result<(), AwsError> {
    let until = Instant::now() + deadline;
    while addons::describe(clients, cluster, name).await?.is_some() {
        if Instant::now() >= until {
            return Err(still_there("DeleteAddon", name));
        }
        clients.pause(POLL).await;
    }
    Ok(())
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let clients = lookup.clients;
    kept_clusters::find(&EksAddon, lookup, |cluster| async move {
        let mut parts = Vec::new();
        for name in addons::names(clients, &cluster).await? {
            // One that went away between the two calls is not there.
            if let Some(addon) = addons::describe(clients, &cluster, &name).await? {
                parts.push(Part { name, tags: tags_of(addon.tags()) });
            }
        }
        Ok(parts)
    })
    .await
}
