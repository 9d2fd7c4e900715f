//! A HorizontalPodAutoscaler has raised the replicas of its target, and they are ready.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::ResourceExt as _;

use super::observed::{Observed, Progress};
use super::target::Target;

/// Whether more replicas than the minimum are ready.
pub fn scaled(target: &Target, observed: &Observed) -> Progress {
    let Some(autoscaler) = observed.autoscalers.iter().find(|found| found.name_any() == target.name) else {
        return Progress::NotYet(format!("{target} does not exist"));
    };
    let spec = &autoscaler.spec;
    let least = spec.min_replicas.unwrap_or(1);
    let desired = autoscaler.status.as_ref().map_or(0, |status| status.desired_replicas);
    if desired <= least {
        return Progress::NotYet(format!(
            "{target} wants {desired} replicas, no more than its minimum{}",
            why(autoscaler)
        ));
    }
    let name = &spec.scale_target_ref.name;
    let ready = match spec.scale_target_ref.kind.as_str() {
        "StatefulSet" => {
            let found = observed.stateful_sets.iter().find(|found| found.name_any() == *name);
            found.and_then(|found| found.status.as_ref()?.ready_replicas)
        }
        _ => {
            let found = observed.deployments.iter().find(|found| found.name_any() == *name);
            found.and_then(|found| found.status.as_ref()?.ready_replicas)
        }
    };
    match ready.unwrap_or(0) {
        ready if ready > least => Progress::Met,
        ready => Progress::NotYet(format!("{target} wants {desired} replicas, {ready} are ready")),
    }
}

/// Why the autoscaler does not scale, by its own conditions.
fn why(autoscaler: &HorizontalPodAutoscaler) -> String {
    let conditions = autoscaler.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let stuck = conditions.filter(|condition| condition.status == "False" && condition.type_ != "ScalingLimited");
    let texts: Vec<String> = stuck
        .map(|condition| {
            let (reason, message) = (condition.reason.as_deref(), condition.message.as_deref());
            format!("; {}: {}", reason.unwrap_or(&condition.type_), message.unwrap_or("no message"))
        })
        .collect();
    texts.concat()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wait::tests::observed;

    fn progress(status: Value, ready: i32) -> Progress {
        let autoscaler = json!({"metadata": {"name": "load"}, "status": status,
            "spec": {"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "load"}}});
        let deployment = json!({"metadata": {"name": "load"}, "spec": {"selector": {}, "template": {}},
                                "status": {"readyReplicas": ready}});
        let seen = observed(json!({"autoscalers": [autoscaler], "deployments": [deployment]}));
        scaled(&"hpa/load".parse().unwrap(), &seen)
    }

    #[test]
    fn more_replicas_than_the_minimum_must_be_ready() {
        assert_eq!(progress(json!({"desiredReplicas": 2}), 2), Progress::Met);
        let unready = "hpa/load wants 2 replicas, 1 are ready";
        assert_eq!(progress(json!({"desiredReplicas": 2}), 1), Progress::NotYet(unready.into()));
    }

    #[test]
    fn an_autoscaler_without_figures_says_so() {
        let blind = json!({"desiredReplicas": 0, "conditions": [
            {"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale"},
            {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "no metrics returned"}]});
        let expected =
            "hpa/load wants 0 replicas, no more than its minimum; FailedGetResourceMetric: no metrics returned";
        assert_eq!(progress(blind, 1), Progress::NotYet(expected.into()));
    }
}
