//! Every pod was evicted, a disruption budget slowed that down, and all replicas are back.

use kube::ResourceExt as _;

use super::{Observed, Progress, Target, ready};

/// Whether all evictions were accepted, at least one of them not at once, the pods are gone, and their successors are ready.
pub fn evicted(target: &Target, budget: &Target, observed: &Observed) -> Progress {
    let evictions = &observed.evictions;
    if evictions.is_empty() {
        return Progress::NotYet("no eviction has been answered yet".to_owned());
    }
    if let Some(waiting) = evictions.iter().find(|eviction| !eviction.accepted) {
        let why = waiting.refusals.last().map_or("it has not been answered", String::as_str);
        let times = waiting.refusals.len();
        return Progress::NotYet(format!("the eviction of pod {} was refused {times} times: {why}", waiting.pod));
    }
    if evictions.iter().all(|eviction| eviction.refusals.is_empty()) {
        return Progress::Failed(format!("{budget} did not keep any of the {} pods from going", evictions.len()));
    }
    let here =
        observed.pods.iter().find(|pod| evictions.iter().any(|eviction| pod.uid().as_ref() == Some(&eviction.uid)));
    match here {
        Some(pod) => Progress::NotYet(format!("pod {} is evicted but has not gone", pod.name_any())),
        None => ready::ready(target, observed),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wait::Eviction;
    use crate::wait::tests::{observed, pod};

    fn eviction(pod: &str, refusals: usize, accepted: bool) -> Eviction {
        let refusals = vec!["the disruption budget web needs 1 healthy pods".to_owned(); refusals];
        Eviction { pod: pod.into(), uid: format!("uid-{pod}"), refusals, accepted }
    }

    fn progress(evictions: Vec<Eviction>, uid_left: &str) -> Progress {
        let mut left = pod("web-6b-x", "ReplicaSet/web-6b", "Running", json!({}));
        left["metadata"]["uid"] = json!(uid_left);
        let up = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1});
        let deployment = json!({"metadata": {"name": "web", "generation": 1}, "status": up,
                                "spec": {"replicas": 1, "selector": {}, "template": {}}});
        let seen = Observed { evictions, ..observed(json!({"pods": [left], "deployments": [deployment]})) };
        evicted(&"deployment/web".parse().unwrap(), &"pdb/web".parse().unwrap(), &seen)
    }

    #[test]
    fn a_budget_that_let_everything_go_is_no_budget() {
        assert_eq!(
            progress(vec![eviction("a", 0, true), eviction("b", 0, true)], "new"),
            Progress::Failed("pdb/web did not keep any of the 2 pods from going".into())
        );
    }

    #[test]
    fn evictions_are_waited_for_until_accepted_and_until_the_pods_have_gone() {
        assert!(matches!(progress(vec![], "new"), Progress::NotYet(_)));
        assert_eq!(
            progress(vec![eviction("a", 0, true), eviction("b", 2, false)], "new"),
            Progress::NotYet(
                "the eviction of pod b was refused 2 times: the disruption budget web needs 1 healthy pods".into()
            )
        );
        let accepted = || vec![eviction("a", 0, true), eviction("b", 2, true)];
        assert!(matches!(progress(accepted(), "uid-b"), Progress::NotYet(why) if why.contains("has not gone")));
        assert_eq!(progress(accepted(), "new"), Progress::Met);
    }
}
