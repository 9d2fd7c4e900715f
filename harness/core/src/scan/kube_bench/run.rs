//! Runs kube-bench and brings its result home by whichever way is open.

use std::time::Duration;

use amiproof_model::report::{NodeRecord, ScanRecord};
use amiproof_model::verdict::Placement;
use futures::StreamExt as _;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use kube::runtime::watcher;
use tokio::time::Instant;

use super::job::{self, IMAGE, NAME, Scope, Wanted};
use super::rows::{About, SCANNER};
use super::{assess, benchmark};
use crate::check::{CheckError, ScanAnswer, ScanRow};
use crate::cluster::kubelet_path::Through;
use crate::cluster::stay::{self, Stay};
use crate::cluster::{objects, watch};
use crate::context::Context;
use crate::wait::{Condition, Kind, Observed, Progress, Target, pods};
use crate::workload::inject::mirrored;

/// kube-bench takes seconds; on a node whose pods cannot reach the API the policies never end (seen on a real cluster).
const NODE_DEADLINE: Duration = Duration::from_secs(120);
const CLUSTER_DEADLINE: Duration = Duration::from_secs(240);

/// For the image, beside the deadline of the Job itself.
const MARGIN: Duration = Duration::from_secs(60);

/// For the log; a closed port 10250 answers nothing for longer than anybody should wait.
const LOGS: Duration = Duration::from_secs(10);

/// The node target on node 1 of the context's variant: a row for every control of it.
///
/// # Errors
/// When the cluster refuses the Job, or it ran elsewhere.
pub async fn scan_node(context: &Context) -> Result<ScanAnswer, CheckError> {
    scan(context, Scope::Node).await
}

/// All other targets, once for the cluster, from node 1 of the context's variant; its pods must reach the API.
///
/// # Errors
/// As [`scan_node`].
pub async fn scan_cluster(context: &Context) -> Result<ScanAnswer, CheckError> {
    scan(context, Scope::Cluster).await
}

async fn scan(context: &Context, scope: Scope) -> Result<ScanAnswer, CheckError> {
    let node =
        context.nodes.first().ok_or_else(|| CheckError::Undecided("kube-bench has no node to run on".to_owned()))?;
    let version = &context.kubernetes;
    let (chosen, fits) = match benchmark::for_version(version) {
        Some(chosen) => (chosen, true),
        None => (benchmark::OLDEST, false),
    };
    let about = About {
        benchmark: benchmark::key(chosen).map_err(|error| CheckError::Undecided(error.to_string()))?,
        resource: if scope == Scope::Node { format!("node {}", node.index) } else { "cluster".to_owned() },
        placement: placement(node, None),
    };
    if !fits {
        let reason = format!("kube-bench has no CIS EKS benchmark for Kubernetes {version}");
        let rows = assess::nothing(scope, &about, &reason)?;
        return Ok(answer(context, &about, rows, reason));
    }
    let seen = look(context, scope, chosen, node).await?;
    let about = About { placement: placement(node, seen.pod.clone()), ..about };
    if let Some(log) = &seen.log {
        keep(context, scope, log).await;
    }
    let rows = assess::assess(scope, &about, &seen)?;
    Ok(answer(context, &about, rows, String::new()))
}

/// kube-bench has a row for every control of its target, evaluated or not, so the rows say how many there are.
fn answer(context: &Context, about: &About, rows: Vec<ScanRow>, note: String) -> ScanAnswer {
    let record = ScanRecord {
        subject: context.subject.clone(),
        suite: "kube-bench".to_owned(),
        scanner: SCANNER.to_owned(),
        scanner_version: None,
        benchmark: Some(about.benchmark.clone()),
        level: None,
        expected: Some(rows.len()),
        note,
    };
    ScanAnswer { scans: vec![record], rows }
}

fn placement(node: &NodeRecord, pod: Option<String>) -> Placement {
    Placement {
        pod,
        node: node.name.clone(),
        instance_id: node.instance_id.clone(),
        ami_id: node.ami_id.as_ref().map(ToString::to_string),
    }
}

