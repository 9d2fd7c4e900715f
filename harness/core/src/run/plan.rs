//! What a run shall do, what it works with, and how it is stopped.

use std::sync::Arc;
use std::time::Duration;

use amiproof_model::matrix::Matrix;
use amiproof_model::name::RunId;
use amiproof_model::report::Report;
use amiproof_model::waiver::Waiver;
use camino::Utf8PathBuf;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::aws::Clients;
use crate::check::Check;
use crate::cluster::Access;
use crate::ledger::Ledger;
use crate::pace::Pace;

/// What a run shall do.
#[derive(Clone)]
pub struct Plan {
    /// Its name.
    pub run: RunId,
    /// The matrix, already narrowed to the selected variants.
    pub matrix: Arc<Matrix>,
    /// Which steps.
    pub steps: Steps,
    /// The selected checks, in the order of the registry.
    pub checks: Vec<Check>,
    /// Exceptions.
    pub waivers: Vec<Waiver>,
    /// How often a failure is tried again.
    pub retries: u32,
    /// How many pods of the run are alive at a time.
    pub max_pods: u32,
    /// The registry that all images are pulled from.
    pub image_registry: Option<String>,
    /// What nodes pull images with, where the registry asks for credentials.
    pub pull_secret: Option<crate::cluster::pull_secret::PullSecret>,
    /// The folder of the matrix file; what it names is relative to it.
    pub base: Utf8PathBuf,
    /// The run's folder; evidence goes below it.
    pub folder: Utf8PathBuf,
    /// From when on `sweep` may remove what the run made.
    pub expires: Timestamp,
    /// Whether it talks to the lab.
    pub lab: bool,
    /// The report of an earlier command of the same run.
    pub earlier: Option<Report>,
}

/// The steps of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Make what is not there yet; otherwise what an earlier command of this run made must be there.
    pub provision: bool,
    /// Stop after the network stack.
    pub network_only: bool,
    /// Smoke tests and node checks.
    pub test: bool,
    /// kube-bench and OS scans.
    pub scan: bool,
    /// Take everything down again, also when something broke or the run was interrupted.
    pub teardown: bool,
}

/// What a run works with.
#[derive(Clone)]
pub struct Tools {
    /// AWS; `None` where a cluster is tested by its kubeconfig alone.
    pub clients: Option<Clients>,
    /// The cluster of a kubeconfig; `None` for the EKS cluster that the matrix names.
    pub access: Option<Access>,
    /// The record of everything that the run creates.
    pub ledger: Ledger,
    /// Polling intervals.
    pub pace: Pace,
}

/// How a run is stopped.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Stop working, still clean up.
    pub cancel: CancellationToken,
    /// Stop cleaning up, too.
    pub abort: CancellationToken,
    /// How long the run may take before it stops working by itself and cleans up.
    pub deadline: Option<Duration>,
}
