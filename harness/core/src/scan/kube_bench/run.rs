//! Runs kube-bench and fetches its result by whichever channel works.

use std::time::Duration;

use amiproof_model::name::Benchmark;
use amiproof_model::report::NodeRecord;
use futures::{FutureExt as _, StreamExt as _};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use kube::runtime::watcher;
use tokio::time::Instant;

use super::assess::RawOutput;
use super::benchmark::name_in_kube_bench;
use super::job::{self, NAME, Scope, Wanted};
use crate::check::{CheckError, Doing as _};
use crate::cluster::check_namespace::{self, CheckNamespace};
use crate::cluster::kubelet_path::Through;
use crate::cluster::pod_template::mirrored;
use crate::cluster::{objects, serving_certificate, watch};
use crate::context::Context;
use crate::wait::{Condition, Kind, Observed, Progress, Target, pods};

/// kube-bench takes seconds; on a node whose pods cannot reach the API the policies never end (seen on a real cluster).
const NODE_DEADLINE: Duration = Duration::from_secs(120);
const CLUSTER_DEADLINE: Duration = Duration::from_secs(240);

/// For the image, beside the deadline of the Job itself.
const MARGIN: Duration = Duration::from_secs(60);

/// For the log; a closed port 10250 answers nothing for longer than anyone should wait.
const LOGS: Duration = Duration::from_secs(10);

/// Runs it on nodes, one Job each beside the others, in a namespace of its own that is gone afterwards.
///
/// # Errors
/// When the cluster refuses a Job, or it ran elsewhere.
pub(super) async fn look(
    context: &Context,
    scope: Scope,
    benchmark: &Benchmark,
    nodes: &[NodeRecord],
    image: &str,
) -> Result<Vec<(NodeRecord, RawOutput)>, CheckError> {
    let mut wanted = CheckNamespace {
        what: if scope == Scope::Node { "kube-bench" } else { "kube-bench-policies" }.to_owned(),
        privileged: scope == Scope::Node,
        cluster_wide: Vec::new(),
    };
    if scope == Scope::Cluster {
        let namespace = wanted.namespace(context);
        wanted.cluster_wide = job::read_rights(&namespace, &namespace);
    }
    let image =
        context.image_registry.as_deref().map_or_else(|| image.to_owned(), |registry| mirrored(image, registry));
    let (benchmark, nodes) = (name_in_kube_bench(benchmark).to_owned(), nodes.to_vec());
    check_namespace::within(context, wanted, move |context, namespace| async move {
        let runs = nodes.iter().map(|node| on_node(&context, &namespace, scope, &benchmark, node, &image));
        futures::future::try_join_all(runs).await
    })
    .await
}

async fn on_node(
    context: &Context,
    namespace: &str,
    scope: Scope,
    benchmark: &str,
    node: &NodeRecord,
    image: &str,
) -> Result<(NodeRecord, RawOutput), CheckError> {
    let deadline = if scope == Scope::Node { NODE_DEADLINE } else { CLUSTER_DEADLINE };
    let name = format!("{NAME}-{}", node.index);
    let wanted = Wanted { name: &name, scope, benchmark, node: &node.name, image, deadline };
    objects::apply(&context.cluster, Some(namespace), &job::manifest(&wanted)).await.doing("starting kube-bench")?;
    let progress = wait(context, namespace, &name, deadline + MARGIN).await?;
    Ok((node.clone(), collect(context, namespace, &name, &node.name, progress).await?))
}

/// Waits until the Job has ended. At the deadline returns what it was still waiting for.
async fn wait(context: &Context, namespace: &str, name: &str, within: Duration) -> Result<Progress, CheckError> {
    let client = || context.cluster.client();
    let (own_job, own_pods) = (format!("metadata.name={name}"), format!("app={name}"));
    let own_job = watcher::Config::default().fields(&own_job);
    let own_pods = watcher::Config::default().labels(&own_pods);
    let all_jobs = watch::follow(Api::<Job>::namespaced(client(), namespace), own_job);
    let all_pods = watch::follow(Api::<Pod>::namespaced(client(), namespace), own_pods);
    let jobs = all_jobs.map(|jobs| jobs.map(|jobs| Observed { jobs, ..Observed::default() }));
    let pods = all_pods.map(|pods| pods.map(|pods| Observed { pods, ..Observed::default() }));
    let mut observed = Observed::default();
    let condition = Condition::Complete(Target { kind: Kind::Job, name: name.to_owned() });
    let mut last = Progress::NotYet("it did not start".to_owned());
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
            Err(CheckError::Undecided(format!("kube-bench: the API server was unreachable at the deadline: {error}")))
        }
        Err(watch::Stopped::Deadline { last_error: None }) => Ok(last),
        Err(error @ watch::Stopped::Refused(_)) => Err(CheckError::api("watching kube-bench", error)),
    }
}

/// The pod's termination message, and its log if the kubelet answers.
async fn collect(
    context: &Context,
    namespace: &str,
    name: &str,
    node: &str,
    progress: Progress,
) -> Result<RawOutput, CheckError> {
    let api: Api<Pod> = Api::namespaced(context.cluster.client(), namespace);
    let own = ListParams::default().labels(&format!("app={name}"));
    let list = api.list(&own).await.doing("reading kube-bench's pod")?;
    let Some(pod) = list.items.first() else { return Ok(RawOutput { progress, ..RawOutput::default() }) };
    if let Some(elsewhere) = pods::node(pod).filter(|at| *at != node) {
        return Err(CheckError::Undecided(format!("kube-bench ran on node {elsewhere} instead of {node}")));
    }
    Ok(read(context, namespace, pod, progress).await)
}

/// The output of a pod of kube-bench: its termination message, and its log if it has ended and the kubelet answers.
pub(super) async fn read(context: &Context, namespace: &str, pod: &Pod, progress: Progress) -> RawOutput {
    let mut seen = RawOutput { progress, ..RawOutput::default() };
    let name = pod.metadata.name.clone().unwrap_or_default();
    let ended = pods::containers(pod).find_map(pods::last_end);
    seen.message = ended.and_then(|end| end.message.clone());
    // A pod that keeps running, such as one of a DaemonSet, may have printed everything already.
    if ended.is_some() || pods::phase(pod) == "Running" {
        let through = Through { access: &context.cluster, namespace, pod: &name, within: LOGS };
        let node = pods::node(pod).unwrap_or_default();
        let read = || through.logs().boxed();
        match serving_certificate::with_retry(&context.cluster, node, read).await {
            Ok(log) => seen.log = Some(log),
            Err(error) => seen.log_error = Some(error.to_string()),
        }
    }
    seen.pod = Some(name);
    seen
}
