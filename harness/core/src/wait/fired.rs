//! A CronJob has created a Job, and the Job succeeded.

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;

use super::complete;
use super::observed::{Observed, Progress};
use super::target::{Kind, Target};

/// Whether a Job of the CronJob completed. A failed one is only reported, because a later one may succeed.
pub fn fired(target: &Target, observed: &Observed) -> Progress {
    let Some(cron_job) = observed.cron_jobs.iter().find(|found| found.name_any() == target.name) else {
        return Progress::NotYet(format!("{target} does not exist"));
    };
    let mut jobs: Vec<&Job> = observed.jobs.iter().filter(|job| is_of(job, &target.name)).collect();
    jobs.sort_by_key(|job| job.creation_timestamp());
    let progress = jobs.iter().map(|job| {
        let job = Target { kind: Kind::Job, name: job.name_any() };
        (complete::complete(&job, observed), job)
    });
    let progress: Vec<_> = progress.collect();
    if progress.iter().any(|(progress, _)| *progress == Progress::Met) {
        return Progress::Met;
    }
    match progress.last() {
        Some((Progress::NotYet(why) | Progress::Failed(why), job)) => Progress::NotYet(format!("{job}: {why}")),
        Some((Progress::Met, _)) | None => {
            let schedule = &cron_job.spec.schedule;
            Progress::NotYet(format!("{target} has started no Job yet, its schedule is '{schedule}'"))
        }
    }
}

fn is_of(job: &Job, cron_job: &str) -> bool {
    job.owner_references().iter().any(|owner| owner.kind == "CronJob" && owner.name == cron_job)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wait::tests::observed;

    fn progress(jobs: Value) -> Progress {
        let cron_job = json!({"metadata": {"name": "tick"}, "spec": {"schedule": "* * * * *", "jobTemplate": {}}});
        fired(&"cronjob/tick".parse().unwrap(), &observed(json!({"cronJobs": [cron_job], "jobs": jobs})))
    }

    fn job(name: &str, owner: &str, condition: &str) -> Value {
        json!({"metadata": {"name": name, "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": owner, "uid": "u"}]},
               "status": {"conditions": [{"type": condition, "status": "True", "reason": "R", "message": "m"}]}})
    }

    #[test]
    fn a_schedule_that_started_nothing_says_which_it_is() {
        let waits = "cronjob/tick has started no Job yet, its schedule is '* * * * *'";
        assert_eq!(progress(json!([])), Progress::NotYet(waits.into()));
        assert_eq!(progress(json!([job("other-1", "other", "Complete")])), Progress::NotYet(waits.into()));
    }

    #[test]
    fn one_job_that_completed_is_enough_and_one_that_failed_is_told() {
        assert_eq!(progress(json!([job("tick-1", "tick", "Complete")])), Progress::Met);
        let actual = progress(json!([job("tick-1", "tick", "Failed")]));
        assert_eq!(actual, Progress::NotYet("job/tick-1: R: m".into()));
        assert_eq!(
            progress(json!([job("tick-1", "tick", "Failed"), job("tick-2", "tick", "Complete")])),
            Progress::Met
        );
    }
}
