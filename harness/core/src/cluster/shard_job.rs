//! The shards of a run as an Indexed Job: what became of each, and how the Job is stopped.
//!
//! Index I of the Job is shard I + 1. An index whose pod dies gets another one by the Job controller, up to `backoffLimitPerIndex` times
//! ([Indexed Job](https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode)).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::{DeleteParams, ListParams, LogParams, Preconditions};
use kube::{Api, ResourceExt as _};

use super::objects::is_not_found;
use super::{Access, RUN_LABEL};

/// The container of a shard in the pods of the Job.
pub const CONTAINER: &str = "amiproof";

/// The annotation with the index of a pod.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How often the Job is read.
const POLL: Duration = Duration::from_secs(5);
/// How much of the log of a pod is read, bytes.
const LONGEST_LOG: i64 = 4 << 20;

/// What a shard is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shard {
    /// It has no pod: it was not started yet, or the next one is due after a while.
    Waiting,
    /// Its pod does not run yet, and why not if that is known.
    Starting(Option<String>),
    /// A pod runs on this node.
    Running {
        /// The node; empty if it is not known.
        node: String,
    },
    /// Its pod was told to stop, and is cleaning up.
    Stopping,
    /// It ended with exit code 0.
    Succeeded,
    /// It ended with another exit code and is not repeated.
    Failed(String),
}

/// What is known of a Job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The shards by their numbers.
    pub shards: BTreeMap<u32, Shard>,
    /// How many pods of a shard ended without success, and how the last one ended.
    pub lost: BTreeMap<u32, (usize, String)>,
    /// The reason and message of the condition by which the Job is over.
    pub end: Option<Option<String>>,
}

/// Reads a Job and its pods.
pub fn progress(job: &Job, pods: &[Pod]) -> Progress {
    let status = job.status.clone().unwrap_or_default();
    let succeeded = indexes(status.completed_indexes.as_deref().unwrap_or_default());
    let failed = indexes(status.failed_indexes.as_deref().unwrap_or_default());
    let count = job.spec.as_ref().and_then(|spec| spec.completions).unwrap_or(0);
    let mut of: BTreeMap<u32, Vec<&Pod>> = BTreeMap::new();
    for pod in pods {
        if let Some(shard) = shard_of(pod) {
            of.entry(shard).or_default().push(pod);
        }
    }
    let mut found = Progress::default();
    for shard in 1..=u32::try_from(count).unwrap_or(0) {
        let mut pods = of.remove(&shard).unwrap_or_default();
        pods.sort_by_key(|pod| pod.metadata.creation_timestamp.clone());
        let (ended, alive): (Vec<&Pod>, Vec<&Pod>) = pods.into_iter().partition(|pod| is_over(pod));
        let lost: Vec<&Pod> = ended.into_iter().filter(|pod| phase(pod) == "Failed").collect();
        if let Some(last) = lost.last() {
            found.lost.insert(shard, (lost.len(), how_it_ended(last)));
        }
        let state = if succeeded.contains(&shard) {
            Shard::Succeeded
        } else if failed.contains(&shard) {
            Shard::Failed(lost.last().map_or_else(|| "its pod is gone".to_owned(), |pod| how_it_ended(pod)))
        } else {
            alive.last().map_or(Shard::Waiting, |pod| alive_as(pod))
        };
        found.shards.insert(shard, state);
    }
    let conditions = status.conditions.unwrap_or_default();
    let is_over = |kind: &str| conditions.iter().find(|one| one.type_ == kind && one.status == "True");
    found.end = match (is_over("Complete"), is_over("Failed")) {
        (Some(_), _) => Some(None),
        (None, Some(failed)) => Some(Some(match (&failed.reason, &failed.message) {
            (Some(reason), Some(message)) => format!("{reason}: {message}"),
            (one, other) => one.clone().or_else(|| other.clone()).unwrap_or_else(|| "no reason is given".to_owned()),
        })),
        (None, None) => None,
    };
    found
}

/// The numbers of shards in a list of indexes like `1,3-5,7`.
fn indexes(text: &str) -> BTreeSet<u32> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?)
    };
    text.split(',').filter_map(range).flatten().map(|index| index.saturating_add(1)).collect()
}

