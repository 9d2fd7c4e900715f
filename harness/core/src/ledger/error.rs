//! Why a ledger cannot be read or written.

use camino::Utf8PathBuf;

/// The version of the file format. Other versions are rejected.
pub const VERSION: u32 = 1;

/// Why the ledger could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system returned an error.
    #[error("cannot {doing} the ledger {path}: {source}; nothing is created without it")]
    Io {
        /// `create`, `open`, `write`.
        doing: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// The error of the file system.
        #[source]
        source: std::io::Error,
    },
    /// It is a symbolic link.
    #[error("the ledger {path} is a symbolic link, and links in a run's folder are not followed")]
    Link {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A ledger already exists in the folder of a new run.
    #[error(
        "the ledger {path} exists already: choose another run id, or delete what that run created with `amiproof destroy`"
    )]
    Exists {
        /// The file.
        path: Utf8PathBuf,
    },
    /// The header cannot be read by this build.
    #[error("the ledger {path}, line {line}: {reason}")]
    Form {
        /// The file.
        path: Utf8PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The copy of the ledger outside of this machine could not be written.
    #[error("cannot write the ledger to {place}: {reason}; nothing is created without it")]
    Copy {
        /// Where the copy is.
        place: String,
        /// Why.
        reason: String,
    },
    /// A create call was given up by the teardown before its answer came. Its entry stays planned.
    #[error("the teardown stopped waiting for the answer")]
    GivenUp,
}
