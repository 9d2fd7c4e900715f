//! What can be learned of nodes that never joined, before they are deleted.

use std::time::Duration;

use amiproof_model::matrix::Family;
use amiproof_model::verdict::Evidence;

use super::watch::Watch;
use crate::aws::Clients;
use crate::aws::error::AwsError;
use crate::aws::evidence::evidence;
use crate::aws::{instances, ssm};

/// For all of it: a run does not wait for evidence as long as it waited for the nodes.
const DEADLINE: Duration = Duration::from_secs(120);
/// For one journal.
const JOURNAL_DEADLINE: Duration = Duration::from_secs(45);
/// The first instances tell as much as all of them.
const INSTANCES: usize = 2;

/// Health and activities as seen, then console output and journals of the instances. Never fails: what could not be had is said in
/// its place.
pub(super) async fn collect(clients: &Clients, family: Family, watch: &Watch<'_>) -> Vec<Evidence> {
    let mut all = watch.evidence();
    let ids: Vec<&str> = watch.seen.instances.iter().take(INSTANCES).map(|instance| instance.id.as_str()).collect();
    let more = async {
        let mut more = Vec::new();
        for (index, id) in ids.iter().enumerate() {
            let (console, journal) = tokio::join!(instances::console(clients, id), journal(clients, family, id));
            more.push(evidence(format!("console output of node {} ({id})", index + 1), said(console)));
            more.push(evidence(format!("journal of node {} ({id})", index + 1), said(journal)));
        }
        more
    };
    match tokio::time::timeout(DEADLINE, more).await {
        Ok(more) => all.extend(more),
        Err(_) => {
            let text = format!("not had within {}s", DEADLINE.as_secs());
            all.push(evidence("console output and journals", text));
        }
    }
    all
}

fn said(answer: Result<String, AwsError>) -> String {
    match answer {
        Ok(text) if text.trim().is_empty() => "empty".to_owned(),
        Ok(text) => text,
        Err(error) => format!("not had: {error}"),
    }
}

const LINUX_JOURNAL: &str =
    "journalctl --no-pager -n 300 -u nodeadm-config -u nodeadm-run -u cloud-final -u kubelet -u containerd";
const WINDOWS_JOURNAL: &str =
    "Get-EventLog -LogName EKS -Newest 100 | Format-Table -AutoSize -Wrap | Out-String -Width 200";

async fn journal(clients: &Clients, family: Family, instance_id: &str) -> Result<String, AwsError> {
    let (document, command) = match family {
        Family::Al2023 | Family::Al2 => ("AWS-RunShellScript", LINUX_JOURNAL),
        Family::Windows => ("AWS-RunPowerShellScript", WINDOWS_JOURNAL),
        Family::Bottlerocket => {
            return Ok("Bottlerocket's agent runs in a container that does not see the host's journal".to_owned());
        }
    };
    let status = ssm::ping_status(clients, &[instance_id.to_owned()]).await?;
    match status.get(instance_id).map(String::as_str) {
        Some("Online") => {
            let output = ssm::run(clients, instance_id, document, &[command], JOURNAL_DEADLINE).await?;
            Ok(format!("{}{}", output.stdout, output.stderr))
        }
        Some(other) => Ok(format!("the SSM agent is {other}")),
        None => Ok("the SSM agent never registered: no route to SSM, no role, or the agent does not run".to_owned()),
    }
}
