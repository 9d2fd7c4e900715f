//! Commands on a Windows host: PowerShell through Systems Manager.
//!
//! There is no second channel. A HostProcess pod could be one, but its result would have to come through files that each version of
//! containerd maps differently, and this cannot be tried without such a node.

use std::time::Duration;

use super::output::Attempt;
use super::ssm::Agent;
use super::{Channel, Error, Output};
use crate::aws::ssm;

const POWERSHELL: &str = "AWS-RunPowerShellScript";
/// Deadline for delivering a command.
const DELIVERY: Duration = Duration::from_secs(60);
/// What GetCommandInvocation shows of standard output, characters; as much as that may have been cut.
const MAX_OUTPUT: usize = 24_000;

pub(super) async fn run(agent: &Agent<'_>, script: &str, deadline: Duration) -> Result<Output, Attempt> {
    let node = || agent.node.name.clone();
    let answer = ssm::run(agent.clients, agent.instance, POWERSHELL, &[script], deadline + DELIVERY).await;
    let output = answer.map_err(|error| match error.operation {
        "SendCommand" => Attempt::NoWay(error.to_string()),
        _ => Attempt::Over(Error::Lost { node: node(), way: Channel::Ssm, why: error.to_string() }),
    })?;
    if output.stdout.chars().count() >= MAX_OUTPUT {
        let why = format!("it has {MAX_OUTPUT} characters or more, and Systems Manager cuts it there");
        return Err(Attempt::Over(Error::Lost { node: node(), way: Channel::Ssm, why }));
    }
    Ok(Output { exit_code: output.code, stdout: output.stdout, stderr: output.stderr, way: Channel::Ssm })
}
