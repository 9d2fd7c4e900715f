//! Features of the variant's nodes that a workload requires.

use std::time::Duration;

use amiproof_model::matrix::Family;
use amiproof_model::report::NodeRecord;
use amiproof_model::workload::NodeFeature;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use tokio::time::Instant;

use crate::check::{CheckError, Doing as _};
use crate::context::Context;
use crate::probe::facts::{Collected, NodeFacts};

/// How long metrics-server may take to have metrics of a new node: it reads them every 15 s, and needs two readings.
const FIRST_FIGURES: Duration = Duration::from_secs(90);

/// The least real time for that, however fast time passes.
const LEAST: Duration = Duration::from_secs(20);

/// The polling interval of the metrics API.
const LOOK: Duration = Duration::from_secs(5);

/// Why the nodes lack a feature, as reported by their kubelets; `None` if they have it.
pub(super) async fn feature(context: &Context, feature: NodeFeature) -> Result<Option<String>, CheckError> {
    let api: Api<Node> = Api::all(context.cluster.client());
    for record in context.nodes.iter() {
        let node = api.get(&record.name).await.doing(format!("reading node {}", record.name))?;
        if !has(&node, feature) {
            return Ok(Some(format!(
                "node {} does not report that its container runtime supports {}",
                record.name,
                words_of(feature)
            )));
        }
    }
    match (feature, context.variant.family) {
        (NodeFeature::UserNamespaces, Family::Bottlerocket) => Ok(forbidden(context.facts.of(context).await)),
        _ => Ok(None),
    }
}

/// Why there are no user namespaces on an unchanged Bottlerocket: it disables them (`user.max_user_namespaces`, CIS Bottlerocket 1.4.4;
/// bottlerocket-os/bottlerocket, issue 3328). This is not caused by hardening, and settings in the user data enable them.
fn forbidden(facts: &[NodeFacts]) -> Option<String> {
    let forbids = |read: &Collected| read.get("sysctl.user.max_user_namespaces") == Some("0");
    facts.iter().find(|of_node| of_node.read.as_ref().is_ok_and(|(_, read)| forbids(read))).map(|of_node| {
        format!(
            "Bottlerocket disables user namespaces by default, and node {} has user.max_user_namespaces = 0: \
             settings.kernel.sysctl allows them",
            of_node.node.name
        )
    })
}

fn words_of(feature: NodeFeature) -> &'static str {
    match feature {
        NodeFeature::UserNamespaces => "user namespaces",
    }
}

/// Whether a node's default runtime handler has the feature; the default one has no name.
fn has(node: &Node, feature: NodeFeature) -> bool {
    let handlers = node.status.iter().flat_map(|status| status.runtime_handlers.iter().flatten());
    let mut default = handlers.filter(|handler| handler.name.as_deref().unwrap_or_default().is_empty());
    default.any(|handler| {
        let features = handler.features.as_ref();
        match feature {
            NodeFeature::UserNamespaces => features.and_then(|features| features.user_namespaces) == Some(true),
        }
    })
}

/// The state of the metrics API for the variant's nodes.
pub(super) enum Metrics {
    /// It has metrics of every node.
    There,
    /// It is not served.
    NoApi,
    /// It lacks metrics of a node; with the reason.
    Missing(String),
}

/// Polls until there are metrics of every node, or the deadline has passed.
pub(super) async fn metrics(context: &Context) -> Result<Metrics, CheckError> {
    let resource = ApiResource {
        group: "metrics.k8s.io".into(),
        version: "v1beta1".into(),
        api_version: "metrics.k8s.io/v1beta1".into(),
        kind: "NodeMetrics".into(),
        plural: "nodes".into(),
    };
    let api: Api<DynamicObject> = Api::all_with(context.cluster.client(), &resource);
    let deadline = Instant::now() + amiproof_time::scaled(FIRST_FIGURES).max(LEAST);
    loop {
        let listed = match api.list(&Default::default()).await {
            Ok(listed) => listed.items,
            // 404: the API is not registered. 503: it is registered, but its server does not answer.
            Err(kube::Error::Api(status)) if status.code == 404 => {
                return Ok(Metrics::NoApi);
            }
            Err(kube::Error::Api(status)) if status.code == 503 => Vec::new(),
            Err(error) => return Err(CheckError::api("reading the figures of the nodes", error)),
        };
        let Some(missing) = without_figures(&context.nodes, &listed) else { return Ok(Metrics::There) };
        if Instant::now() >= deadline {
            return Ok(Metrics::Missing(format!(
                "the metrics API has no metrics of node {missing}, so nothing can be scaled by them; metrics-server reads them from \
                 the kubelet's port 10250, which the suite kubelet-path tests"
            )));
        }
        tokio::select! {
            biased;
            () = amiproof_time::sleep(LOOK) => {}
            () = context.cancel.cancelled() => return Err(CheckError::Cancelled),
        }
    }
}

/// The first node without metrics.
fn without_figures<'a>(nodes: &'a [NodeRecord], figures: &[DynamicObject]) -> Option<&'a str> {
    let has = |name: &str| figures.iter().any(|object| object.metadata.name.as_deref() == Some(name));
    nodes.iter().map(|node| node.name.as_str()).find(|name| !has(name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_runtime_that_pods_get_by_default_decides() {
        let has = |handlers: Value| {
            let node: Node = serde_json::from_value(json!({"status": {"runtimeHandlers": handlers}})).unwrap();
            has(&node, NodeFeature::UserNamespaces)
        };
        assert!(has(json!([{"name": "", "features": {"userNamespaces": true}}])));
        assert!(!has(json!([{"name": "", "features": {"userNamespaces": false}}])));
        assert!(!has(json!([{"name": "other", "features": {"userNamespaces": true}}])));
        assert!(!has(Value::Null), "a kubelet that is too old to say so");
    }
}
