//! EKS add-ons: those that the matrix lists, in the version that EKS recommends for the cluster.

mod state;

use std::time::Duration;

use aws_sdk_eks::types::{Addon, ResolveConflicts};
use tokio::time::Instant;

use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::{self, Tags};
use crate::ledger::{self, Ledger, Resource, ResourceKind};

pub use self::state::{Issue, State, states};

/// The polling interval of the SDK's own waiter.
const POLL: Duration = Duration::from_secs(10);

/// Why an add-on is not there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// EKS did not answer as it should.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The ledger could not be written.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// There is no version of it for the cluster.
    #[error(
        "add-on {addon} has no version for Kubernetes {kubernetes}: check its name with `aws eks describe-addon-versions \
         --kubernetes-version {kubernetes}`"
    )]
    NoVersion {
        /// The add-on.
        addon: String,
        /// The cluster's version.
        kubernetes: String,
    },
    /// It went wrong, or took too long.
    #[error("add-on {addon} is {status} after {}s: {issues}", after.as_secs())]
    Stuck {
        /// The add-on.
        addon: String,
        /// Its status.
        status: String,
        /// How long it was waited for.
        after: Duration,
        /// What EKS says is wrong.
        issues: String,
    },
}

/// Installs an add-on in its default version; one that is there already is left alone. Does not wait: controllers need nodes, so
/// that [`wait_active`] makes sense only once some have joined.
///
/// # Errors
/// When EKS refuses, or knows no version for the cluster.
pub async fn install(
    clients: &Clients,
    ledger: &Ledger,
    cluster: &str,
    kubernetes: &str,
    addon: &str,
    tags: &Tags,
) -> Result<(), Error> {
    let is_planned = ledger.standing(ResourceKind::Addon, addon).is_some();
    if !is_planned && describe(clients, cluster, addon).await?.is_some() {
        return Ok(());
    }
    let version = default_version(clients, kubernetes, addon).await?;
    let resource = Resource::new(ResourceKind::Addon, addon).in_region(clients.region()).in_cluster(cluster);
    ledger
        .create_resource(resource, || async {
            clients.patiently(|| create_once(clients, cluster, addon, &version, tags)).await.map_err(Error::from)
        })
        .await?;
    Ok(())
}

async fn create_once(
    clients: &Clients,
    cluster: &str,
    addon: &str,
    version: &str,
    tags: &Tags,
) -> Result<String, AwsError> {
    let answer = clients
        .eks
        .create_addon()
        .cluster_name(cluster)
        .addon_name(addon)
        .addon_version(version)
        // A new cluster comes with self-managed vpc-cni, kube-proxy and coredns; the add-on takes them over.
        .resolve_conflicts(ResolveConflicts::Overwrite)
        .client_request_token(names::request_token(&format!("{cluster}/{addon}"), &tags.run, 1))
        .set_tags(Some(tags.pairs().into_iter().collect()))
        .send()
        .await
        .explain("CreateAddon", format!("add-on {addon}"));
    match answer {
        Ok(answer) => Ok(answer.addon.and_then(|addon| addon.addon_arn).unwrap_or_else(|| addon.to_owned())),
        Err(error) if error.class == Class::Exists => Ok(addon.to_owned()),
        Err(error) => Err(error),
    }
}

async fn default_version(clients: &Clients, kubernetes: &str, addon: &str) -> Result<String, Error> {
    let mut token: Option<String> = None;
    loop {
        let page = clients
            .patiently(|| async {
                let request = clients.eks.describe_addon_versions().addon_name(addon).kubernetes_version(kubernetes);
                let request = request.set_next_token(token.clone());
                request.send().await.explain("DescribeAddonVersions", format!("add-on {addon}"))
            })
            .await?;
        let versions = page.addons().iter().flat_map(|addon| addon.addon_versions());
        let default = versions.into_iter().find(|version| {
            let mut fits = version.compatibilities().iter();
            fits.any(|fit| fit.default_version() && fit.cluster_version().is_none_or(|cluster| cluster == kubernetes))
        });
        if let Some(version) = default.and_then(|version| version.addon_version()) {
            return Ok(version.to_owned());
        }
        match page.next_token {
            Some(next) if !next.is_empty() && token.as_ref() != Some(&next) => token = Some(next),
            _ => return Err(Error::NoVersion { addon: addon.to_owned(), kubernetes: kubernetes.to_owned() }),
        }
    }
}

/// Reads an add-on; `None` where it is not installed.
///
/// # Errors
/// When EKS does not answer.
pub async fn describe(clients: &Clients, cluster: &str, addon: &str) -> Result<Option<Addon>, AwsError> {
    let answer = clients
        .patiently(|| async {
            let _place = clients.read_place().await;
            let request = clients.eks.describe_addon().cluster_name(cluster).addon_name(addon);
            request.send().await.explain("DescribeAddon", format!("add-on {addon}"))
        })
        .await;
    Ok(found(answer)?.and_then(|answer| answer.addon))
}

/// Waits until an add-on is ACTIVE. DEGRADED is waited out, because it is what EKS says while nodes are few.
///
/// # Errors
/// When it fails, or is not ACTIVE within `deadline`, with what EKS says is wrong.
pub async fn wait_active(clients: &Clients, cluster: &str, addon: &str, deadline: Duration) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        let state = describe(clients, cluster, addon).await?.map(|addon| State::of(&addon));
        let status = state.as_ref().map_or("not installed", |state| state.status.as_str());
        match status {
            "ACTIVE" => return Ok(()),
            "CREATING" | "UPDATING" | "DEGRADED" if started.elapsed() < deadline => clients.pause(POLL).await,
            _ => {
                let issues = state.iter().flat_map(|state| &state.issues).map(ToString::to_string);
                return Err(Error::Stuck {
                    addon: addon.to_owned(),
                    status: status.to_owned(),
                    after: started.elapsed(),
                    issues: issues.collect::<Vec<_>>().join("; "),
                });
            }
        }
    }
}

/// Asks for an add-on's deletion; one that is not installed is fine.
///
/// # Errors
/// When EKS refuses.
pub async fn delete(clients: &Clients, cluster: &str, addon: &str) -> Result<(), AwsError> {
    let deleted = clients
        .until_free(|| async {
            let request = clients.eks.delete_addon().cluster_name(cluster).addon_name(addon);
            request.send().await.explain("DeleteAddon", format!("add-on {addon}"))
        })
        .await;
    found(deleted).map(|_| ())
}
