//! What a watch of a workload's namespace reports.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};

use crate::wait::{Eviction, Observed};

/// All objects of one kind, replacing the previous list.
pub(super) enum Change {
    Pods(Vec<Pod>),
    Deployments(Vec<Deployment>),
    StatefulSets(Vec<StatefulSet>),
    DaemonSets(Vec<DaemonSet>),
    Jobs(Vec<Job>),
    Claims(Vec<PersistentVolumeClaim>),
    CronJobs(Vec<CronJob>),
    Autoscalers(Vec<HorizontalPodAutoscaler>),
    Evictions(Vec<Eviction>),
}

impl Change {
    pub(super) fn apply_to(self, observed: &mut Observed) {
        match self {
            Self::Pods(list) => observed.pods = list,
            Self::Deployments(list) => observed.deployments = list,
            Self::StatefulSets(list) => observed.stateful_sets = list,
            Self::DaemonSets(list) => observed.daemon_sets = list,
            Self::Jobs(list) => observed.jobs = list,
            Self::Claims(list) => observed.claims = list,
            Self::CronJobs(list) => observed.cron_jobs = list,
            Self::Autoscalers(list) => observed.autoscalers = list,
            Self::Evictions(list) => observed.evictions = list,
        }
    }
}
