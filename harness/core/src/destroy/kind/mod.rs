//! One file per kind of resource that can be left behind: how it is read, who owns it, and how it is deleted.

mod access_entry;
mod addon;
mod cis_scan;
pub(super) mod cluster;
mod instance;
pub(super) mod interface;
pub(super) mod kubernetes;
mod launch_template;
mod node_group;
mod oidc_provider;
mod pod_identity;
pub(super) mod removal;
mod role;
mod security_group;
pub(super) mod stack;
mod volume;
mod vpc;

use self::removal::Cx;
use super::outcome::{NotDeleted, Removed};
use super::owned::Claim;
use super::target::{Kind, Target};
use crate::ledger::ResourceKind;

/// Reads a resource in AWS, and deletes it if it meets the claim.
pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, NotDeleted> {
    let Kind::Ledgered(kind) = &target.kind else {
        return match target.kind {
            Kind::Instance => instance::remove(cx, target, claim).await,
            Kind::Volume => volume::remove(cx, target, claim).await,
            Kind::NetworkInterface => interface::remove(cx, target, claim).await,
            _ => security_group::remove(cx, target, claim).await,
        };
    };
    match kind {
        ResourceKind::Stack => stack::remove(cx, target, claim).await,
        ResourceKind::Cluster => cluster::remove(cx, target, claim).await,
        ResourceKind::NodeGroup => node_group::remove(cx, target, claim).await,
        ResourceKind::LaunchTemplate => launch_template::remove(cx, target, claim).await,
        ResourceKind::Addon => addon::remove(cx, target, claim).await,
        ResourceKind::AccessEntry => access_entry::remove(cx, target, claim).await,
        ResourceKind::PodIdentityAssociation => pod_identity::remove(cx, target, claim).await,
        ResourceKind::OidcProvider => oidc_provider::remove(cx, target, claim).await,
        ResourceKind::CisScanConfiguration => cis_scan::remove(cx, target, claim).await,
        ResourceKind::Role => role::remove(cx, target, claim).await,
        ResourceKind::Namespace
        | ResourceKind::StorageClass
        | ResourceKind::ConfigMapKey(_)
        | ResourceKind::KubernetesObject(_) => Err(NotDeleted::There("it is not in AWS but in the cluster".to_owned())),
    }
}
