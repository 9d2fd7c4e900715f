//! Runs a command on a node by whichever channel works, and reads the node's facts with it.
//!
//! Systems Manager is used if there is an AWS account and the node's agent answers. Elsewhere, and on Bottlerocket, a short-lived
//! privileged pod enters the host's namespaces; its result comes back as termination messages, so that neither the pod network nor
//! the kubelet's port 10250 has to work. If such a pod cannot start on Bottlerocket, its admin container is the last resort.

mod admin;
pub mod facts;
mod output;
mod packed;
mod pod;
mod ssm;
mod windows;

use std::time::Duration;

use amiproof_model::matrix::Family;
use amiproof_model::report::NodeRecord;

use self::output::Attempt;
pub use self::output::{Channel, Error, Output};
use crate::aws;
use crate::context::Context;

/// Runs `script` as root in the host's namespaces of a node and waits for its end: a POSIX shell script, or PowerShell on Windows.
///
/// On a host that has no shell of its own (Bottlerocket) the script finds a busybox and its applets behind the host's own programs.
/// The script is run once: if a channel fails after sending it, no other channel is tried.
///
/// # Errors
/// [`Error`]; another exit code than 0 is not an error.
pub async fn command(context: &Context, node: &NodeRecord, script: &str, deadline: Duration) -> Result<Output, Error> {
    let mut why = Vec::new();
    let family = context.variant.family;
    let ways: &[Channel] = match family {
        Family::Al2023 | Family::Al2 => &[Channel::Ssm, Channel::Pod],
        // Its agent runs in a container that sees little of the host; the pod sees all of it.
        Family::Bottlerocket => &[Channel::Pod, Channel::Admin],
        Family::Windows => &[Channel::Ssm],
    };
    for way in ways {
        match attempt(context, node, *way, script, deadline).await {
            Ok(output) => return Ok(output),
            Err(Attempt::Over(error)) => return Err(error),
            Err(Attempt::NoWay(reason)) => why.push(format!("{}: {reason}", way.as_str())),
        }
    }
    Err(Error::Unreachable { node: node.name.clone(), why })
}

/// Runs `script` once, as root on the host of an instance that may be no node of any cluster: through the agent of Systems Manager, which
/// on Bottlerocket leads to the host only where the admin container is on.
///
/// # Errors
/// [`Error`]; another exit code than 0 is not an error.
pub(crate) async fn on_instance(
    clients: &aws::Clients,
    family: Family,
    instance: &NodeRecord,
    script: &str,
    deadline: Duration,
) -> Result<Output, Error> {
    let unreachable = |why: String| Error::Unreachable { node: instance.name.clone(), why: vec![why] };
    let id = answering(clients, instance).await.map_err(unreachable)?;
    let way = if family == Family::Bottlerocket { Channel::Admin } else { Channel::Ssm };
    through_agent(clients, family, (instance, id), way, script, deadline).await.map_err(|attempt| match attempt {
        Attempt::NoWay(why) => unreachable(why),
        Attempt::Over(error) => error,
    })
}

async fn attempt(
    context: &Context,
    node: &NodeRecord,
    way: Channel,
    script: &str,
    deadline: Duration,
) -> Result<Output, Attempt> {
    if way == Channel::Pod {
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
    let status = aws::ssm::ping_status(clients, &[instance.to_owned()]).await.map_err(|error| error.to_string())?;
    match status.get(instance).map(String::as_str) {
        Some("Online") => Ok(instance),
        Some(other) => Err(format!("the agent of {instance} is {other}")),
        None => Err(format!("{instance} is not a managed node: its agent never registered")),
    }
}
