//! The EC2 instances behind a node group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use amiproof_model::name::RunId;
use aws_sdk_ec2::types::Filter;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;

use super::Clients;
use super::error::{AwsError, Explain as _};
use super::names::RUN_TAG;

/// An instance of a node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// The AMI that it booted.
    pub ami_id: String,
    /// `pending`, `running`, `shutting-down` …
    pub state: String,
    /// When it was launched.
    pub launched: Option<Timestamp>,
    /// The name that the kubelet registers with by default: `ip-10-0-1-2.us-west-2.compute.internal`.
    pub private_dns_name: String,
    /// The address that it has in the subnet.
    pub private_ip: Option<String>,
}

/// The starting and running instances of a node group, oldest first; found by the tags that EKS puts on them.
///
/// # Errors
/// [`AwsError`] of [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn of_node_group(clients: &Clients, cluster: &str, node_group: &str) -> Result<Vec<Instance>, AwsError> {
    let filters = [
        ("tag:eks:cluster-name", vec![cluster]),
        ("tag:eks:nodegroup-name", vec![node_group]),
        ("instance-state-name", vec!["pending", "running"]),
    ];
    matching(clients, &filters, &format!("instances of node group {node_group}")).await
}

/// An instance of a node group, even a terminated one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launched {
    /// The instance.
    pub instance: Instance,
    /// Why it was terminated; `None` while it starts or runs.
    pub ended: Option<Ended>,
}

/// Why an instance was terminated, in EC2's words (EC2 API reference, `StateReason`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `Client.InstanceInitiatedShutdown`, `Server.SpotInstanceTermination` …; empty if EC2 says none.
    pub code: String,
    /// The reason as a sentence.
    pub message: String,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.message.as_str(), self.code.as_str()) {
            ("", "") => out.write_str("EC2 gives no reason"),
            ("", words) | (words, _) => out.write_str(words),
        }
    }
}

impl std::fmt::Display for Launched {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Instance { id, state, ami_id, launched, .. } = &self.instance;
        write!(out, "{id} {state} {ami_id}")?;
        if let Some(launched) = launched {
            write!(out, " launched {launched}")?;
        }
        self.ended.as_ref().map_or(Ok(()), |ended| write!(out, ": {ended}"))
    }
}

/// A node group that a run created.
#[derive(Clone, Copy, Debug)]
pub struct OfRun<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// The run, whose tag its launch template puts on each instance.
    pub run: &'a RunId,
    /// Its name.
    pub name: &'a str,
}

/// Every instance of a node group that EC2 still lists, oldest first, including those that were terminated within the last hour, perhaps while they
/// booted. The answer is at most `age` old, and one request serves all node groups of the run.
///
/// # Errors
/// [`AwsError`] of [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn launched(clients: &Clients, group: OfRun<'_>, age: Duration) -> Result<Vec<Launched>, AwsError> {
    let about = format!("{} {}", group.cluster, group.run);
    let ask = || of_run(clients, group.cluster, group.run);
    let all = clients.recent().get(("instances of a run", &about), age, ask).await?;
    Ok(all.get(group.name).cloned().unwrap_or_default())
}

/// Like [`launched`], but only the starting and running instances.
///
/// # Errors
/// Those of [`launched`].
pub async fn running(clients: &Clients, group: OfRun<'_>, age: Duration) -> Result<Vec<Instance>, AwsError> {
    let launched = launched(clients, group, age).await?.into_iter();
    let is_running = |instance: &Instance| matches!(instance.state.as_str(), "pending" | "running");
    Ok(launched.map(|launched| launched.instance).filter(is_running).collect())
}

/// The instances of a run by node group, oldest first within each.
async fn of_run(
    clients: &Clients,
    cluster: &str,
    run: &RunId,
) -> Result<Arc<BTreeMap<String, Vec<Launched>>>, AwsError> {
    let run_tag = format!("tag:{RUN_TAG}");
    let filters = [("tag:eks:cluster-name", vec![cluster]), (run_tag.as_str(), vec![run.as_str()])];
    let mut groups = BTreeMap::<String, Vec<Launched>>::new();
    for instance in described(clients, &filters, &format!("instances of run {run}")).await? {
        let tag = instance.tags().iter().find(|tag| tag.key() == Some("eks:nodegroup-name"));
        let group = tag.and_then(|tag| tag.value()).unwrap_or_default().to_owned();
        groups.entry(group).or_default().push(instance.into());
    }
    for group in groups.values_mut() {
        group.sort_by(|a, b| (a.instance.launched, &a.instance.id).cmp(&(b.instance.launched, &b.instance.id)));
    }
    Ok(Arc::new(groups))
}

impl From<aws_sdk_ec2::types::Instance> for Launched {
    fn from(instance: aws_sdk_ec2::types::Instance) -> Self {
        let reason = instance.state_reason();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let ended = Ended {
            code: text(reason.and_then(|reason| reason.code())),
            message: text(reason.and_then(|reason| reason.message())),
        };
        let instance = Instance::from(instance);
        let is_alive = matches!(instance.state.as_str(), "pending" | "running" | "unknown");
        Self { instance, ended: (!is_alive).then_some(ended) }
    }
}

/// The starting and running instances with these ids, oldest first. Others are left out.
///
/// # Errors
/// [`AwsError`] of [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn by_ids(clients: &Clients, ids: &[&str]) -> Result<Vec<Instance>, AwsError> {
    let mut found = Vec::new();
    // A filter, unlike the parameter InstanceIds, does not refuse the whole request for an id that is gone; it takes 200 values.
    for some in ids.chunks(200) {
        let filters = [("instance-id", some.to_vec()), ("instance-state-name", vec!["pending", "running"])];
        found.extend(matching(clients, &filters, "instances of the variant's nodes").await?);
    }
    Ok(found)
}

