//! Why a ledger cannot be read or written.

use camino::Utf8PathBuf;

/// The version of the file's form. A reader refuses any other.
pub const VERSION: u32 = 1;

/// Why the ledger could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("cannot {doing} the ledger {path}: {source}; nothing is created without it")]
    Io {
        /// `create`, `open`, `write`.
        doing: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// The answer of the file system.
        #[source]
        source: std::io::Error,
    },
    /// It is a symbolic link.
    #[error("the ledger {path} is a symbolic link, and links in a run's folder are not followed")]
    Link {
        /// The file.
        path: Utf8PathBuf,
    },
    /// There is a ledger already where a new one was to be made.
    #[error(
        "the ledger {path} exists already: choose another run id, or delete what that run created with `amiproof destroy`"
    )]
    Exists {
        /// The file.
        path: Utf8PathBuf,
    },
    /// The header is not what this build writes.
    #[error("the ledger {path}, line {line}: {reason}")]
    Form {
        /// The file.
        path: Utf8PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A create call was given up by the teardown before its answer came. Its entry stays planned.
    #[error("the teardown did not wait for the answer any longer")]
    GivenUp,
}
