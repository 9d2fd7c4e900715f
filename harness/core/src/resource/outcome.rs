//! The outcome of one creation, and of one deletion.

use super::owned::Owner;
use crate::aws::error::{AwsError, Class};
use crate::ledger;

/// Why a resource was not created.
#[derive(Debug, thiserror::Error)]
pub enum NotCreated {
    /// AWS refused, or did not answer.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The ledger could not be written, and then nothing was created.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

impl NotCreated {
    /// The underlying error, converted to the caller's error type.
    pub(crate) fn split<E: From<AwsError> + From<ledger::Error>>(self) -> E {
        match self {
            Self::Aws(error) => error.into(),
            Self::Ledger(error) => error.into(),
        }
    }
}

/// The outcome of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    /// It existed, and is deleted.
    Gone,
    /// It existed, and is deleted; with what could not be verified about it, as a sentence.
    GoneUnverified(String),
    /// It does not exist.
    Absent,
    /// It is deleted with its cluster.
    WithCluster,
    /// It exists, but has another owner.
    Foreign(Owner),
}

/// Why a resource still exists, or is not known to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotDeleted {
    /// It exists, or existed when it was last seen.
    There(String),
    /// The caller is not allowed to check: it is checked once, and is not a leftover.
    Unverified(String),
}

impl NotDeleted {
    /// A read that failed.
    pub(crate) fn unread(error: AwsError) -> Self {
        if error.is_permanent() { Self::Unverified(unanswered(&error)) } else { Self::There(error.to_string()) }
    }

    /// A deletion that was rejected.
    pub(crate) fn refused(error: &AwsError) -> Self {
        Self::There(error.to_string())
    }
}

/// Why a read failed, as the end of a sentence.
pub(crate) fn unanswered(error: &AwsError) -> String {
    if error.class != Class::AccessDenied {
        return error.to_string();
    }
    let prefix = error.service.map(|service| format!("{service}:")).unwrap_or_default();
    format!("the caller lacks the IAM action {prefix}{}", error.operation)
}
