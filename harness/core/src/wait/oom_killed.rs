//! A container exceeded its memory limit, the kernel killed it, and its state says so.

use super::observed::{Observed, Progress};
use super::pods;
use super::target::Target;

/// The reason that the runtime gives for a container that the kernel killed (Kubernetes, "Assign Memory Resources to
/// Containers").
const REASON: &str = "OOMKilled";

/// Whether a container of the target was OOM-killed.
pub fn oom_killed(target: &Target, observed: &Observed) -> Progress {
    let found = pods::of(target, observed);
    let ends = || found.iter().flat_map(|pod| pods::containers(pod)).filter_map(pods::last_end);
    if ends().any(|end| end.reason.as_deref() == Some(REASON)) {
        return Progress::Met;
    }
    if let Some(end) = ends().next() {
        let how = pods::words_of(end);
        return Progress::Failed(format!("it used more memory than its limit, but was not killed: {how}"));
    }
    match found.first() {
        Some(pod) => pods::waiting_for(pod),
        None => Progress::NotYet(format!("{target} has no pod")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wait::tests::observed;

    fn progress(statuses: Value, phase: &str) -> Progress {
        let pod = json!({
            "metadata": {"name": "greedy-1", "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "greedy", "uid": "u"}]},
            "spec": {"containers": [], "nodeName": "n"}, "status": {"phase": phase, "containerStatuses": statuses},
        });
        oom_killed(&"job/greedy".parse().unwrap(), &observed(json!({"pods": [pod]})))
    }

    fn ended(reason: &str, code: i32) -> Value {
        json!([{"name": "greedy", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"reason": reason, "exitCode": code}}}])
    }

    #[test]
    fn only_the_runtimes_own_reason_is_enough() {
        assert_eq!(progress(ended("OOMKilled", 137), "Failed"), Progress::Met);
        for (reason, code) in [("Error", 137), ("Error", 1), ("Completed", 0)] {
            let Progress::Failed(why) = progress(ended(reason, code), "Failed") else { panic!("{reason}") };
            assert!(why.contains(&format!("exit code {code}")), "{why}");
        }
        assert!(matches!(progress(json!([]), "Running"), Progress::NotYet(_)));
    }
}