fn shard_of(pod: &Pod) -> Option<u32> {
    pod.annotations().get(INDEX)?.parse::<u32>().ok()?.checked_add(1)
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

fn is_over(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.iter().find(|status| status.name == CONTAINER)
}

fn alive_as(pod: &Pod) -> Shard {
    if pod.metadata.deletion_timestamp.is_some() {
        return Shard::Stopping;
    }
    if phase(pod) == "Running" {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
        return Shard::Running { node };
    }
    let waiting = container(pod).and_then(|status| status.state.as_ref()?.waiting.as_ref());
    let of_container = waiting.and_then(|waiting| {
        let reason = waiting.reason.clone().filter(|reason| reason != "ContainerCreating")?;
        Some(waiting.message.as_ref().map_or_else(|| reason.clone(), |message| format!("{reason}: {message}")))
    });
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let unscheduled = conditions.into_iter().flatten().find(|one| one.type_ == "PodScheduled" && one.status == "False");
    Shard::Starting(of_container.or_else(|| unscheduled?.message.clone()))
}

/// `exit code 137 (OOMKilled)`, or why the pod was ended.
fn how_it_ended(pod: &Pod) -> String {
    let disrupted = pod.status.as_ref().and_then(|status| {
        status.conditions.as_ref()?.iter().find(|one| one.type_ == "DisruptionTarget" && one.status == "True")
    });
    let ended = container(pod).and_then(|status| status.state.as_ref()?.terminated.as_ref());
    let code = ended.map(|ended| {
        let reason = ended.reason.as_deref().filter(|reason| !matches!(*reason, "Error" | "Completed"));
        reason.map_or_else(
            || format!("exit code {}", ended.exit_code),
            |reason| format!("exit code {} ({reason})", ended.exit_code),
        )
    });
    match (disrupted.and_then(|one| one.reason.clone()), code) {
        (Some(reason), Some(code)) => format!("{reason}, {code}"),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => {
            let reason = pod.status.as_ref().and_then(|status| status.reason.clone());
            reason.unwrap_or_else(|| "no exit code".to_owned())
        }
    }
}

/// Reads the Job and its pods until the Job is over; `None` if the Job does not exist. Each state is passed on.
///
/// # Errors
/// When the API server rejects a request. The client retries 429, 5xx and broken connections first.
///
/// # Cancel safety
/// Safe: nothing is changed.
pub async fn follow(
    access: &Access,
    (namespace, name): (&str, &str),
    mut on: impl FnMut(&Progress),
) -> Result<Option<Progress>, kube::Error> {
    let jobs: Api<Job> = Api::namespaced(access.client(), namespace);
    loop {
        let Some(job) = jobs.get_opt(name).await? else { return Ok(None) };
        let found = progress(&job, &pods(access, namespace, name).await?);
        on(&found);
        if found.end.is_some() {
            return Ok(Some(found));
        }
        amiproof_time::sleep(POLL).await;
    }
}

async fn pods(access: &Access, namespace: &str, name: &str) -> Result<Vec<Pod>, kube::Error> {
    let pods: Api<Pod> = Api::namespaced(access.client(), namespace);
    Ok(pods.list(&ListParams::default().labels(&format!("batch.kubernetes.io/job-name={name}"))).await?.items)
}

/// The end of the log of the last pod of each shard; what cannot be read is left out.
///
/// # Errors
/// When the API server rejects the list of pods. The client retries 429, 5xx and broken connections first.
pub async fn logs(access: &Access, namespace: &str, name: &str) -> Result<BTreeMap<u32, String>, kube::Error> {
    let mut all = pods(access, namespace, name).await?;
    all.sort_by_key(|pod| pod.metadata.creation_timestamp.clone());
    let api: Api<Pod> = Api::namespaced(access.client(), namespace);
    let last: BTreeMap<u32, String> = all.iter().filter_map(|pod| Some((shard_of(pod)?, pod.name_any()))).collect();
    let mut logs = BTreeMap::new();
    for (shard, pod) in last {
        let how =
            LogParams { container: Some(CONTAINER.to_owned()), limit_bytes: Some(LONGEST_LOG), ..LogParams::default() };
        match api.logs(&pod, &how).await {
            Ok(text) => {
                logs.insert(shard, text);
            }
            Err(error) => tracing::warn!(%error, pod, "the log of a shard cannot be read"),
        }
    }
    Ok(logs)
}

/// Deletes the Job of a run, and waits until its pods have cleaned up and are gone: they get TERM, and then as long as their grace period
/// is. One that does not exist, or is of another run, is left alone.
///
/// # Errors
/// When the API server rejects a request. The client retries 429, 5xx and broken connections first; deleting twice does no harm.
///
/// # Cancel safety
/// Safe: once deletion began, the cluster completes it.
pub async fn stop(access: &Access, (namespace, name): (&str, &str), run: &str) -> Result<(), kube::Error> {
    let jobs: Api<Job> = Api::namespaced(access.client(), namespace);
    let Some(job) = jobs.get_opt(name).await? else { return Ok(()) };
    if job.labels().get(RUN_LABEL).map(String::as_str) != Some(run) {
        return Ok(());
    }
    let uid = job.uid();
    let how = DeleteParams::foreground().preconditions(Preconditions { uid: uid.clone(), resource_version: None });
    match jobs.delete(name, &how).await {
        Ok(_) => {}
        Err(error) if is_not_found(&error) => return Ok(()),
        Err(error) => return Err(error),
    }
    while jobs.get_metadata_opt(name).await?.is_some_and(|there| there.uid() == uid) {
        amiproof_time::sleep(POLL).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
