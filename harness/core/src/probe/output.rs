//! The result of a command on a node.

use std::time::Duration;

use amiproof_model::report::NodeRecord;

use crate::check::CheckError;

/// The result of a command on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its exit code.
    pub exit_code: i32,
    /// Standard output; at most 4 MiB of it.
    pub stdout: String,
    /// Standard error; at most 64 KiB of it.
    pub stderr: String,
    /// How the node was reached.
    pub way: Channel,
}

impl Output {
    /// Standard output of a successful command; otherwise its error output.
    ///
    /// # Errors
    /// [`Error::Failed`] for another exit code than 0.
    pub fn success(self, node: &NodeRecord) -> Result<String, Error> {
        match self.exit_code {
            0 => Ok(self.stdout),
            code => {
                let message = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
                let message = message.trim();
                let tail = message.ceil_char_boundary(message.len().saturating_sub(400));
                Err(Error::Failed { node: node.name.clone(), code, message: message[tail..].to_owned() })
            }
        }
    }
}

/// How a node was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Channel {
    /// Systems Manager: RunCommand.
    #[strum(serialize = "Systems Manager")]
    Ssm,
    /// A privileged pod that enters the host's namespaces.
    #[strum(serialize = "privileged pod")]
    Pod,
    /// Bottlerocket's admin container, through its control container and Systems Manager.
    #[strum(serialize = "admin container")]
    Admin,
}

impl Channel {
    /// Its name in evidence.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a command on a node has no result. Says nothing about the image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No channel reached the node.
    #[error("no command can be run on node {node}: {}", why.join("; "))]
    Unreachable {
        /// The node.
        node: String,
        /// Each channel that was tried, with its error.
        why: Vec<String>,
    },
    /// A script that only reads had no result over any channel.
    #[error("node {node} could not be read: {}", why.join("; "))]
    Unread {
        /// The node.
        node: String,
        /// Each channel that was tried, with its last error.
        why: Vec<String>,
    },
    /// It was sent and did not end in time. It may still run, so no other channel was tried.
    #[error("a command on node {node} did not finish within {}s through the {}", after.as_secs(), way.as_str())]
    Deadline {
        /// The node.
        node: String,
        /// The deadline.
        after: Duration,
        /// How it was sent.
        way: Channel,
    },
    /// It ran, but its result did not arrive completely.
    #[error("the result of a command on node {node} was not received through the {}: {why}", way.as_str())]
    Lost {
        /// The node.
        node: String,
        /// How it was sent.
        way: Channel,
        /// What arrived instead.
        why: String,
    },
    /// It ended with another exit code than 0.
    #[error("a command on node {node} ended with exit code {code}: {message}")]
    Failed {
        /// The node.
        node: String,
        /// The code.
        code: i32,
        /// The end of what it printed.
        message: String,
    },
    /// The run was interrupted.
    #[error("interrupted")]
    Cancelled,
}

/// Why one channel gave no output.
pub(super) enum Attempt {
    /// The script was never sent; another channel may work.
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
