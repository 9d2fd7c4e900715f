//! Why a check has no verdict.

use std::time::Duration;

/// The reason why amiproof could not decide: what happened, where, and what to do next; it does not blame the image.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The deadline of the attempt passed without a result, and the check itself could not tell why.
    #[error("no answer within {}s: {doing}", after.as_secs())]
    Timeout {
        /// What the check was waiting for.
        doing: String,
        /// The deadline.
        after: Duration,
    },
    /// The run was interrupted.
    #[error("interrupted")]
    Cancelled,
    /// The check panicked; a bug in amiproof.
    #[error("the check panicked, which is a bug in amiproof: {0}")]
    Panicked(String),
    /// A call of an API failed.
    #[error("{doing}: {}", crate::cluster::explain::chain(&**source))]
    Api {
        /// The call.
        doing: String,
        /// The error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another reason why amiproof cannot decide.
    #[error("{0}")]
    Undecided(String),
}

impl CheckError {
    /// Adds the call to the error of an API.
    pub fn api(doing: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Api { doing: doing.into(), source: source.into() }
    }
}

impl From<crate::ledger::Error> for CheckError {
    fn from(error: crate::ledger::Error) -> Self {
        Self::Undecided(error.to_string())
    }
}

/// Names the call whose error ends a check, as anyhow's `Context` does.
pub trait Doing<T> {
    /// Turns an error into [`CheckError::Api`] of `call`: `listing the pods`.
    ///
    /// # Errors
    /// The error, with the call.
    fn doing(self, call: impl Into<String>) -> Result<T, CheckError>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Doing<T> for Result<T, E> {
    fn doing(self, call: impl Into<String>) -> Result<T, CheckError> {
        self.map_err(|error| CheckError::api(call, error))
    }
}
