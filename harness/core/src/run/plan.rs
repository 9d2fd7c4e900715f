//! The plan of a run, its tools, and how it is stopped.

use std::sync::Arc;
use std::time::Duration;

use amiproof_model::controls::Controls;
use amiproof_model::matrix::{Matrix, Variant};
use amiproof_model::name::{RunId, VariantName};
use amiproof_model::report::{Report, Shards, Subject};
use amiproof_model::setting::Setting;
use amiproof_model::waiver::Waiver;
use camino::Utf8PathBuf;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::journal::Answers;
use crate::aws::Clients;
use crate::check::Check;
use crate::cluster::Access;
use crate::ledger::Ledger;
use crate::{bisect, impact};

/// The plan of a run.
#[derive(Clone)]
pub struct Plan {
    /// Its name.
    pub run: RunId,
    /// The matrix, already narrowed to the selected variants.
    pub matrix: Arc<Matrix>,
    /// The shards that the run was divided into, and which of them this is. Variants of other shards are in the matrix where a variant of this
    /// one has them as its reference; they lend their nodes, and are not tested.
    pub shards: Option<Shards>,
    /// The steps to run.
    pub steps: Steps,
    /// The selected checks, in the order of the registry.
    pub checks: Vec<Check>,
    /// Waivers.
    pub waivers: Vec<Waiver>,
    /// The settings that failures are explained by.
    pub settings: &'static [Setting],
    /// What controls of benchmarks require, by which lost rows of scanners are explained.
    pub controls: &'static [Controls],
    /// What to try on the nodes once the checks are over; its checks are among those of the plan.
    pub experiment: Option<Experiment>,
    /// How often a failed check is retried.
    pub retries: u32,
    /// Maximum number of pods of the run at a time.
    pub max_pods: u32,
    /// The registry that all images are pulled from.
    pub image_registry: Option<String>,
    /// Credentials for pulling images, if the registry requires them.
    pub pull_secret: Option<crate::cluster::pull_secret::PullSecret>,
    /// The folder of the matrix file; paths in the matrix are relative to it.
    pub base: Utf8PathBuf,
    /// The run's folder; evidence goes below it.
    pub folder: Utf8PathBuf,
    /// From when on `sweep` may delete what the run created.
    pub expires: Timestamp,
    /// Whether it talks to the lab.
    pub lab: bool,
    /// The report of an earlier command of the same run.
    pub earlier: Option<Report>,
    /// The results of earlier commands of the same run, which are not repeated.
    pub answers: Answers,
}

impl Plan {
    /// Whether this run tests a subject, and not another shard.
    pub fn tests(&self, subject: &Subject) -> bool {
        self.shards.as_ref().is_none_or(|shards| shards.shard == shards.of(subject))
    }
}

/// An experiment that changes settings of running nodes.
#[derive(Clone, Debug)]
pub enum Experiment {
    /// Prove which settings break checks.
    Bisect(bisect::Wanted),
    /// Measure what each control of a benchmark breaks.
    Impact(Box<impact::Wanted>),
}

impl Experiment {
    /// The variant whose nodes are changed.
    pub fn variant(&self) -> &VariantName {
        match self {
            Self::Bisect(wanted) => &wanted.variant,
            Self::Impact(wanted) => &wanted.variant,
        }
    }
}

/// The steps of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Create what does not exist; otherwise everything must exist from an earlier command of this run.
    pub provision: bool,
    /// Stop after the network stack.
    pub network_only: bool,
    /// Smoke tests and node checks.
    pub test: bool,
    /// kube-bench and OS scans.
    pub scan: bool,
    /// Delete everything afterwards, even if something failed or the run was interrupted.
    pub teardown: bool,
}

/// The tools of a run.
#[derive(Clone)]
pub struct Tools {
    /// AWS; `None` if a cluster is tested by its kubeconfig alone.
    pub clients: Option<Clients>,
    /// The cluster of a kubeconfig; `None` for the EKS cluster that the matrix names.
    pub access: Option<Access>,
    /// The record of everything that the run creates.
    pub ledger: Ledger,
}

/// How a run is stopped.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Stop working, still clean up.
    pub cancel: CancellationToken,
    /// Stop cleaning up, too.
    pub abort: CancellationToken,
    /// After this duration the run stops its checks and cleans up.
    pub deadline: Option<Duration>,
}

/// The variant whose nodes checks of the whole cluster may use: the first unhardened Linux one, else the first Linux one.
pub(crate) fn cluster_check_candidates(matrix: &Matrix) -> Vec<&Variant> {
    let linux = || matrix.variants.iter().filter(|variant| variant.family.is_linux());
    let stock = linux().filter(|variant| variant.hardening.is_none());
    let hardened = linux().filter(|variant| variant.hardening.is_some());
    stock.chain(hardened).collect()
}
