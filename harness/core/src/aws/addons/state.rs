//! The state of the add-ons of a cluster.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_eks::types::{Addon, AddonStatus};

use super::describe;
use crate::aws::error::{AwsError, Explain as _};
use crate::aws::{Clients, pages};

/// The state of one add-on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// `ACTIVE`, `DEGRADED`, `CREATE_FAILED` …
    pub status: String,
    /// `v1.21.1-eksbuild.1`.
    pub version: String,
    /// Its issues.
    pub issues: Vec<Issue>,
}

/// An issue of an add-on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// `InsufficientNumberOfReplicas`, `ConfigurationConflict`, `AccessDenied` … (EKS API, `AddonIssue.code`).
    pub code: String,
    /// The description.
    pub message: String,
}

impl fmt::Display for Issue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.version, self.status)?;
        self.issues.iter().try_for_each(|issue| write!(out, "\n{issue}"))
    }
}

impl State {
    /// Reads the service's answer.
    pub(super) fn of(addon: &Addon) -> Self {
        let issues = addon.health().map(|health| health.issues()).unwrap_or_default().iter().map(|issue| Issue {
            code: issue.code().map_or("Unknown", |code| code.as_str()).to_owned(),
            message: issue.message().unwrap_or_default().to_owned(),
        });
        Self {
            status: addon.status().map_or("UNKNOWN", AddonStatus::as_str).to_owned(),
            version: addon.addon_version().unwrap_or_default().to_owned(),
            issues: issues.collect(),
        }
    }
}

/// Every add-on that EKS manages in a cluster, by name.
///
/// # Errors
/// [`AwsError`] of [ListAddons](https://docs.aws.amazon.com/eks/latest/APIReference/API_ListAddons.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn states(clients: &Clients, cluster: &str) -> Result<BTreeMap<String, State>, AwsError> {
    let mut states = BTreeMap::new();
    for name in names(clients, cluster).await? {
        // One that went away between the two calls is not there.
        if let Some(addon) = describe(clients, cluster, &name).await? {
            states.insert(name, State::of(&addon));
        }
    }
    Ok(states)
}

/// The names of the add-ons that EKS manages in a cluster.
///
/// # Errors
/// As [`states`].
pub(crate) async fn names(clients: &Clients, cluster: &str) -> Result<Vec<String>, AwsError> {
    pages::every(clients, async |token| {
        let answer = clients.eks.list_addons().cluster_name(cluster).set_next_token(token).send().await;
        let answer = answer.explain("ListAddons", format!("cluster {cluster}"))?;
        Ok((answer.addons.unwrap_or_default(), answer.next_token))
    })
    .await
}
