//! A small pod on node 1 of the variant to ask things of, and what the answers mean.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::cluster::kubelet_path::{PathError, Through};
use amiproof_core::cluster::stay::{self, Stay};
use amiproof_core::cluster::{nodes, objects, watch};
use amiproof_core::context::Context;
use amiproof_core::images::{BUSYBOX as IMAGE, NANO_SERVER};
use amiproof_core::wait::{Condition, Kind, Observed, Progress, Target};
use amiproof_core::workload::evidence::evidence;
use amiproof_core::workload::inject::mirrored;
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

/// What the pod writes to its log and serves on its port.
pub(super) const WORDS: &str = "amiproof was here";

/// Where it serves them.
pub(super) const PORT: u16 = 8080;

/// Longer than any of these takes on a healthy node, shorter than anybody waits for `kubectl logs`.
const ANSWER: Duration = Duration::from_secs(10);

/// For the pod to be Ready; that says nothing about the kubelet's port.
const READY: Duration = Duration::from_secs(120);

/// The same on Windows, whose smallest image is a hundred times as large.
const READY_ON_WINDOWS: Duration = Duration::from_secs(300);

/// For one attempt of such a check: the pod, the answer, and taking everything away again.
pub(super) const ATTEMPT: Duration = Duration::from_secs(480);

const POD: &str = "asked";

/// What one question came to.
pub(super) struct Asked {
    /// What the kubelet path gave back.
    pub(super) answer: Result<String, PathError>,
    /// Whether the API server itself still answered afterwards.
    pub(super) api_answers: bool,
}

/// A question to the pod: gives back the text that came through.
pub(super) type Question = for<'a> fn(Through<'a>) -> BoxFuture<'a, Result<String, PathError>>;

/// Starts the pod, asks, and removes the pod.
pub(super) async fn ask(context: &Context, what: &'static str, question: Question) -> Result<Decision, CheckError> {
    let node =
        context.nodes.first().ok_or_else(|| CheckError::Undecided("there is no node to ask".to_owned()))?.clone();
    let stay = Stay { what: format!("kubelet-{what}"), ..Stay::default() };
    let at = node.clone();
    let asked = stay::within(context, stay, move |context, namespace| async move {
        start(&context, &namespace, &at).await?;
        if let Some(reason) = never_ready(&context, &namespace).await? {
            return Ok(Err(reason));
        }
        let through = Through { access: &context.cluster, namespace: &namespace, pod: POD, within: ANSWER };
        let answer = question(through).await;
        let api_answers = match &answer {
            Ok(_) => true,
            Err(_) => tokio::time::timeout(ANSWER, context.cluster.client().apiserver_version())
                .await
                .is_ok_and(|v| v.is_ok()),
        };
        Ok(Ok(Asked { answer, api_answers }))
    });
    let verdict = match asked.await? {
        Ok(asked) => assess(&node, what, &asked)?,
        Err(reason) => Verdict::NotEvaluated(format!("the pod to ask did not become ready: {reason}")),
    };
    let placement = Placement {
        pod: Some(POD.to_owned()),
        node: node.name.clone(),
        instance_id: node.instance_id.clone(),
        ami_id: node.ami_id.as_ref().map(ToString::to_string),
    };
    let told = match &verdict {
        Verdict::Fail(findings) => findings.iter().map(|finding| evidence(what, &finding.detail)).collect(),
        _ => Vec::new(),
    };
    Ok(Decision { evidence: told, placements: vec![placement], ..verdict.into() })
}

fn pod(node: &NodeRecord, image: &str) -> Value {
    let script = format!(
        "mkdir -p /tmp/www\necho \"{WORDS}\" > /tmp/www/index.html\necho \"{WORDS}\"\n\
         while sleep 2; do echo \"{WORDS}\"; done &\nexec httpd -f -p {PORT} -h /tmp/www\n"
    );
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD},
        "spec": {
            "nodeName": node.name,
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": POD,
                "image": image,
                "command": ["sh", "-c", script],
                "ports": [{"containerPort": PORT}],
                "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            }],
        },
    })
}

