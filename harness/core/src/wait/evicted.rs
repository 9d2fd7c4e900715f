//! Every pod was evicted, a disruption budget slowed that down, and all replicas are back.

use kube::ResourceExt as _;

use super::observed::{Observed, Progress};
use super::target::Target;
use super::{pods, ready};

/// Whether all evictions were accepted, at least one of them only on a retry, the pods are gone, and their successors are ready.
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
    if is_unopposed(observed) {
        return Progress::Failed(format!("{budget} did not block the eviction of any of the {} pods", evictions.len()));
    }
    let here =
        observed.pods.iter().find(|pod| evictions.iter().any(|eviction| pod.uid().as_ref() == Some(&eviction.uid)));
    match here {
        Some(pod) => Progress::NotYet(format!("pod {} is evicted but still exists", pod.name_any())),
        None => ready::ready(target, observed),
    }
}

/// Whether all evictions were accepted, and none was refused before.
pub fn is_unopposed(observed: &Observed) -> bool {
    let evictions = &observed.evictions;
    !evictions.is_empty() && evictions.iter().all(|eviction| eviction.accepted && eviction.refusals.is_empty())
}

/// Whether nothing was refused, but a successor may have been ready before the budget was checked, which then rightly allowed the second
/// eviction. In this case the evictions are repeated.
pub fn is_inconclusive(target: &Target, observed: &Observed) -> bool {
    let evictions = &observed.evictions;
    let is_successor = |pod: &&k8s_openapi::api::core::v1::Pod| {
        evictions.iter().all(|eviction| pod.uid().as_ref() != Some(&eviction.uid))
    };
    is_unopposed(observed) && pods::of(target, observed).into_iter().filter(is_successor).any(pods::is_ready)
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
            Progress::Failed("pdb/web did not block the eviction of any of the 2 pods".into())
        );
    }

    #[test]
    fn a_budget_that_was_asked_after_a_successor_was_ready_is_asked_again() {
        let asked = |evictions: Vec<Eviction>, uid: &str, ready: &str| {
            let status = json!({"conditions": [{"type": "Ready", "status": ready}]});
            let mut left = pod("web-6b-x", "ReplicaSet/web-6b", "Running", status);
            left["metadata"]["uid"] = json!(uid);
            let seen = Observed { evictions, ..observed(json!({"pods": [left]})) };
            is_inconclusive(&"deployment/web".parse().unwrap(), &seen)
        };
        let gone = || vec![eviction("a", 0, true), eviction("b", 0, true)];
        assert!(asked(gone(), "new", "True"));
        assert!(!asked(gone(), "new", "False"), "nobody was there when the second went");
        assert!(!asked(gone(), "uid-b", "True"), "a pod that is on its way out is no successor");
        assert!(!asked(vec![eviction("a", 0, true), eviction("b", 1, true)], "new", "True"));
        assert!(!asked(vec![eviction("a", 0, true), eviction("b", 0, false)], "new", "True"));
        assert!(!asked(vec![], "new", "True"));
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
        assert!(matches!(progress(accepted(), "uid-b"), Progress::NotYet(why) if why.contains("still exists")));
        assert_eq!(progress(accepted(), "new"), Progress::Met);
    }
}
