//! Systems Manager: which instances its agent answers on, and commands run through it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ssm::types::{CommandInvocationStatus, InstanceInformationStringFilter};
use tokio::time::Instant;

use super::Clients;
use super::error::{AwsError, Class, Explain as _};

/// How long after a command was sent to look at it for the first time: most are short, and are delivered within some 2 s.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// The longest pause between two looks at a command. Up to this limit, each pause is as long as the command has taken so far.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// How often to look at agents.
const PING_POLL: Duration = Duration::from_secs(20);

/// The ping status (`Online`, `ConnectionLost`, `Inactive`) of those instances that are managed at all.
///
/// # Errors
/// [`AwsError`] of [DescribeInstanceInformation](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn ping_status(clients: &Clients, instance_ids: &[String]) -> Result<BTreeMap<String, String>, AwsError> {
    let mut known = BTreeMap::new();
    // A filter takes at most 50 values, and a page holds at most 50 instances.
    for ids in instance_ids.chunks(50) {
        let filter =
            InstanceInformationStringFilter::builder().key("InstanceIds").set_values(Some(ids.to_vec())).build();
        let filter = filter.explain("DescribeInstanceInformation", "instances")?;
        let answer = clients
            .read(|| async {
                let _permit = clients.read_permit().await;
                let request = clients.ssm.describe_instance_information().filters(filter.clone()).max_results(50);
                request.send().await.explain("DescribeInstanceInformation", ids.join(", "))
            })
            .await?;
        for instance in answer.instance_information_list() {
            let status = instance.ping_status().map_or("unknown", |status| status.as_str());
            let id = instance.instance_id().unwrap_or_default();
            if status == "Online" {
                clients.online().add(id);
            }
            known.insert(id.to_owned(), status.to_owned());
        }
    }
    Ok(known)
}

/// How long an agent that was online counts as online. Systems Manager itself notices only after minutes that one is gone, because agents report every five minutes.
const STILL_ONLINE: Duration = Duration::from_secs(5 * 60);

/// As [`ping_status`], except that an agent that was online within the last five minutes is not asked for again.
///
/// # Errors
/// Those of [`ping_status`].
pub async fn recent_status(clients: &Clients, instance_ids: &[String]) -> Result<BTreeMap<String, String>, AwsError> {
    let (online, unknown): (Vec<String>, Vec<String>) =
        instance_ids.iter().cloned().partition(|id| clients.online().has(id, STILL_ONLINE));
    let mut status = ping_status(clients, &unknown).await?;
    status.extend(online.into_iter().map(|id| (id, "Online".to_owned())));
    Ok(status)
}

/// Waits until the agents of all instances are online, because some register only after their node is Ready. Returns the last ping status
/// of each instance after `within` at the latest, whatever it is.
///
/// # Errors
/// [`AwsError`] of [DescribeInstanceInformation](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn wait_online(
    clients: &Clients,
    instance_ids: &[String],
    within: Duration,
) -> Result<BTreeMap<String, String>, AwsError> {
    let until = Instant::now() + amiproof_time::scaled(within);
    loop {
        let status = ping_status(clients, instance_ids).await?;
        let all = instance_ids.iter().all(|id| status.get(id).is_some_and(|status| status == "Online"));
        if all || Instant::now() >= until {
            return Ok(status);
        }
        clients.pause(PING_POLL).await;
    }
}

/// What a command on an instance wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutput {
    /// The exit code; -1 where the command never ran.
    pub code: i32,
    /// Standard output, cut by Systems Manager at 24,000 characters.
    pub stdout: String,
    /// Standard error, cut at 8,000 characters.
    pub stderr: String,
}

/// Runs commands on an instance and waits until they end. `document` is `AWS-RunShellScript` or `AWS-RunPowerShellScript`.
///
/// # Guarantees
/// The command does not run twice, because it may reboot the node. If the answer to SendCommand is lost, Systems Manager is asked for the command (by its
/// comment), and it is sent again only if it is not found.
///
/// # Errors
/// [`AwsError`] of [SendCommand](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html) (the command did not run), of
/// [ListCommands](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListCommands.html) (unknown whether it ran), or if it does not
/// end within `deadline`.
pub async fn run(
    clients: &Clients,
    instance_id: &str,
    document: &str,
    commands: &[&str],
    deadline: Duration,
) -> Result<CommandOutput, AwsError> {
    let until = Instant::now() + deadline;
    let command_id = send(clients, instance_id, document, commands).await?;
    let (mut pause, mut waited) = (FIRST_LOOK, Duration::ZERO);
    loop {
        clients.pause(pause).await;
        waited += pause;
        pause = waited.min(LONGEST_PAUSE);
        let answer = clients.ssm.get_command_invocation().command_id(&command_id).instance_id(instance_id).send().await;
        match answer.explain("GetCommandInvocation", instance_id) {
            Ok(answer) if is_over(answer.status()) => {
                return Ok(CommandOutput {
                    code: answer.response_code(),
                    stdout: answer.standard_output_content.unwrap_or_default(),
                    stderr: answer.standard_error_content.unwrap_or_default(),
                });
            }
            Ok(_) => {}
            // A command that was sent a moment ago is not known everywhere yet.
            Err(error) if error.is_infrastructure() || error.code.as_deref() == Some("InvocationDoesNotExist") => {}
            Err(error) => return Err(error),
        }
        if Instant::now() >= until {
            let message = format!("the command did not finish within {}s", deadline.as_secs());
            return Err(AwsError::new(Class::Infrastructure, "GetCommandInvocation", instance_id, message));
        }
    }
}

/// How often Systems Manager is asked for a command whose sending was not answered, and how long to wait before each question: its lists lag
/// behind.
const LOOKS: u32 = 3;
const LOOK: Duration = Duration::from_secs(5);

/// Sends a command and gives its id.
async fn send(clients: &Clients, instance_id: &str, document: &str, commands: &[&str]) -> Result<String, AwsError> {
    let comment = format!("amiproof {}", amiproof_time::random::uuid());
    let lines: Vec<String> = commands.iter().map(ToString::to_string).collect();
    let write = || async {
        let request = clients.ssm.send_command().document_name(document).instance_ids(instance_id);
        let request = request.parameters("commands", lines.clone()).comment(&comment);
        let sent = request.send().await.explain("SendCommand", instance_id)?;
        Ok(sent.command().and_then(|command| command.command_id()).unwrap_or_default().to_owned())
    };
    clients.write_or_find(write, || sent_before(clients, instance_id, &comment)).await
}

/// The command with a comment, where Systems Manager has it.
async fn sent_before(clients: &Clients, instance_id: &str, comment: &str) -> Result<Option<String>, AwsError> {
    for _ in 0..LOOKS {
        clients.pause(LOOK).await;
        let _permit = clients.read_permit().await;
        // The newest come first, and one page of them is more than a run sends to one instance at a time.
        let request = clients.ssm.list_commands().instance_id(instance_id).max_results(50);
        let answer = request.send().await.explain("ListCommands", instance_id)?;
        let found = answer.commands().iter().find(|command| command.comment() == Some(comment));
        if let Some(id) = found.and_then(|command| command.command_id()) {
            return Ok(Some(id.to_owned()));
        }
    }
    Ok(None)
}

fn is_over(status: Option<&CommandInvocationStatus>) -> bool {
    use CommandInvocationStatus::{Cancelling, Delayed, InProgress, Pending};
    !matches!(status, None | Some(Pending | InProgress | Delayed | Cancelling))
}
