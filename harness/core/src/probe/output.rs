//! What a command on a node comes to.

use std::time::Duration;

use amiproof_model::report::NodeRecord;

use crate::check::CheckError;

/// What a command on a node came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its exit code.
    pub exit_code: i32,
    /// Standard output; at most 4 MiB of it.
    pub stdout: String,
    /// Standard error; at most 64 KiB of it.
    pub stderr: String,
    /// How the node was reached.
    pub way: Way,
}

impl Output {
    /// Standard output of a command that ended well; otherwise what it said.
    ///
    /// # Errors
    /// [`Error::Failed`] for another exit code than 0.
    pub fn success(self, node: &NodeRecord) -> Result<String, Error> {
        match self.exit_code {
            0 => Ok(self.stdout),
            code => {
                let said = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
                let said = said.trim();
                let tail = said.ceil_char_boundary(said.len().saturating_sub(400));
                Err(Error::Failed { node: node.name.clone(), code, said: said[tail..].to_owned() })
            }
        }
    }
}

/// How a node was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Systems Manager: RunCommand.
    Ssm,
    /// A privileged pod that enters the host's namespaces.
    Pod,
    /// Bottlerocket's admin container, through its control container and Systems Manager.
    Admin,
}

impl Way {
    /// The word for it, as evidence writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssm => "Systems Manager",
            Self::Pod => "privileged pod",
            Self::Admin => "admin container",
        }
    }
}

/// Why a command on a node gave nothing. Says nothing about the image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No way led to the node.
    #[error("node {node} cannot be reached for a command: {}", why.join("; "))]
    Unreachable {
        /// The node.
        node: String,
        /// Each way that was tried, with what came of it.
        why: Vec<String>,
    },
    /// It was sent and did not end in time. It may still run, so it was not tried another way.
    #[error("a command on node {node} did not finish within {}s through the {}", after.as_secs(), way.as_str())]
    Deadline {
        /// The node.
        node: String,
        /// The deadline.
        after: Duration,
        /// How it was sent.
        way: Way,
    },
    /// It ran, and its result did not come back whole.
    #[error("the result of a command on node {node} did not come back through the {}: {why}", way.as_str())]
    Lost {
        /// The node.
        node: String,
        /// How it was sent.
        way: Way,
        /// What came instead.
        why: String,
    },
    /// It ended with another exit code than 0.
    #[error("a command on node {node} ended with exit code {code}: {said}")]
    Failed {
        /// The node.
        node: String,
        /// The code.
        code: i32,
        /// The end of what it printed.
        said: String,
    },
    /// The run was interrupted.
    #[error("interrupted")]
    Cancelled,
}

/// How one way ended without an output.
pub(super) enum Attempt {
    /// The script was never sent; another way may do.
    NoWay(String),
    /// It was, or the run was interrupted.
    Over(Error),
}

impl From<Error> for CheckError {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled => Self::Cancelled,
            other => Self::Undecided(other.to_string()),
        }
    }
}