async fn look(
    context: &Context,
    scope: Scope,
    chosen: &'static str,
    node: &NodeRecord,
) -> Result<assess::Seen, CheckError> {
    let mut stay = Stay {
        what: if scope == Scope::Node { "kube-bench" } else { "kube-bench-policies" }.to_owned(),
        privileged: scope == Scope::Node,
        cluster_wide: Vec::new(),
    };
    if scope == Scope::Cluster {
        let namespace = stay.namespace(context);
        stay.cluster_wide = job::read_rights(&namespace, &namespace);
    }
    let node = node.name.clone();
    stay::within(context, stay, move |context, namespace| async move {
        let image = context.image_registry.as_deref().map(|registry| mirrored(IMAGE, registry));
        let deadline = if scope == Scope::Node { NODE_DEADLINE } else { CLUSTER_DEADLINE };
        let wanted =
            Wanted { scope, benchmark: chosen, node: &node, image: image.as_deref().unwrap_or(IMAGE), deadline };
        objects::apply(&context.cluster, Some(&namespace), &job::manifest(&wanted))
            .await
            .map_err(|error| CheckError::api("starting kube-bench", error))?;
        let progress = wait(&context, &namespace, deadline + MARGIN).await?;
        collect(&context, &namespace, &node, progress).await
    })
    .await
}

/// Waits until the Job has ended, or says what it waited for when the time was up.
async fn wait(context: &Context, namespace: &str, within: Duration) -> Result<Progress, CheckError> {
    let client = || context.cluster.client();
    let all_jobs = watch::follow(Api::<Job>::namespaced(client(), namespace), watcher::Config::default());
    let all_pods = watch::follow(Api::<Pod>::namespaced(client(), namespace), watcher::Config::default());
    let jobs = all_jobs.map(|jobs| jobs.map(|jobs| Observed { jobs, ..Observed::default() }));
    let pods = all_pods.map(|pods| pods.map(|pods| Observed { pods, ..Observed::default() }));
    let mut observed = Observed::default();
    let condition = Condition::Complete(Target { kind: Kind::Job, name: NAME.to_owned() });
    let mut last = Progress::NotYet("it was not seen to start".to_owned());
    let changes = futures::stream::select(jobs.boxed(), pods.boxed());
    let ended = watch::until(changes, Instant::now() + within, |change: Observed| {
        if change.jobs.is_empty() {
            observed.pods = change.pods
        } else {
            observed.jobs = change.jobs
        }
        last = condition.progress(&observed);
        (!matches!(last, Progress::NotYet(_))).then(|| last.clone())
    });
    match ended.await {
        Ok(progress) => Ok(progress),
        Err(watch::Stopped::Deadline { last_error: Some(error) }) => {
            Err(CheckError::Undecided(format!("kube-bench: the API server was away when the time was up: {error}")))
        }
        Err(watch::Stopped::Deadline { last_error: None }) => Ok(last),
        Err(error @ watch::Stopped::Refused(_)) => Err(CheckError::api("watching kube-bench", error)),
    }
}

/// The pod's last words, and its log where the kubelet answers.
async fn collect(
    context: &Context,
    namespace: &str,
    node: &str,
    progress: Progress,
) -> Result<assess::Seen, CheckError> {
    let api: Api<Pod> = Api::namespaced(context.cluster.client(), namespace);
    let list =
        api.list(&ListParams::default()).await.map_err(|error| CheckError::api("reading kube-bench's pod", error))?;
    let mut seen = assess::Seen { progress, ..assess::Seen::default() };
    let Some(pod) = list.items.first() else { return Ok(seen) };
    if let Some(elsewhere) = pods::node(pod).filter(|at| *at != node) {
        return Err(CheckError::Undecided(format!("kube-bench ran on node {elsewhere} instead of {node}")));
    }
    let name = pod.metadata.name.clone().unwrap_or_default();
    let ended = pods::containers(pod).find_map(pods::last_end);
    seen.message = ended.and_then(|end| end.message.clone());
    if ended.is_some() {
        let through = Through { access: &context.cluster, namespace, pod: &name, within: LOGS };
        match through.logs().await {
            Ok(log) => seen.log = Some(log),
            Err(error) => seen.log_error = Some(error.to_string()),
        }
    }
    seen.pod = Some(name);
    Ok(seen)
}

/// Keeps the whole output beside the report; the rows stand without it.
async fn keep(context: &Context, scope: Scope, log: &str) {
    let name = if scope == Scope::Node { "kube-bench-node.json" } else { "kube-bench-cluster.json" };
    let path = context.evidence.join(name);
    if let Err(error) = tokio::fs::write(&path, log).await {
        tracing::warn!(%path, %error, "kube-bench's output could not be kept");
    }
}
