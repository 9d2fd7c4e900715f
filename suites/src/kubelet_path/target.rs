//! A small pod on each node of the variant, requests to it, and their evaluation.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::cluster::check_namespace::{self, CheckNamespace};
use amiproof_core::cluster::kubelet_path::{PathError, Through};
use amiproof_core::cluster::pod_template::mirrored;
use amiproof_core::cluster::serving_certificate::{Unanswered, with_retry};
use amiproof_core::cluster::{nodes, objects, watch};
use amiproof_core::context::Context;
use amiproof_core::evidence::evidence;
use amiproof_core::images::{BUSYBOX as IMAGE, NANO_SERVER};
use amiproof_core::wait::{Condition, Kind, Observed, Progress, Target};
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Placement, Verdict};
use amiproof_model::workload::WINDOWS_RELEASE;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::runtime::watcher;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::certificate;
use crate::node::resource;

/// The text that the pod writes to its log and serves on its port.
pub(crate) const WORDS: &str = "amiproof was here";

/// The port that serves it.
pub(crate) const PORT: u16 = 8080;

/// Longer than any of these requests takes on a healthy node, shorter than people wait for `kubectl logs`.
const ANSWER: Duration = Duration::from_secs(10);

/// Deadline for the pod to be Ready, which does not depend on the kubelet's port.
const READY: Duration = Duration::from_secs(120);

/// The deadline on Windows, whose smallest image is a hundred times as large.
const READY_ON_WINDOWS: Duration = Duration::from_secs(300);

/// Deadline for the deletion of a pod, so that the next node's pod can use its place in the run's pod limit.
const GONE: Duration = Duration::from_secs(60);

/// Deadline of one attempt of such a check: one pod after the other, a late certificate, and the cleanup.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(1200);

const CONTAINER: &str = "asked";

/// The result of one request.
pub(super) struct Answer {
    /// The node of the kubelet.
    pub(super) node: NodeRecord,
    /// The text that came back, or the error.
    pub(super) answer: Result<String, Unanswered>,
    /// Whether the API server itself still responded afterwards.
    pub(super) api_answers: bool,
}

/// A request to the pod that returns the received text.
pub(crate) type Question = for<'a> fn(Through<'a>) -> BoxFuture<'a, Result<String, PathError>>;

/// Starts a pod on each node, one after the other, and sends it the request.
pub(crate) async fn ask(context: &Context, what: &'static str, question: Question) -> Result<Decision, CheckError> {
    if context.nodes.is_empty() {
        return Err(CheckError::Undecided("there is no node".to_owned()));
    }
    let wanted = CheckNamespace { what: format!("kubelet-{what}"), ..CheckNamespace::default() };
    let asked = check_namespace::within(context, wanted, move |context, namespace| async move {
        let mut all = Vec::new();
        for node in context.nodes.iter() {
            match ask_one(&context, &namespace, node, question).await? {
                Ok(asked) => all.push(asked),
                Err(reason) => return Ok(Err(format!("{}: {reason}", resource(node)))),
            }
        }
        Ok(Ok(all))
    });
    let verdict = match asked.await? {
        Ok(asked) => assess(what, &asked)?,
        Err(reason) => Verdict::NotEvaluated(format!("the target pod did not become ready: {reason}")),
    };
    let placements = context.nodes.iter().map(|node| Placement {
        pod: Some(name(node)),
        node: node.name.clone(),
        instance_id: node.instance_id.clone(),
        ami_id: node.ami_id.as_ref().map(ToString::to_string),
    });
    let evidence_of = match &verdict {
        Verdict::Fail(findings) => findings.iter().map(|finding| evidence(what, &finding.detail)).collect(),
        _ => Vec::new(),
    };
    Ok(Decision { evidence: evidence_of, placements: placements.collect(), ..verdict.into() })
}

/// The pod of a node.
fn name(node: &NodeRecord) -> String {
    format!("asked-{}", node.index)
}

/// Handles one node: creates the pod, sends the request, and deletes the pod. The inner error is why the pod did not become ready.
async fn ask_one(
    context: &Context,
    namespace: &str,
    node: &NodeRecord,
    question: Question,
) -> Result<Result<Answer, String>, CheckError> {
    let pod = name(node);
    start(context, namespace, node).await?;
    if let Some(reason) = never_ready(context, namespace, &pod).await? {
        return Ok(Err(reason));
    }
    let through = Through { access: &context.cluster, namespace, pod: &pod, within: ANSWER };
    let answer = with_retry(&context.cluster, &node.name, || question(through)).await;
    let api_answers = match &answer {
        Ok(_) => true,
        Err(_) => {
            tokio::time::timeout(ANSWER, context.cluster.client().apiserver_version()).await.is_ok_and(|v| v.is_ok())
        }
    };
    remove(context, namespace, &pod).await?;
    Ok(Ok(Answer { node: node.clone(), answer, api_answers }))
}

/// Deletes a pod and waits until it is gone; one that stays is deleted with the namespace.
async fn remove(context: &Context, namespace: &str, pod: &str) -> Result<(), CheckError> {
    let deleted = objects::delete(&context.cluster, "v1", "Pod", Some(namespace), pod).await;
    deleted.doing("deleting the target pod")?;
    let api: Api<Pod> = Api::namespaced(context.cluster.client(), namespace);
    let own = watch::follow(api, watcher::Config::default().fields(&format!("metadata.name={pod}")));
    let gone = watch::until(own, Instant::now() + GONE, |left: Vec<Pod>| left.is_empty().then_some(()));
    if let Err(error) = gone.await {
        tracing::warn!(namespace, pod, %error, "is still there");
    }
    Ok(())
}

