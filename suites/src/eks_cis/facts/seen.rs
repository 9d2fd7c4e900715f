//! What was read, or why it was not.

use amiproof_core::aws::{AwsError, Class};

/// What was read, or why it was not.
pub(crate) type Reading<T> = Result<T, Unreadable>;

/// Why something was not read. None of them is ever a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The cluster is tested by kubeconfig alone.
    NoAccount,
    /// The caller may not ask; names the permission.
    Denied(String),
    /// There was no usable answer.
    Unavailable(String),
}

impl Unreadable {
    /// Reads the refusal of an AWS API; `action` is the IAM action that the call needs: `eks:DescribeCluster`.
    pub(crate) fn aws(action: &str, error: &AwsError) -> Self {
        match error.class {
            Class::AccessDenied => Self::Denied(format!("the IAM action {action}")),
            _ => Self::Unavailable(error.to_string()),
        }
    }

    /// Reads the refusal of the Kubernetes API; `what` is `list pods`.
    pub(crate) fn kube(what: &str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if matches!(status.code, 401 | 403) => {
                Self::Denied(format!("the Kubernetes permission to {what}"))
            }
            error => Self::Unavailable(format!(
                "the API server's answer to {what}: {}",
                amiproof_core::cluster::explain(error)
            )),
        }
    }
}

/// What was read, or why not, for `?`.
pub(crate) fn seen<T>(fact: &Reading<T>) -> Result<&T, Unreadable> {
    fact.as_ref().map_err(Clone::clone)
}
