//! Runs a command on a node by whichever channel works, and reads the node's facts with it.
//!
//! Systems Manager is used if there is an AWS account and the node's agent answers. Elsewhere, and on Bottlerocket, a short-lived
//! privileged pod enters the host's namespaces; its result comes back as termination messages, so that neither the pod network nor
//! the kubelet's port 10250 has to work. If such a pod cannot start on Bottlerocket, its admin container is the last resort.

mod admin;
pub mod facts;
mod hosts;
mod output;
mod packed;
mod pod;
mod read;
mod ssm;
mod windows;

use std::time::Duration;

use amiproof_model::matrix::Family;
use amiproof_model::report::NodeRecord;
use futures::FutureExt as _;

pub(crate) use self::hosts::Hosts;
use self::output::Attempt;
pub use self::output::{Channel, Error, Output};
use crate::aws;
use crate::context::Context;

/// Runs `script` as root in the host's namespaces of a node and waits for its end: a POSIX shell script, or PowerShell on Windows.
///
/// On a host that has no shell of its own (Bottlerocket) the script finds busybox and its applets in PATH, after the host's own programs.
/// The script is run once: if a channel fails after sending it, no other channel is tried. For a script that changes nothing on the node
/// there is [`read`].
///
/// # Errors
/// [`Error`]; another exit code than 0 is not an error.
pub async fn command(context: &Context, node: &NodeRecord, script: &str, deadline: Duration) -> Result<Output, Error> {
    command_on(&context.into(), node, script, deadline).await
}

/// As [`command`], for commands that belong to no check.
///
/// # Errors
/// As those of [`command`].
pub(crate) async fn command_on(
    hosts: &Hosts,
    node: &NodeRecord,
    script: &str,
    deadline: Duration,
) -> Result<Output, Error> {
    let mut why = Vec::new();
    for way in ways(hosts.family) {
        match attempt(hosts, node, *way, script, deadline).await {
            Ok(output) => return Ok(output),
            Err(Attempt::Over(error)) => return Err(error),
            Err(Attempt::NoWay(reason)) => why.push(format!("{}: {reason}", way.as_str())),
        }
    }
    Err(Error::Unreachable { node: node.name.clone(), why })
}

/// Runs a script that changes nothing on the node, as [`command`] does. It may run any number of times, so a result that does not arrive is
/// asked for again, and over every other channel, before there is none.
///
/// `deadline` is that of one try: all of them together may take a few minutes more than twice as long.
///
/// # Errors
/// [`Error::Unread`] with what became of each channel, or [`Error::Cancelled`]; another exit code than 0 is not an error.
pub async fn read(context: &Context, node: &NodeRecord, script: &str, deadline: Duration) -> Result<Output, Error> {
    read_on(&context.into(), node, script, deadline).await
}

/// As [`read`], for scripts that belong to no check. Where one channel gave no answer, the script may still be running when another channel starts
/// it again: it must be one that may run twice at a time.
///
/// # Errors
/// As those of [`read`](read()).
pub(crate) async fn read_on(
    hosts: &Hosts,
    node: &NodeRecord,
    script: &str,
    deadline: Duration,
) -> Result<Output, Error> {
    let ways = ways(hosts.family);
    read::over(&node.name, ways, deadline, |way| attempt(hosts, node, way, script, deadline).boxed()).await
}

/// Runs a script that changes nothing, as root on the host of an instance that may be no node of any cluster: through the agent of Systems
/// Manager, which on Bottlerocket leads to the host only where the admin container is on. A result that is lost is asked for again.
///
/// # Errors
/// As those of [`read`](read()).
pub(crate) async fn read_instance(
    clients: &aws::Clients,
    family: Family,
    instance: &NodeRecord,
    script: &str,
    deadline: Duration,
) -> Result<Output, Error> {
    let way = if family == Family::Bottlerocket { Channel::Admin } else { Channel::Ssm };
    let ask = async |way| {
        let id = answering(clients, instance).await.map_err(Attempt::NoWay)?;
        through_agent(clients, family, (instance, id), way, script, deadline).await
    };
    read::over(&instance.name, &[way], deadline, |way| ask(way).boxed()).await
}

/// The channels that lead to a host, the first choice first.
fn ways(family: Family) -> &'static [Channel] {
    match family {
        Family::Al2023 | Family::Al2 => &[Channel::Ssm, Channel::Pod],
        // Its agent runs in a container that sees little of the host; the pod sees all of it.
        Family::Bottlerocket => &[Channel::Pod, Channel::Admin],
        Family::Windows => &[Channel::Ssm],
    }
}

async fn attempt(
    hosts: &Hosts,
    node: &NodeRecord,
    way: Channel,
    script: &str,
    deadline: Duration,
) -> Result<Output, Attempt> {
    if way == Channel::Pod {
        return pod::run(hosts, node, script, deadline).await;
    }
    let clients = hosts.aws.as_ref().ok_or_else(|| Attempt::NoWay("this run has no AWS account".to_owned()))?;
    let instance = answering(clients, node).await.map_err(Attempt::NoWay)?;
    through_agent(clients, hosts.family, (node, instance), way, script, deadline).await
}

/// Through the agent of a node's instance, which answers.
async fn through_agent(
    clients: &aws::Clients,
    family: Family,
    (node, instance): (&NodeRecord, &str),
    way: Channel,
    script: &str,
    deadline: Duration,
) -> Result<Output, Attempt> {
    let road: fn(&str) -> String = if way == Channel::Admin { admin::through } else { str::to_owned };
    let agent = ssm::Agent { clients, instance, node, way, road };
    match (way, family) {
        (Channel::Admin, _) => admin::run(&agent, script, deadline).await,
        (_, Family::Windows) => windows::run(&agent, script, deadline).await,
        _ => agent.run(script, deadline).await,
    }
}

/// The instance of a node, if its agent answers; otherwise why it does not.
async fn answering<'a>(clients: &aws::Clients, node: &'a NodeRecord) -> Result<&'a str, String> {
    let instance = node.instance_id.as_deref().ok_or("the node is not an EC2 instance")?;
    let status = aws::ssm::recent_status(clients, &[instance.to_owned()]).await.map_err(|error| error.to_string())?;
    match status.get(instance).map(String::as_str) {
        Some("Online") => Ok(instance),
        Some(other) => Err(format!("the agent of {instance} is {other}")),
        None => Err(format!("{instance} is not a managed node: its agent never registered")),
    }
}
