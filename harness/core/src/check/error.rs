//! Why a check has no verdict.

use std::time::Duration;

/// amiproof could not decide. Says what happened, where, and what to do next; says nothing about the image.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The deadline of the attempt passed before there was an answer, and the check itself could not tell why.
    #[error("no answer within {}s: {doing}", after.as_secs())]
    Timeout {
        /// What it was waiting for.
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
    /// An API did not answer as it should.
    #[error("{doing}: {}", crate::cluster::explain::chain(&**source))]
    Api {
        /// What was asked of whom.
        doing: String,
        /// The answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something else that keeps amiproof from deciding.
    #[error("{0}")]
    Undecided(String),
}

impl CheckError {
    /// Wraps the answer of an API with what was asked.
    pub fn api(doing: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Api { doing: doing.into(), source: source.into() }
    }
}

impl From<crate::ledger::Error> for CheckError {
    fn from(error: crate::ledger::Error) -> Self {
        Self::Undecided(error.to_string())
    }
}
