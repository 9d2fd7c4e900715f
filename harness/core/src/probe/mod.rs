//! One way to run a command on a node, whatever reaches it, and the facts that are read with it.
//!
//! Systems Manager is asked where there is an AWS account and the node's agent answers. Elsewhere, and on Bottlerocket, a short-lived
//! privileged pod enters the host's namespaces; its result comes back as termination messages, so that neither the pod network nor
//! the kubelet's port 10250 has to work. Where such a pod does not come up on Bottlerocket, its admin container is the last way.

mod admin;
pub mod facts;
mod packed;
mod pod;
mod ssm;
mod windows;

use std::time::Duration;

use amiproof_model::matrix::Family;
use amiproof_model::report::NodeRecord;

use crate::aws;
use crate::check::CheckError;
use crate::context::Context;

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
    pub fn word(self) -> &'static str {
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
    #[error("a command on node {node} did not end within {}s through the {}", after.as_secs(), way.word())]
    Deadline {
        /// The node.
        node: String,
        /// The deadline.
        after: Duration,
        /// How it was sent.
        way: Way,
    },
    /// It ran, and its result did not come back whole.
    #[error("the result of a command on node {node} did not come back through the {}: {why}", way.word())]
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

impl From<Error> for CheckError {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled => Self::Cancelled,
            other => Self::Undecided(other.to_string()),
        }
    }
}

/// Runs `script` as root in the host's namespaces of a node and waits for its end: a POSIX shell script, or PowerShell on Windows.
///
/// On a host that has no shell of its own (Bottlerocket) the script finds a busybox and its applets behind the host's own programs.
/// The script is run once: a way that fails after the script was sent is not followed by another.
///
/// # Errors
/// [`Error`]; another exit code than 0 is no error.
pub async fn command(context: &Context, node: &NodeRecord, script: &str, deadline: Duration) -> Result<Output, Error> {
    let mut why = Vec::new();
    let family = context.variant.family;
    let ways: &[Way] = match family {
        Family::Al2023 | Family::Al2 => &[Way::Ssm, Way::Pod],
        // Its agent runs in a container that sees little of the host; the pod sees all of it.
        Family::Bottlerocket => &[Way::Pod, Way::Admin],
        Family::Windows => &[Way::Ssm],
    };
    for way in ways {
        match attempt(context, node, *way, script, deadline).await {
            Ok(output) => return Ok(output),
            Err(Attempt::Over(error)) => return Err(error),
            Err(Attempt::NoWay(reason)) => why.push(format!("{}: {reason}", way.word())),
        }
    }
    Err(Error::Unreachable { node: node.name.clone(), why })
}

/// Runs `script` once, as root on the host of an instance that may be no node of any cluster: through the agent of Systems Manager, which
/// on Bottlerocket leads to the host only where the admin container is on.
///
/// # Errors
/// [`Error`]; another exit code than 0 is no error.
pub(crate) async fn on_instance(
    clients: &aws::Clients,
    family: Family,
    instance: &NodeRecord,
    script: &str,
    deadline: Duration,
) -> Result<Output, Error> {
    let unreachable = |why: String| Error::Unreachable { node: instance.name.clone(), why: vec![why] };
    let id = answering(clients, instance).await.map_err(unreachable)?;
    let way = if family == Family::Bottlerocket { Way::Admin } else { Way::Ssm };
    through_agent(clients, family, (instance, id), way, script, deadline).await.map_err(|attempt| match attempt {
        Attempt::NoWay(why) => unreachable(why),
        Attempt::Over(error) => error,
    })
}

async fn attempt(
    context: &Context,
    node: &NodeRecord,
    way: Way,
    script: &str,
    deadline: Duration,
) -> Result<Output, Attempt> {
    if way == Way::Pod {
        return pod::run(context, node, script, deadline).await;
    }
    let clients = context.aws.as_ref().ok_or_else(|| Attempt::NoWay("this run has no AWS account".to_owned()))?;
    let instance = answering(clients, node).await.map_err(Attempt::NoWay)?;
    through_agent(clients, context.variant.family, (node, instance), way, script, deadline).await
}

/// Through the agent of a node's instance, which answers.
async fn through_agent(
    clients: &aws::Clients,
    family: Family,
    (node, instance): (&NodeRecord, &str),
    way: Way,
    script: &str,
    deadline: Duration,
) -> Result<Output, Attempt> {
    let road: fn(&str) -> String = if way == Way::Admin { admin::through } else { str::to_owned };
    let agent = ssm::Agent { clients, instance, node, way, road };
    match (way, family) {
        (Way::Admin, _) => admin::run(&agent, script, deadline).await,
        (_, Family::Windows) => windows::run(&agent, script, deadline).await,
        _ => agent.run(script, deadline).await,
    }
}

/// How one way ended without an output.
enum Attempt {
    /// The script was never sent; another way may do.
    NoWay(String),
    /// It was, or the run was interrupted.
    Over(Error),
}

/// The instance of a node, where its agent answers; otherwise why it does not.
async fn answering<'a>(clients: &aws::Clients, node: &'a NodeRecord) -> Result<&'a str, String> {
    let instance = node.instance_id.as_deref().ok_or("the node is no EC2 instance")?;
    let status = aws::ssm::ping_status(clients, &[instance.to_owned()]).await.map_err(|error| error.to_string())?;
    match status.get(instance).map(String::as_str) {
        Some("Online") => Ok(instance),
        Some(other) => Err(format!("the agent of {instance} is {other}")),
        None => Err(format!("{instance} is not a managed node: its agent never registered")),
    }
}