/// A pod with one container, bound to a node.
fn pod_with(node: &NodeRecord, container: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name(node)},
        "spec": {
            "nodeName": node.name,
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
        },
    })
}

fn pod(node: &NodeRecord, image: &str) -> Value {
    let script = format!(
        "mkdir -p /tmp/www\necho \"{WORDS}\" > /tmp/www/index.html\necho \"{WORDS}\"\n\
         while sleep 2; do echo \"{WORDS}\"; done &\nexec httpd -f -p {PORT} -h /tmp/www\n"
    );
    pod_with(
        node,
        json!({
            "name": CONTAINER,
            "image": image,
            "command": ["sh", "-c", script],
            "ports": [{"containerPort": PORT}],
            "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65534,
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }),
    )
}

/// The pod on Windows: it prints the text and keeps running. Windows images have no program that serves HTTP, so there is no
/// readiness probe.
fn windows_pod(node: &NodeRecord, image: &str) -> Value {
    let script = format!("echo {WORDS} & ping.exe -t 127.0.0.1 > NUL");
    pod_with(
        node,
        json!({
            "name": CONTAINER,
            "image": image,
            "command": ["cmd.exe", "/S", "/C", script],
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        }),
    )
}

async fn start(context: &Context, namespace: &str, node: &NodeRecord) -> Result<(), CheckError> {
    let from = |image: &str| match &context.image_registry {
        Some(registry) => mirrored(image, registry),
        None => image.to_owned(),
    };
    let pod = if context.variant.family.is_linux() {
        pod(node, &from(IMAGE))
    } else {
        let found =
            nodes::list(&context.cluster, context.selector.as_str()).await.doing("reading the variant's nodes")?;
        let release = nodes::windows_release(&found).ok_or_else(|| {
            let label = nodes::WINDOWS_BUILD_LABEL;
            CheckError::Undecided(format!(
                "the nodes have no label {label} with a build of Windows that amiproof knows"
            ))
        })?;
        windows_pod(node, &from(&NANO_SERVER.replace(WINDOWS_RELEASE, &release)))
    };
    let applied = objects::apply(&context.cluster, Some(namespace), &pod).await;
    applied.map(|_| ()).doing("creating the target pod")
}

/// Waits until the pod is Ready, through the API alone; otherwise returns what it waited for.
async fn never_ready(context: &Context, namespace: &str, pod: &str) -> Result<Option<String>, CheckError> {
    let condition = Condition::Ready(Target { kind: Kind::Pod, name: pod.to_owned() });
    let api: Api<Pod> = Api::namespaced(context.cluster.client(), namespace);
    let pods = watch::follow(api, watcher::Config::default().fields(&format!("metadata.name={pod}")));
    let timeout = if context.variant.family.is_linux() { READY } else { READY_ON_WINDOWS };
    let mut last = String::new();
    let seen = pods.map(|pods| pods.map(|pods| Observed { pods, ..Observed::default() }));
    let ended = watch::until(seen, Instant::now() + timeout, |observed| match condition.progress(&observed) {
        Progress::Met => Some(None),
        Progress::Failed(why) => Some(Some(why)),
        Progress::NotYet(why) => {
            last = why;
            None
        }
    });
    match ended.await {
        Ok(reason) => Ok(reason),
        Err(watch::Stopped::Deadline { last_error: None }) => Ok(Some(last)),
        Err(error) => Err(CheckError::api("waiting for the target pod", error)),
    }
}

/// The kubelet path must return the pod's text from every node. If the API server is unreachable or rejects the request itself, the
/// result is not evaluated.
pub(super) fn assess(what: &str, asked: &[Answer]) -> Result<Verdict, CheckError> {
    let mut findings = Vec::new();
    for one in asked {
        findings.extend(finding(what, one)?);
    }
    Ok(if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) })
}

fn finding(what: &str, asked: &Answer) -> Result<Option<Finding>, CheckError> {
    let node = resource(&asked.node);
    let closed = |summary: String, detail: &str| {
        let remediation = "let the control plane's security group reach TCP port 10250 of the node: host firewall (INPUT chain) and \
                           security groups";
        Some(Finding::new(&node, summary).with_detail(detail).with_remediation(remediation))
    };
    let unanswered = match &asked.answer {
        Ok(text) if text.contains(WORDS) => return Ok(None),
        Ok(text) => {
            let text: String = text.chars().take(200).collect();
            return Ok(closed(format!("{what} returned something other than the output of the pod"), &text));
        }
        Err(unanswered) => unanswered,
    };
    let error = &unanswered.error;
    if !asked.api_answers {
        return Err(CheckError::Undecided(format!("{what}: the API server is unreachable: {error}")));
    }
    if let Some(finding) = certificate::finding(unanswered, &node, what) {
        return Ok(Some(finding));
    }
    let summary = match error {
        error if error.is_refused_by_api() => {
            return Err(CheckError::Undecided(format!("{what}: the API server refuses it: {error}")));
        }
        PathError::Silent(after) => format!("{what} does not answer within {}s", after.as_secs()),
        PathError::Refused(_) => format!("{what} fails between the API server and the kubelet"),
        PathError::Connection(_) => format!("{what} ends prematurely"),
    };
    Ok(closed(summary, &error.to_string()))
}
