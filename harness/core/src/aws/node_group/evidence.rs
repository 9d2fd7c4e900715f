//! Evidence about nodes that never joined, collected before they are deleted.

use std::time::Duration;

use amiproof_model::matrix::Family;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::Evidence;
use indexmap::IndexMap;

use super::telling::telling_line;
use super::watch::Watch;
use crate::aws::error::AwsError;
use crate::aws::instances::{self, Health, Launched};
use crate::aws::{Clients, ssm};
use crate::evidence::evidence;

/// Deadline for all of it: a run does not wait for evidence as long as for the nodes.
const DEADLINE: Duration = Duration::from_secs(120);
/// Deadline for one journal.
const JOURNAL_DEADLINE: Duration = Duration::from_secs(45);
/// How many instances are examined: the first ones tell as much as all of them.
const INSTANCES: usize = 2;

/// The collected evidence.
pub(crate) struct Collected {
    /// The line of a console or a journal that explains the failure, if any.
    pub(crate) line: Option<String>,
    /// Health and activities, status checks, consoles, journals.
    pub(crate) evidence: Vec<Evidence>,
    /// The examined instances, as records of nodes that never joined.
    pub(crate) instances: Vec<NodeRecord>,
}

/// The output of one instance.
struct InstanceLogs {
    console: Result<String, AwsError>,
    journal: Result<String, Silent>,
}

/// Why a journal was not read.
enum Silent {
    /// AWS did not answer.
    Aws(AwsError),
    /// It cannot be reached.
    Unreachable(String),
}

impl std::fmt::Display for Silent {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Aws(error) => error.fmt(out),
            Self::Unreachable(why) => out.write_str(why),
        }
    }
}

/// Health and activities as seen, then EC2's status checks, console output and journals of the instances. Never fails: what is not
/// available is replaced by the reason.
pub(crate) async fn collect(clients: &Clients, family: Family, watch: &Watch<'_>) -> Collected {
    let mut evidence = watch.evidence();
    let ids: Vec<String> = watch.seen.ids().into_iter().take(INSTANCES).map(str::to_owned).collect();
    let asked = async { tokio::join!(status_checks(clients, &ids), tell(clients, family, &ids)) };
    let mut line = None;
    match tokio::time::timeout(DEADLINE, asked).await {
        Ok((checks, collected)) => {
            let impaired = checks.as_deref().ok().and_then(impairment);
            evidence.push(shown(&ids, checks));
            line = telling_line(collected.iter().flat_map(|collected| {
                [&collected.console.as_deref().ok(), &collected.journal.as_deref().ok()]
                    .map(|text| text.unwrap_or_default())
            }))
            .or(impaired);
            for (index, (id, collected)) in ids.iter().zip(collected).enumerate() {
                let name = |what: &str| format!("{what} of node {} ({id})", index + 1);
                evidence.push(self::evidence(name("console output"), or_reason(collected.console)));
                evidence.push(self::evidence(name("journal"), or_reason(collected.journal)));
            }
        }
        Err(_) => {
            let text = format!("not available within {}s", DEADLINE.as_secs());
            evidence.push(self::evidence("status checks, console output and journals", text));
        }
    }
    let launched = |id: &String| watch.seen.launched.iter().find(|launched| launched.instance.id == *id);
    let instances = (1..).zip(ids.iter().filter_map(launched)).map(|(index, launched)| record(index, launched));
    Collected { line, evidence, instances: instances.collect() }
}

async fn tell(clients: &Clients, family: Family, ids: &[String]) -> Vec<InstanceLogs> {
    let all = ids.iter().map(|id| async move {
        let (console, journal) = tokio::join!(instances::console(clients, id), journal(clients, family, id));
        InstanceLogs { console, journal }
    });
    futures::future::join_all(all).await
}

/// EC2's status checks of hardware and instance: an operating system that hangs or has panicked fails the second.
async fn status_checks(clients: &Clients, ids: &[String]) -> Result<Vec<Health>, AwsError> {
    // Without ids the API answers for every instance of the account.
    if ids.is_empty() { Ok(Vec::new()) } else { instances::health(clients, ids).await }
}

