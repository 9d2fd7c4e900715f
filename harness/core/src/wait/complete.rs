//! A Job or a bare pod runs to its end with exit code 0.

use kube::ResourceExt as _;

use super::observed::{Observed, Progress};
use super::pods;
use super::target::{Kind, Target};

/// Whether `target` ended, and how.
pub fn complete(target: &Target, observed: &Observed) -> Progress {
    match target.kind {
        Kind::Job => job(target, observed),
        Kind::Pod => match observed.pods.iter().find(|pod| pod.name_any() == target.name) {
            None => Progress::NotYet(format!("{target} does not exist")),
            Some(pod) if pods::phase(pod) == "Succeeded" => Progress::Met,
            Some(pod) => pods::waiting_for(pod),
        },
        _ => Progress::Failed(format!("a {} never completes", target.kind.as_str())),
    }
}

fn job(target: &Target, observed: &Observed) -> Progress {
    let Some(found) = observed.jobs.iter().find(|found| found.name_any() == target.name) else {
        return Progress::NotYet(format!("{target} does not exist"));
    };
    let conditions = found.status.iter().flat_map(|status| status.conditions.iter().flatten());
    for condition in conditions.filter(|condition| condition.status == "True") {
        match condition.type_.as_str() {
            "Complete" => return Progress::Met,
            "Failed" => {
                return Progress::Failed(failed(
                    target,
                    observed,
                    condition.reason.as_deref(),
                    condition.message.as_deref(),
                ));
            }
            _ => {}
        }
    }
    let wanted = found.spec.as_ref().and_then(|spec| spec.completions).unwrap_or(1);
    let succeeded = found.status.as_ref().and_then(|status| status.succeeded).unwrap_or(0);
    let count = format!("{succeeded} of {wanted} completions");
    let unfinished = pods::of(target, observed).into_iter().find(|pod| pods::phase(pod) != "Succeeded");
    match unfinished.map(pods::waiting_for) {
        // The Job's own verdict follows: it may have tries left, and says so in its condition.
        Some(Progress::NotYet(why) | Progress::Failed(why)) => Progress::NotYet(format!("{count}; {why}")),
        Some(Progress::Met) | None => Progress::NotYet(count),
    }
}

/// Why a Job failed: how its last pod ended, or what the Job itself says when no pod is left.
fn failed(target: &Target, observed: &Observed, reason: Option<&str>, message: Option<&str>) -> String {
    let pods = pods::of(target, observed);
    let ended = pods.iter().rev().find(|pod| pods::phase(pod) == "Failed");
    let own = format!("{}: {}", reason.unwrap_or("Failed"), message.unwrap_or("no message"));
    match ended {
        Some(pod) if reason == Some("DeadlineExceeded") => format!("{own}; {}", pods::end_of(pod)),
        Some(pod) => pods::end_of(pod),
        None => own,
    }
}
