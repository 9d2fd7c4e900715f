//! Which version of an add-on a cluster gets: the one that EKS recommends, or the one that the matrix pins.

use aws_sdk_eks::types::AddonVersionInfo;

use super::Error;
use crate::aws::Clients;
use crate::aws::error::{Class, Explain as _};

/// A version of an add-on that fits a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// `v1.21.1-eksbuild.1`.
    pub name: String,
    /// Whether it is the one that EKS recommends.
    pub is_default: bool,
    /// Whether it calls AWS, and so needs a role.
    pub needs_rights: bool,
}

/// The version to install: the pinned one, which must fit the cluster, or the recommended one.
///
/// # Errors
/// When EKS refuses, or has no version for the cluster or not the pinned one.
pub(crate) async fn resolve(
    clients: &Clients,
    kubernetes: &str,
    addon: &str,
    pinned: Option<&str>,
) -> Result<Version, Error> {
    let all = fitting(clients, kubernetes, addon).await?;
    let found = match pinned {
        Some(pinned) => all.iter().find(|version| version.name == pinned),
        None => all.iter().find(|version| version.is_default),
    };
    match (found, pinned) {
        (Some(version), _) => Ok(version.clone()),
        (None, Some(pinned)) if !all.is_empty() => Err(Error::OtherVersion {
            addon: addon.to_owned(),
            asked: pinned.to_owned(),
            kubernetes: kubernetes.to_owned(),
            known: all.into_iter().map(|version| version.name).collect(),
        }),
        _ => Err(Error::NoVersion { addon: addon.to_owned(), kubernetes: kubernetes.to_owned() }),
    }
}

/// Every version that fits a cluster, in the order of EKS: newest first.
async fn fitting(clients: &Clients, kubernetes: &str, addon: &str) -> Result<Vec<Version>, Error> {
    let mut versions = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = clients
            .read(|| async {
                let request = clients.eks.describe_addon_versions().addon_name(addon).kubernetes_version(kubernetes);
                let request = request.set_next_token(token.clone());
                request.send().await.explain("DescribeAddonVersions", format!("add-on {addon}"))
            })
            .await;
        let page = match page {
            // This is how EKS answers for a name that it does not know.
            Err(error) if error.class == Class::NotFound => return Ok(versions),
            page => page?,
        };
        let listed = page.addons().iter().flat_map(|addon| addon.addon_versions());
        versions.extend(listed.filter_map(|info| version(info, kubernetes)));
        match page.next_token {
            Some(next) if !next.is_empty() && token.as_ref() != Some(&next) => token = Some(next),
            _ => return Ok(versions),
        }
    }
}

fn version(info: &AddonVersionInfo, kubernetes: &str) -> Option<Version> {
    let mut fits = info.compatibilities().iter();
    let fit = fits.find(|fit| fit.cluster_version().is_none_or(|cluster| cluster == kubernetes))?;
    Some(Version {
        name: info.addon_version()?.to_owned(),
        is_default: fit.default_version(),
        needs_rights: info.requires_iam_permissions(),
    })
}
