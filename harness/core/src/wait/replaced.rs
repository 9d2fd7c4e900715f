//! All pods of a controller have the latest template: with the mark, or without it again after a rollback.
//!
//! The mark is an annotation of the pod template, so every pod shows which template it has, for each kind of controller.

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::ResourceExt as _;

use super::observed::{Observed, Progress};
use super::target::{Kind, Target};
use super::{pods, ready};

/// Whether the template has the mark, and all pods are ready and have it, too.
pub fn with_mark(target: &Target, mark: &str, observed: &Observed) -> Progress {
    replaced(target, mark, true, observed)
}

/// Whether the template has the mark no longer, and all pods are ready and without it.
pub fn without_mark(target: &Target, mark: &str, observed: &Observed) -> Progress {
    replaced(target, mark, false, observed)
}

fn replaced(target: &Target, mark: &str, wanted: bool, observed: &Observed) -> Progress {
    let Some(template) = template(target, observed) else {
        return Progress::NotYet(format!("{target} does not exist"));
    };
    let marked = template.metadata.as_ref().and_then(|metadata| metadata.annotations.as_ref());
    if marked.is_some_and(|annotations| annotations.contains_key(mark)) != wanted {
        return Progress::NotYet(format!("{target} does not show its new template yet"));
    }
    let of_template = |pod: &&Pod| pod.annotations().contains_key(mark) == wanted;
    let (new, old): (Vec<&Pod>, Vec<&Pod>) = pods::of(target, observed).into_iter().partition(of_template);
    if !old.is_empty() {
        let coming = new.into_iter().find(|pod| !pods::is_ready(pod));
        let count = match old.len() {
            1 => "1 pod of the earlier template still exists".to_owned(),
            number => format!("{number} pods of the earlier template still exist"),
        };
        return match coming.map(pods::waiting_for) {
            Some(Progress::NotYet(why)) => Progress::NotYet(format!("{count}; {why}")),
            Some(Progress::Failed(why)) => Progress::Failed(why),
            Some(Progress::Met) | None => Progress::NotYet(count),
        };
    }
    ready::ready(target, observed)
}

fn template<'a>(target: &Target, observed: &'a Observed) -> Option<&'a PodTemplateSpec> {
    match target.kind {
        Kind::Deployment => {
            observed.deployments.iter().find(|found| found.name_any() == target.name).map(|found| &found.spec.template)
        }
        Kind::StatefulSet => observed
            .stateful_sets
            .iter()
            .find(|found| found.name_any() == target.name)
            .map(|found| &found.spec.template),
        Kind::DaemonSet => {
            observed.daemon_sets.iter().find(|found| found.name_any() == target.name).map(|found| &found.spec.template)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wait::tests::{observed, pod};

    const MARK: &str = "amiproof.dev/revision";

    fn seen(marked: bool, pods: &[(&str, bool, bool)]) -> Observed {
        let annotations = |marked: bool| if marked { json!({MARK: "2"}) } else { json!({}) };
        let pods: Vec<Value> = pods
            .iter()
            .map(|(name, marked, ready)| {
                let ready = json!({"conditions": [{"type": "Ready", "status": if *ready { "True" } else { "False" }}]});
                let mut pod = pod(name, "ReplicaSet/web-6b", "Running", ready);
                pod["metadata"]["annotations"] = annotations(*marked);
                pod
            })
            .collect();
        let ready = pods.iter().filter(|pod| pod["status"]["conditions"][0]["status"] == "True").count();
        let deployment = json!({
            "metadata": {"name": "web", "generation": 2},
            "spec": {"replicas": 1, "selector": {}, "template": {"metadata": {"annotations": annotations(marked)}}},
            "status": {"observedGeneration": 2, "replicas": pods.len(), "updatedReplicas": pods.len(), "readyReplicas": ready},
        });
        observed(json!({"deployments": [deployment], "pods": pods}))
    }

    #[test]
    fn every_pod_must_be_ready_and_of_the_new_template() {
        let web: Target = "deployment/web".parse().unwrap();
        let table = [
            (true, vec![("new", true, true)], Progress::Met),
            (
                false,
                vec![("old", false, true)],
                Progress::NotYet("deployment/web does not show its new template yet".into()),
            ),
            (
                true,
                vec![("old", false, true), ("new", true, true)],
                Progress::NotYet("1 pod of the earlier template still exists".into()),
            ),
            (
                true,
                vec![("old", false, true), ("new", true, false)],
                Progress::NotYet(
                    "1 pod of the earlier template still exists; pod new runs on node-a but is not ready".into(),
                ),
            ),
            (
                true,
                vec![("new", true, false)],
                Progress::NotYet("0 of 1 ready; pod new runs on node-a but is not ready".into()),
            ),
        ];
        for (marked, pods, wanted) in table {
            assert_eq!(with_mark(&web, MARK, &seen(marked, &pods)), wanted, "{pods:?}");
        }
    }

    #[test]
    fn a_template_that_was_put_back_has_pods_without_the_mark() {
        let web: Target = "deployment/web".parse().unwrap();
        assert_eq!(without_mark(&web, MARK, &seen(false, &[("old", false, true)])), Progress::Met);
        assert!(matches!(without_mark(&web, MARK, &seen(true, &[("new", true, true)])), Progress::NotYet(_)));
        assert!(matches!(without_mark(&web, MARK, &seen(false, &[("new", true, true)])), Progress::NotYet(_)));
    }
}