/// The instances that all filters match
/// ([DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html)), oldest first.
///
/// # Errors
/// [`AwsError`]; transient errors are retried, a denied request is not.
pub(crate) async fn matching(
    clients: &Clients,
    filters: &[(&str, Vec<&str>)],
    what: &str,
) -> Result<Vec<Instance>, AwsError> {
    let mut found: Vec<Instance> = described(clients, filters, what).await?.into_iter().map(Instance::from).collect();
    found.sort_by(|a, b| (a.launched, &a.id).cmp(&(b.launched, &b.id)));
    Ok(found)
}

async fn described(
    clients: &Clients,
    filters: &[(&str, Vec<&str>)],
    what: &str,
) -> Result<Vec<aws_sdk_ec2::types::Instance>, AwsError> {
    let filters: Vec<Filter> = filters
        .iter()
        .map(|(name, values)| {
            Filter::builder().name(*name).set_values(Some(values.iter().map(ToString::to_string).collect())).build()
        })
        .collect();
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = clients
            .read(|| async {
                let _permit = clients.read_permit().await;
                let request = clients.ec2.describe_instances().set_filters(Some(filters.clone()));
                request.set_next_token(token.clone()).send().await.explain("DescribeInstances", what)
            })
            .await?;
        let reservations = page.reservations.unwrap_or_default().into_iter();
        found.extend(reservations.flat_map(|reservation| reservation.instances.unwrap_or_default()));
        match page.next_token {
            Some(next) if !next.is_empty() && token.as_ref() != Some(&next) => token = Some(next),
            _ => return Ok(found),
        }
    }
}

/// The status checks of an instance and of its hardware.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// `i-…`.
    pub id: String,
    /// `running`, `terminated` …
    pub state: String,
    /// The system check, of AWS's hardware and network: `ok`, `impaired` …
    pub system: String,
    /// The instance check, which the operating system must answer: `ok`, `impaired` …
    pub instance: String,
}

impl std::fmt::Display for Health {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}, system check {}, instance check {}", self.state, self.system, self.instance)
    }
}

/// The status checks of instances, including terminated ones.
///
/// # Errors
/// [`AwsError`] of [DescribeInstanceStatus](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn health(clients: &Clients, ids: &[String]) -> Result<Vec<Health>, AwsError> {
    let answer = clients
        .read(|| async {
            let request = clients.ec2.describe_instance_status().set_instance_ids(Some(ids.to_vec()));
            let request = request.include_all_instances(true);
            request.send().await.explain("DescribeInstanceStatus", ids.join(", "))
        })
        .await?;
    let of = |status: &aws_sdk_ec2::types::InstanceStatus| {
        let word = |summary: Option<&aws_sdk_ec2::types::InstanceStatusSummary>| {
            summary.and_then(|summary| summary.status()).map_or("unknown", |status| status.as_str()).to_owned()
        };
        let state = status.instance_state().and_then(|state| state.name());
        Health {
            id: status.instance_id().unwrap_or_default().to_owned(),
            state: state.map_or("unknown", |name| name.as_str()).to_owned(),
            system: word(status.system_status()),
            instance: word(status.instance_status()),
        }
    };
    Ok(answer.instance_statuses().iter().map(of).collect())
}

/// The console output of an instance. Works without an agent on it. Only Nitro instances return the newest output; others that of the last
/// boot.
///
/// # Errors
/// [`AwsError`] of [GetConsoleOutput](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn console(clients: &Clients, instance_id: &str) -> Result<String, AwsError> {
    let ask = |latest: bool| async move {
        let request = clients.ec2.get_console_output().instance_id(instance_id).set_latest(latest.then_some(true));
        request.send().await.explain("GetConsoleOutput", instance_id)
    };
    let answer = match ask(true).await {
        Ok(answer) => answer,
        Err(_) => ask(false).await?,
    };
    let encoded: String = answer.output().unwrap_or_default().split_whitespace().collect();
    Ok(BASE64_STANDARD.decode(&encoded).map_or(encoded, |bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Terminates an instance. Its Auto Scaling group replaces it.
///
/// # Errors
/// [`AwsError`] of [TerminateInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn terminate(clients: &Clients, instance_id: &str) -> Result<(), AwsError> {
    let ended = clients
        .write_idempotent(|| async {
            let request = clients.ec2.terminate_instances().instance_ids(instance_id);
            request.send().await.explain("TerminateInstances", instance_id)
        })
        .await;
    ended.map(|_| ())
}

impl From<aws_sdk_ec2::types::Instance> for Instance {
    fn from(instance: aws_sdk_ec2::types::Instance) -> Self {
        let state = instance.state().and_then(|state| state.name()).map(|name| name.as_str());
        Self {
            state: state.unwrap_or("unknown").to_owned(),
            launched: instance.launch_time().and_then(timestamp),
            id: instance.instance_id.unwrap_or_default(),
            ami_id: instance.image_id.unwrap_or_default(),
            private_dns_name: instance.private_dns_name.unwrap_or_default(),
            private_ip: instance.private_ip_address,
        }
    }
}

/// A time of the SDK; `None` if it is out of range.
pub(crate) fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).unwrap_or_default()).ok()
}
