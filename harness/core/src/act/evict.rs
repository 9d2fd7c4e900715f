//! Evictions as in a drain: all pods at once, and retries for those that a disruption budget protects.

use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::EvictParams;
use kube::core::Status;
use kube::{Api, ResourceExt as _};

use crate::check::CheckError;
use crate::wait::observed::Eviction;

/// How long to wait before a refused eviction is retried. `kubectl drain` waits 5 s.
const AGAIN: Duration = Duration::from_secs(2);

/// The API server's answer to one attempt.
#[derive(Debug)]
enum Answer {
    Refused(String),
    Accepted,
    Failed(CheckError),
}

/// Evicts pods, and yields the state of all of them after every answer. The stream ends when every eviction was accepted; dropping it
/// stops the retries.
pub fn evict(api: Api<Pod>, pods: &[&Pod]) -> impl Stream<Item = Result<Vec<Eviction>, CheckError>> + Send + use<> {
    let begun = |pod: &&Pod| Eviction {
        pod: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        refusals: Vec::new(),
        accepted: false,
    };
    let mut evictions: Vec<Eviction> = pods.iter().map(begun).collect();
    let names: Vec<String> = evictions.iter().map(|eviction| eviction.pod.clone()).collect();
    let answers = names
        .into_iter()
        .enumerate()
        .map(move |(index, pod)| answers(api.clone(), pod).map(move |answer| (index, answer)).boxed());
    stream::select_all(answers).map(move |(index, answer)| {
        match answer {
            Answer::Refused(why) => evictions[index].refusals.push(why),
            Answer::Accepted => evictions[index].accepted = true,
            Answer::Failed(error) => return Err(error),
        }
        Ok(evictions.clone())
    })
}

/// Retries until a pod is evicted.
fn answers(api: Api<Pod>, pod: String) -> impl Stream<Item = Answer> + Send {
    stream::unfold(Some((api, pod, Duration::ZERO)), move |state| async move {
        let (api, pod, mut pause) = state?;
        loop {
            amiproof_time::sleep(pause).await;
            let answer = api.evict(&pod, &EvictParams::default()).await;
            pause = AGAIN;
            match judged(&pod, answer.map(|_| ())) {
                None => {}
                Some(Answer::Refused(why)) => return Some((Answer::Refused(why), Some((api, pod, pause)))),
                Some(last) => return Some((last, None)),
            }
        }
    })
}

/// What an answer means; `None` if the server has not looked at the budget yet, which is not a refusal by the budget.
fn judged(pod: &str, answer: Result<(), kube::Error>) -> Option<Answer> {
    let status = match answer {
        Ok(()) => return Some(Answer::Accepted),
        Err(kube::Error::Api(status)) if status.code == 404 => return Some(Answer::Accepted),
        Err(kube::Error::Api(status)) if status.code == 429 => status,
        Err(error) => return Some(Answer::Failed(CheckError::api(format!("evicting pod {pod}"), error))),
    };
    let why = words_of(&status);
    (!why.contains("still being processed")).then_some(Answer::Refused(why))
}

/// The budget that blocks an eviction, from the causes of the server's refusal.
fn words_of(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let words: Vec<&str> = causes.map(|cause| cause.message.as_str()).filter(|words| !words.is_empty()).collect();
    if words.is_empty() { status.message.clone() } else { words.join("; ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(code: u16, cause: &str) -> Option<Answer> {
        let status = json!({"status": "Failure", "code": code, "reason": "TooManyRequests", "metadata": {},
            "message": "Cannot evict pod as it would violate the pod's disruption budget.",
            "details": {"causes": [{"reason": "DisruptionBudget", "message": cause}]}});
        let status: Status = serde_json::from_value(status).unwrap();
        judged("web-1", Err(kube::Error::Api(Box::new(status))))
    }

    #[test]
    fn a_refusal_names_the_budget_and_is_told_from_a_server_that_is_not_ready() {
        let why = "The disruption budget web needs 1 healthy pods and has 1 currently";
        assert!(matches!(answered(429, why), Some(Answer::Refused(words)) if words == why));
        let early = "The disruption budget web is still being processed by the server.";
        assert!(answered(429, early).is_none(), "it is asked again and not counted");
    }

    #[test]
    fn a_pod_that_is_gone_needs_no_eviction_and_a_missing_right_is_an_error() {
        assert!(matches!(answered(404, ""), Some(Answer::Accepted)));
        assert!(matches!(answered(403, ""), Some(Answer::Failed(_))));
        assert!(matches!(judged("web-1", Ok(())), Some(Answer::Accepted)));
    }
}
