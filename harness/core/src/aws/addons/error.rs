//! Errors of installing an add-on.

use std::time::Duration;

use crate::aws::error::AwsError;
use crate::ledger;

/// Why an add-on was not installed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// EKS returned an error.
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
    /// The version that the matrix pins does not fit the cluster.
    #[error(
        "add-on {addon} has no version {asked} for Kubernetes {kubernetes}: pin one of {}, or none for the recommended one",
        known.join(", ")
    )]
    OtherVersion {
        /// The add-on.
        addon: String,
        /// The version.
        asked: String,
        /// The cluster's version.
        kubernetes: String,
        /// The versions that fit.
        known: Vec<String>,
    },
    /// It failed, or was not ready in time.
    #[error("add-on {addon} is {status} after {}s: {issues}", after.as_secs())]
    Stuck {
        /// The add-on.
        addon: String,
        /// Its status.
        status: String,
        /// How long the run waited for it.
        after: Duration,
        /// The issues that EKS reports.
        issues: String,
    },
}
