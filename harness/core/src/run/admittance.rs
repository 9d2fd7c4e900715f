//! What a cluster must know before nodes of a role can join it and work: access entries or aws-auth, and addresses for pods on Windows.

use amiproof_model::matrix::{ClusterSpec, Family, Variant};

use super::event::PhaseError;
use super::session::Session;
use crate::aws::cluster::ClusterEndpoint;
use crate::aws::names::Tags;
use crate::aws::{self, Clients, access};
use crate::cluster::{self, Access};

/// The add-on that gives pods their addresses.
const CNI: &str = "vpc-cni";

/// Why nodes of a kind could not join, or would be of no use; `None` where nothing is in their way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals {
    linux: Option<String>,
    windows: Option<String>,
}

impl Refusals {
    /// What is in the way of a variant's nodes.
    pub(crate) fn of(&self, family: Family) -> Option<&str> {
        if family.is_linux() { self.linux.as_deref() } else { self.windows.as_deref() }
    }
}

/// The roles of nodes, where they are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Roles<'a> {
    /// Of Linux nodes.
    pub(crate) linux: Option<&'a str>,
    /// Of Windows nodes.
    pub(crate) windows: Option<&'a str>,
}

/// Whether the run makes nodes of Windows.
pub(crate) fn makes_windows(session: &Session) -> bool {
    session.plan.matrix.variants.iter().any(|variant| variant.made().is_some() && !variant.family.is_linux())
}

/// Whether the run installs the CNI as an add-on.
pub(crate) fn installs_cni(spec: &ClusterSpec) -> bool {
    spec.create && spec.addons.iter().any(|addon| addon.name == CNI)
}

/// Makes what can be made before any node group, and says what cannot. What is in the way of Windows alone breaks no Linux variant.
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
        match access::admit_windows(clients, &session.tools.ledger, &endpoint.name, role, tags).await {
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

/// Why a cluster that only knows aws-auth would not let nodes of a role in. EKS maps the role of a node group there by itself, by its ARN
/// as it is, which the authenticator does not find where the role has a path (aws/containers-roadmap#926, #1669); and for a custom image
/// of Windows without the group of its kube-proxy (EKS API, `CreateNodegroup.amiType`).
async fn unmapped(access: &Access, endpoint: &ClusterEndpoint, role: &str, family: Family) -> Option<String> {
    let plain = access::without_path(role);
    let group = if family == Family::Windows { "eks:kube-proxy-windows" } else { "system:nodes" };
    if family != Family::Windows && plain == role {
        return None;
    }
    match cluster::windows::aws_auth_maps(access, &plain, group).await {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "cluster {} lets in whom its config map aws-auth names, and nobody there is {plain} with the group {group}: add to mapRoles in \
             kube-system/aws-auth {{rolearn: {plain}, username: 'system:node:{{{{EC2PrivateDNSName}}}}', groups: [{}]}}, or let the cluster \
             use access entries (authentication mode API_AND_CONFIG_MAP)",
            endpoint.name,
            access::aws_auth_groups(family).join(", ")
        )),
        Err(error) => Some(format!("whether cluster {} lets in nodes of {plain} is not known: {error}", endpoint.name)),
    }
}

/// Why pods on Windows would get no addresses. An add-on that the run does not install is someone else's: it is not changed.
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
        // The config map is nobody else's then: `Eks::install` turns it on.
        return Ok(None);
    }
    match cluster::windows::has_ipam(access).await {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(format!(
            "the add-on vpc-cni of cluster {name} gives pods on Windows no addresses, and its configuration is not amiproof's to change: run \
             aws eks update-addon --cluster-name {name} --addon-name vpc-cni --configuration-values '{{\"enableWindowsIpam\":\"true\"}}' \
             --resolve-conflicts PRESERVE, with what it is configured with now beside it",
            name = endpoint.name
        ))),
        Err(error) => Ok(Some(format!("whether pods on Windows get addresses is not known: {error}"))),
    }
}
