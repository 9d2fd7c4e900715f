//! Prerequisites of a cluster for nodes of a role to join and work: access entries or aws-auth, and addresses for pods on Windows.

use amiproof_model::matrix::{ClusterSpec, Family, Variant};

use super::event::PhaseError;
use super::session::Session;
use crate::aws::cluster::ClusterEndpoint;
use crate::aws::names::Tags;
use crate::aws::{self, Clients, access};
use crate::cluster::{self, Access};
use crate::resource;

/// The add-on that assigns addresses to pods.
const CNI: &str = "vpc-cni";

/// Why nodes of an operating system could not join, or could not run pods; `None` if nothing prevents it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals {
    linux: Option<String>,
    windows: Option<String>,
}

impl Refusals {
    /// What prevents the nodes of a variant from joining or working.
    pub(crate) fn of(&self, family: Family) -> Option<&str> {
        if family.is_linux() { self.linux.as_deref() } else { self.windows.as_deref() }
    }
}

/// The roles of nodes, if known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Roles<'a> {
    /// Of Linux nodes.
    pub(crate) linux: Option<&'a str>,
    /// Of Windows nodes.
    pub(crate) windows: Option<&'a str>,
}

/// Whether the run creates Windows nodes.
pub(crate) fn makes_windows(session: &Session) -> bool {
    session.plan.matrix.variants.iter().any(|variant| variant.made().is_some() && !variant.family.is_linux())
}

/// Whether the run installs the CNI as an add-on.
pub(crate) fn installs_cni(spec: &ClusterSpec) -> bool {
    spec.create && spec.addons.iter().any(|addon| addon.name == CNI)
}

/// Creates the prerequisites before any node group, and returns what is missing. A problem of Windows does not affect Linux variants.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) async fn prepare(
    session: &Session,
    clients: &Clients,
    access: &Access,
    endpoint: &ClusterEndpoint,
    roles: Roles<'_>,
    tags: &Tags,
) -> Result<Refusals, PhaseError> {
    let mut refusals = Refusals::default();
    let makes_linux =
        session.plan.matrix.variants.iter().any(|it: &Variant| it.made().is_some() && it.family.is_linux());
    if !endpoint.has_access_entries {
        if let (true, Some(role)) = (makes_linux, roles.linux) {
            refusals.linux = unmapped(access, endpoint, role, Family::Al2023).await;
        }
        if let (true, Some(role)) = (makes_windows(session), roles.windows) {
            refusals.windows = unmapped(access, endpoint, role, Family::Windows).await;
        }
    } else if let (true, Some(role)) = (makes_windows(session), roles.windows) {
        match resource::access_entry::admit_windows(clients, &session.tools.ledger, &endpoint.name, role, tags).await {
            Ok(()) => {}
            Err(error @ access::Error::Ledger(_)) => return Err(PhaseError::from_error(&error)),
            Err(error) => refusals.windows = Some(error.to_string()),
        }
    }
    if makes_windows(session) && refusals.windows.is_none() {
        refusals.windows = without_addresses(session, clients, access, endpoint).await?;
    }
    Ok(refusals)
}

/// Why a cluster with only aws-auth would not admit nodes of a role. EKS maps the role of a node group itself, but by its full ARN, which
/// the authenticator does not match if the role has a path (aws/containers-roadmap#926, #1669), and for a custom Windows image without
/// the group of kube-proxy (EKS API, `CreateNodegroup.amiType`).
async fn unmapped(access: &Access, endpoint: &ClusterEndpoint, role: &str, family: Family) -> Option<String> {
    let plain = access::without_path(role);
    let group = if family == Family::Windows { "eks:kube-proxy-windows" } else { "system:nodes" };
    if family != Family::Windows && plain == role {
        return None;
    }
    match cluster::windows::aws_auth_maps(access, &plain, group).await {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "cluster {} admits nodes only by the ConfigMap kube-system/aws-auth, which does not map {plain} to the group {group}: add to its \
             mapRoles {{rolearn: {plain}, username: 'system:node:{{{{EC2PrivateDNSName}}}}', groups: [{}]}}, or let the cluster \
             use access entries (authentication mode API_AND_CONFIG_MAP)",
            endpoint.name,
            access::aws_auth_groups(family).join(", ")
        )),
        Err(error) => Some(format!(
            "cannot determine whether cluster {} admits nodes with the role {plain}: {error}",
            endpoint.name
        )),
    }
}

/// Why pods on Windows would get no addresses. An add-on that the run did not install is not changed.
async fn without_addresses(
    session: &Session,
    clients: &Clients,
    access: &Access,
    endpoint: &ClusterEndpoint,
) -> Result<Option<String>, PhaseError> {
    if installs_cni(&session.plan.matrix.cluster) {
        return Ok(None);
    }
    let addon =
        aws::addons::describe(clients, &endpoint.name, CNI).await.map_err(|error| PhaseError::from_error(&error))?;
    if addon.is_none() {
        // Without the add-on `Eks::install` may change the ConfigMap, and enables it.
        return Ok(None);
    }
    match cluster::windows::has_ipam(access).await {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(format!(
            "the add-on vpc-cni of cluster {name} assigns no addresses to pods on Windows, and amiproof does not change an existing add-on: run \
             aws eks update-addon --cluster-name {name} --addon-name vpc-cni --configuration-values '{{\"enableWindowsIpam\":\"true\"}}' \
             --resolve-conflicts PRESERVE, and add its present configuration values",
            name = endpoint.name
        ))),
        Err(error) => Ok(Some(format!("cannot determine whether pods on Windows get addresses: {error}"))),
    }
}
