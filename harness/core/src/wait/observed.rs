//! The state of one namespace in the API, and the progress of a condition.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};

/// The progress of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It holds.
    Met,
    /// It does not hold yet, and why.
    NotYet(String),
    /// It never will hold, and why.
    Failed(String),
}

/// The state of one namespace at one moment.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// All pods.
    pub pods: Vec<Pod>,
    /// All Deployments.
    pub deployments: Vec<Deployment>,
    /// All StatefulSets.
    pub stateful_sets: Vec<StatefulSet>,
    /// All DaemonSets.
    pub daemon_sets: Vec<DaemonSet>,
    /// All Jobs.
    pub jobs: Vec<Job>,
    /// All PersistentVolumeClaims.
    pub claims: Vec<PersistentVolumeClaim>,
    /// All CronJobs.
    pub cron_jobs: Vec<CronJob>,
    /// All HorizontalPodAutoscalers.
    pub autoscalers: Vec<HorizontalPodAutoscaler>,
    /// The evictions that amiproof asked for.
    pub evictions: Vec<Eviction>,
}

/// The eviction of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eviction {
    /// The pod.
    pub pod: String,
    /// Its uid: a StatefulSet's next pod has the same name.
    pub uid: String,
    /// How often a disruption budget blocked it, and the API server's message.
    pub refusals: Vec<String>,
    /// Whether the API server has accepted the eviction, or the pod is gone.
    pub accepted: bool,
}
