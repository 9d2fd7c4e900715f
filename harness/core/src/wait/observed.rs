//! What the API shows of one namespace, and how far a condition is.

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
    /// It never will: why.
    Failed(String),
}

/// What the API shows of one namespace at one moment.
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

/// What became of the eviction of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eviction {
    /// The pod.
    pub pod: String,
    /// Its uid: a StatefulSet's next pod has the same name.
    pub uid: String,
    /// How often a disruption budget stood in the way, and the API server's words for it.
    pub refusals: Vec<String>,
    /// Whether the API server has accepted the eviction, or the pod is gone.
    pub accepted: bool,
}
