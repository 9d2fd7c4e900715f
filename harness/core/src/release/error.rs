//! Why an image is not promoted or revoked.

use crate::aws::error::AwsError;

/// Why an image was not promoted or revoked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS returned an error.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A requirement is not met, with what to do about it. Nothing was written.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
    },
    /// A key that cannot be used, or a signature that cannot be made or read.
    #[error("{0}")]
    Key(String),
}

impl Error {
    /// Something is not as it must be, and what to do.
    pub(super) fn refused(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), help: help.into() }
    }
}
