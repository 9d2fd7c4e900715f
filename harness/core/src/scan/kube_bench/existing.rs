//! Runs of kube-bench that a user has in the cluster already, read from their pods.

use amiproof_model::matrix::{Runs, RunsBy};
use amiproof_model::report::NodeRecord;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;

use super::assess::RawOutput;
use super::job::Scope;
use super::parse;
use super::run::read;
use crate::check::{CheckError, Doing as _};
use crate::context::Context;
use crate::wait::{Progress, pods};

/// The results of the runs. For [`Scope::Node`] one entry per node that has a pod; for [`Scope::Cluster`] the first run, on
/// whatever node, that holds controls of the cluster, under the node that the scan was to use. Empty when there is none.
///
/// # Errors
/// When the API server does not answer. The client retries 429, 5xx and broken connections first, a POST only after 429.
pub(super) async fn look(
    context: &Context,
    scope: Scope,
    nodes: &[NodeRecord],
    from: &Runs,
) -> Result<Vec<(NodeRecord, RawOutput)>, CheckError> {
    let pods = pods_of(context, from).await?;
    let mut found: Vec<(NodeRecord, RawOutput)> = Vec::new();
    for pod in &pods {
        let node = match scope {
            Scope::Node => nodes.iter().find(|node| pods::node(pod) == Some(node.name.as_str())),
            Scope::Cluster => nodes.first(),
        };
        let Some(node) = node.filter(|node| !found.iter().any(|(known, _)| known.index == node.index)) else {
            continue;
        };
        let seen = read(context, &from.namespace, pod, progress(pod, from)).await;
        let has_own = |log: &String| {
            parse::parse(log).is_ok_and(|output| output.controls.iter().any(|control| scope.includes(control)))
        };
        if scope == Scope::Node || seen.log.as_ref().is_some_and(has_own) {
            found.push((node.clone(), seen));
        }
    }
    found.sort_by_key(|(node, _)| node.index);
    Ok(found)
}

/// The pods, the newest first: a Job that was repeated has a pod per try.
async fn pods_of(context: &Context, from: &Runs) -> Result<Vec<Pod>, CheckError> {
    let api: Api<Pod> = Api::namespaced(context.cluster.client(), &from.namespace);
    let wanted = match &from.by {
        RunsBy::Job(name) => ListParams::default().labels(&format!("job-name={name}")),
        RunsBy::Pod(name) => ListParams::default().fields(&format!("metadata.name={name}")),
    };
    let list = api.list(&wanted).await.doing(format!("reading {from}"))?;
    let mut pods = list.items;
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.metadata.creation_timestamp.as_ref().map(|time| time.0)));
    Ok(pods)
}

fn progress(pod: &Pod, from: &Runs) -> Progress {
    match pods::phase(pod) {
        "Succeeded" => Progress::Met,
        "Failed" => Progress::Failed(pods::end_of(pod)),
        phase => Progress::NotYet(format!("{from} is {phase} and has not ended")),
    }
}
