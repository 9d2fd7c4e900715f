//! One file per kind of thing that can be left behind: how it is read, whose it is, and how it goes.

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
mod role;
mod security_group;
pub(super) mod stack;
mod volume;
mod vpc;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::owned::{Claim, Owned, Owner, Seen};
use super::target::{Kind, Target};
use super::{Deadlines, Removed, Stays};
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class};
use crate::ledger::ResourceKind;

/// How often a deletion that AWS accepts but does not carry out is asked for again.
const TRIES: u32 = 4;
const POLL: Duration = Duration::from_secs(10);

/// What every removal in AWS works with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cx<'a> {
    pub(super) clients: &'a Clients,
    pub(super) deadlines: &'a Deadlines,
}

/// Reads something in AWS, and removes it where it is what the claim is about.
pub(super) async fn remove(cx: Cx<'_>, target: &Target, claim: &Claim) -> Result<Removed, Stays> {
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
        | ResourceKind::KubernetesObject(_) => Err(Stays::There("it is not in AWS but in the cluster".to_owned())),
    }
}

/// What was read, compared and removed: `Absent` where there was nothing, `Foreign` where it is somebody else's.
async fn take<T, Fut>(
    claim: &Claim,
    read: Result<Option<(T, Seen)>, AwsError>,
    delete: impl FnOnce(Owned<T>) -> Fut,
) -> Result<Removed, Stays>
where
    Fut: Future<Output = Result<(), Stays>>,
{
    match look(claim, read)? {
        Look::Absent => Ok(Removed::Absent),
        Look::Foreign(owner) => Ok(Removed::Foreign(owner)),
        Look::Ours(owned) => delete(owned).await.map(|()| Removed::Gone),
    }
}

/// What a live reading says.
pub(super) enum Look<T> {
    /// Nothing stands there.
    Absent,
    /// What the claim is about.
    Ours(Owned<T>),
    /// Somebody else's.
    Foreign(Owner),
}

fn look<T>(claim: &Claim, read: Result<Option<(T, Seen)>, AwsError>) -> Result<Look<T>, Stays> {
    Ok(match read.map_err(Stays::unread)? {
        None => Look::Absent,
        Some((it, seen)) => match claim.own(it, &seen) {
            Ok(owned) => Look::Ours(owned),
            Err(owner) => Look::Foreign(owner),
        },
    })
}

/// The name and cluster of something inside of an EKS cluster.
fn in_cluster(target: &Target) -> Result<(&str, &str), Stays> {
    let unknown = || Stays::There("the ledger does not say in which cluster it is".to_owned());
    Ok((target.cluster.as_deref().filter(|cluster| !cluster.is_empty()).ok_or_else(unknown)?, &target.name))
}

/// Tags as EKS gives them.
fn tags_of(tags: Option<&std::collections::HashMap<String, String>>) -> BTreeMap<String, String> {
    tags.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Tags as EC2 gives them.
pub(super) fn ec2_tags(tags: &[aws_sdk_ec2::types::Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
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
                if matches!(error.class, Class::InUse | Class::Infrastructure)
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

/// What goes by itself, or with what uses it, once its deletion was asked for: the next query tells.
fn asked(answer: Result<(), AwsError>) -> Result<(), Stays> {
    match answer {
        Err(error) if !matches!(error.class, Class::NotFound | Class::InUse | Class::Infrastructure) => {
            Err(Stays::refused(&error))
        }
        _ => Ok(()),
    }
}

fn still_there(operation: &'static str, resource: &str) -> AwsError {
    AwsError::new(Class::InUse, operation, resource, "it is still there after its deletion was accepted")
}
