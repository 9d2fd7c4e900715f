//! What became of one resource.

use super::owned::Owner;
use crate::aws::error::{AwsError, Class};

/// What became of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// It was there, and is gone.
    Gone,
    /// It was there, and is gone; what could not be verified about it, as a sentence.
    GoneUnverified(String),
    /// Nothing stands there.
    Absent,
    /// It will go with its cluster.
    WithCluster,
    /// What stands there is someone else's.
    Foreign(Owner),
}

/// Why something is still there, or not known to be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stays {
    /// It is there, or was there when it was last heard of.
    There(String),
    /// Nobody may say whether it is there: it is checked once, and is not a leftover.
    Unverified(String),
}

impl Stays {
    /// A reading that failed.
    pub(super) fn unread(error: AwsError) -> Self {
        if error.is_permanent() { Self::Unverified(unanswered(&error)) } else { Self::There(error.to_string()) }
    }

    /// A deletion that was refused.
    pub(super) fn refused(error: &AwsError) -> Self {
        Self::There(error.to_string())
    }
}

/// Why a reading has no answer, as the end of a sentence.
pub(super) fn unanswered(error: &AwsError) -> String {
    if error.class != Class::AccessDenied {
        return error.to_string();
    }
    let prefix = error.service.map(|service| format!("{service}:")).unwrap_or_default();
    format!("the caller lacks the IAM action {prefix}{}", error.operation)
}