fn shown(ids: &[String], checks: Result<Vec<Health>, AwsError>) -> Evidence {
    let text = match checks {
        _ if ids.is_empty() => "no instance was launched".to_owned(),
        Ok(health) if health.is_empty() => "the instances no longer exist in EC2".to_owned(),
        Ok(health) => health.iter().map(|one| format!("{}: {one}\n", one.id)).collect(),
        Err(error) => format!("not available: {error}"),
    };
    evidence("EC2 status checks", text)
}

/// What a failed status check says where neither console nor journal explains anything.
fn impairment(health: &[Health]) -> Option<String> {
    let failed = |word: &str| word == "impaired";
    let one = health.iter().find(|one| failed(&one.instance) || failed(&one.system))?;
    Some(if failed(&one.system) {
        format!("EC2's system status check of {} fails: the hardware or the network below it", one.id)
    } else {
        format!("EC2's instance status check of {} fails: its operating system does not answer on the network", one.id)
    })
}

fn or_reason<E: std::fmt::Display>(answer: Result<String, E>) -> String {
    match answer {
        Ok(text) if text.trim().is_empty() => "empty".to_owned(),
        Ok(text) => text,
        Err(error) => format!("not available: {error}"),
    }
}

const LINUX_JOURNAL: &str = "journalctl --no-pager -n 300 -u nodeadm-config -u nodeadm-run -u nodeadm-boot-hook -u cloud-final -u kubelet -u containerd";
const WINDOWS_JOURNAL: &str =
    "Get-EventLog -LogName EKS -Newest 100 | Format-Table -AutoSize -Wrap | Out-String -Width 200";

async fn journal(clients: &Clients, family: Family, instance_id: &str) -> Result<String, Silent> {
    let unreachable = |why: &str| Err(Silent::Unreachable(why.to_owned()));
    let (document, command) = match family {
        Family::Al2023 | Family::Al2 => ("AWS-RunShellScript", LINUX_JOURNAL),
        Family::Windows => ("AWS-RunPowerShellScript", WINDOWS_JOURNAL),
        Family::Bottlerocket => {
            return unreachable("Bottlerocket's agent runs in a container that does not see the host's journal");
        }
    };
    let status = ssm::ping_status(clients, &[instance_id.to_owned()]).await.map_err(Silent::Aws)?;
    match status.get(instance_id).map(String::as_str) {
        Some("Online") => {
            let output = ssm::run(clients, instance_id, document, &[command], JOURNAL_DEADLINE).await;
            output.map(|output| format!("{}{}", output.stdout, output.stderr)).map_err(Silent::Aws)
        }
        Some(other) => unreachable(&format!("the SSM agent is {other}")),
        None => unreachable("the SSM agent never registered: no route to SSM, no role, or the agent does not run"),
    }
}

/// The record of an instance that never became a node.
fn record(index: u32, launched: &Launched) -> NodeRecord {
    let instance = &launched.instance;
    NodeRecord {
        index,
        name: instance.private_dns_name.clone(),
        instance_id: Some(instance.id.clone()),
        ami_id: instance.ami_id.parse().ok(),
        os_image: String::new(),
        kernel: String::new(),
        kubelet: String::new(),
        runtime: String::new(),
        boot_to_ready_seconds: None,
        facts: IndexMap::new(),
        fact_differences: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_check_explains_only_when_it_fails() {
        let health = |system: &str, instance: &str| {
            let word = str::to_owned;
            vec![Health { id: word("i-1"), state: word("running"), system: word(system), instance: word(instance) }]
        };
        for (checks, words) in [
            (health("ok", "ok"), None),
            (health("initializing", "initializing"), None),
            (health("unknown", "unknown"), None),
            (health("ok", "impaired"), Some("EC2's instance status check of i-1 fails")),
            (health("impaired", "impaired"), Some("EC2's system status check of i-1 fails")),
            (Vec::new(), None),
        ] {
            let line = impairment(&checks);
            assert_eq!(line.as_deref().map(|line| line.split(':').next().unwrap_or_default()), words, "{checks:?}");
        }
    }
}