/// The pod on Windows: it says its words and lives on. Programs of Windows images serve no pages, so it has no readiness probe.
fn windows_pod(node: &NodeRecord, image: &str) -> Value {
    let script = format!("echo {WORDS} & ping.exe -t 127.0.0.1 > NUL");
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD},
        "spec": {
            "nodeName": node.name,
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": POD,
                "image": image,
                "command": ["cmd.exe", "/S", "/C", script],
                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
            }],
        },
    })
}

async fn start(context: &Context, namespace: &str, node: &NodeRecord) -> Result<(), CheckError> {
    let from = |image: &str| match &context.image_registry {
        Some(registry) => mirrored(image, registry),
        None => image.to_owned(),
    };
    let pod = if context.variant.family.is_linux() {
        pod(node, &from(IMAGE))
    } else {
        let found = nodes::list(&context.cluster, context.selector.as_str()).await;
        let found = found.map_err(|error| CheckError::api("reading the variant's nodes", error))?;
        let release = nodes::windows_release(&found).ok_or_else(|| {
            let label = nodes::WINDOWS_BUILD_LABEL;
            CheckError::Undecided(format!("the nodes have no label {label} of a build with base images of its own"))
        })?;
        windows_pod(node, &from(&NANO_SERVER.replace(WINDOWS_RELEASE, &release)))
    };
    let applied = objects::apply(&context.cluster, Some(namespace), &pod).await;
    applied.map(|_| ()).map_err(|error| CheckError::api("starting the pod to ask", error))
}

/// Waits until the pod is Ready, through the API alone; otherwise says what it waited for.
async fn never_ready(context: &Context, namespace: &str) -> Result<Option<String>, CheckError> {
    let condition = Condition::Ready(Target { kind: Kind::Pod, name: POD.to_owned() });
    let api: Api<Pod> = Api::namespaced(context.cluster.client(), namespace);
    let pods = watch::follow(api, watcher::Config::default());
    let patience = if context.variant.family.is_linux() { READY } else { READY_ON_WINDOWS };
    let mut last = String::new();
    let seen = pods.map(|pods| pods.map(|pods| Observed { pods, ..Observed::default() }));
    let ended = watch::until(seen, Instant::now() + patience, |observed| match condition.progress(&observed) {
        Progress::Met => Some(None),
        Progress::Never(why) => Some(Some(why)),
        Progress::NotYet(why) => {
            last = why;
            None
        }
    });
    match ended.await {
        Ok(reason) => Ok(reason),
        Err(watch::Stopped::Deadline { last_error: None }) => Ok(Some(last)),
        Err(error) => Err(CheckError::api("waiting for the pod to ask", error)),
    }
}

/// The kubelet path must bring back the pod's words. An API server that is away, or that refuses the question itself, decides
/// nothing.
pub(super) fn assess(node: &NodeRecord, what: &str, asked: &Asked) -> Result<Verdict, CheckError> {
    let summary = match &asked.answer {
        Ok(text) if text.contains(WORDS) => return Ok(Verdict::Pass),
        Ok(text) => {
            let text: String = text.chars().take(200).collect();
            return Ok(fail(node, format!("{what} answers something else than what the pod says"), &text));
        }
        Err(error) if !asked.api_answers => {
            return Err(CheckError::Undecided(format!("{what}: the API server is away: {error}")));
        }
        Err(error) if error.is_refused_by_api() => {
            return Err(CheckError::Undecided(format!("{what}: the API server refuses it: {error}")));
        }
        Err(PathError::Silent(after)) => format!("{what} gives no answer within {}s", after.as_secs()),
        Err(PathError::Refused(_)) => format!("{what} fails between the API server and the kubelet"),
        Err(PathError::Broken(_)) => format!("{what} breaks off"),
    };
    let detail = asked.answer.as_ref().err().map(ToString::to_string).unwrap_or_default();
    Ok(fail(node, summary, &detail))
}

fn fail(node: &NodeRecord, summary: String, detail: &str) -> Verdict {
    let remediation = "let the control plane's security group reach TCP port 10250 of the node: host firewall (INPUT chain) and \
                       security groups";
    Verdict::Fail(vec![
        Finding::new(format!("node {}", node.index), summary).with_detail(detail).with_remediation(remediation),
    ])
}
