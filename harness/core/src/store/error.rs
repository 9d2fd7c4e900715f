//! Why a store cannot be read or written.

use amiproof_model::name::{NameError, RunId};
use camino::Utf8PathBuf;

use crate::aws::error::{AwsError, Class};

/// Why a store cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder. Not retried.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// `read`, `write`, `delete`.
        what: &'static str,
        /// Which one.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// S3, or AWS before it. Retried where that can help.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// There is another report of the same run. Not retried.
    #[error("{name} exists already and is another report of run {run}: a history store is never overwritten")]
    Conflict {
        /// The run.
        run: RunId,
        /// The report that is there.
        name: String,
    },
    /// There is something else in the place of the entry of the night. Not retried.
    #[error("{name} exists already and is not the entry of this nightly run: {why}")]
    Entry {
        /// What is there.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// An object is missing, or is not what its name says. Not retried.
    #[error("{name} cannot be used: {why}")]
    Object {
        /// Its name in the store.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another process has written what this one was about to write. Not retried.
    #[error("{name} was written by another process, which has continued this shard")]
    Taken {
        /// What is there.
        name: String,
    },
    /// What is to be added is not a report of a finished run. Not retried.
    #[error("the report cannot be added: {0}")]
    Report(String),
    /// The name of a matrix that no matrix file can have. Not retried.
    #[error(transparent)]
    Matrix(#[from] NameError),
}

impl Error {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::File { .. } => "name a folder that you can write to with --store, or in `history` of the matrix",
            Self::Aws(error) => match error.class {
                Class::NotFound => "create the bucket, or name another one with --store, or in `history` of the matrix",
                Class::AccessDenied => {
                    "allow s3:ListBucket on the bucket, and s3:GetObject, PutObject and DeleteObject below the prefix"
                }
                Class::Credentials => "the store is read with the credentials of the run; use --profile for others",
                _ => "the report is in the folder of the run; `amiproof history --add RUN` adds it later",
            },
            Self::Conflict { .. } => "give the run another name with --run",
            Self::Entry { .. } => "move that object away, and add the report with `amiproof history --add RUN`",
            Self::Object { .. } => {
                "restore the object if the bucket keeps versions, or start the run again under another name"
            }
            Self::Taken { .. } => "leave the shard to that process",
            Self::Report(_) | Self::Matrix(_) => "only reports of finished runs can be added",
        }
    }
}
