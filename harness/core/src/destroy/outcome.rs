//! The outcome of one deletion.

use super::owned::Owner;
use crate::aws::error::{AwsError, Class};

/// The outcome of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Removed {
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
pub(super) enum NotDeleted {
    /// It exists, or existed when it was last seen.
    There(String),
    /// The caller is not allowed to check: it is checked once, and is not a leftover.
    Unverified(String),
}

impl NotDeleted {
    /// A read that failed.
    pub(super) fn unread(error: AwsError) -> Self {
        if error.is_permanent() { Self::Unverified(unanswered(&error)) } else { Self::There(error.to_string()) }
    }

    /// A deletion that was rejected.
    pub(super) fn refused(error: &AwsError) -> Self {
        Self::There(error.to_string())
    }
}

/// Why a read failed, as the end of a sentence.
pub(super) fn unanswered(error: &AwsError) -> String {
    if error.class != Class::AccessDenied {
        return error.to_string();
    }
    let prefix = error.service.map(|service| format!("{service}:")).unwrap_or_default();
    format!("the caller lacks the IAM action {prefix}{}", error.operation)
}
