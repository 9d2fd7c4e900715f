//! EKS add-ons: those that the matrix lists, in the version that it pins or EKS recommends, with the permissions that they need.

pub(crate) mod configuration;
mod describe;
mod error;
mod state;
pub(crate) mod version;

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

pub use self::describe::describe;
pub use self::error::Error;
pub(crate) use self::state::names;
pub use self::state::{Issue, State, states};
pub use self::version::Version;
use super::error::{AwsError, Explain as _, found};
use super::{Clients, retry};

/// The polling interval of the SDK's own waiter.
const POLL: Duration = Duration::from_secs(10);

/// The issue of an add-on that lacks some pods (EKS API, `AddonIssue.code`).
pub const MISSING_PODS: &str = "InsufficientNumberOfReplicas";

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
        // One that was just created may not be found at first. DEGRADED is what EKS says while nodes are few.
        let may_come = match state.status.as_str() {
            "" => started.elapsed() < retry::VISIBLE_WITHIN,
            status => matches!(status, "CREATING" | "UPDATING" | "DEGRADED"),
        };
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

/// Starts the deletion of an add-on; one that is not installed is not an error.
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
