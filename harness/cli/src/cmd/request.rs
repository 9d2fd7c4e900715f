//! The input of a run: the matrix, the checks and the options, read and narrowed.

use std::sync::Arc;

use amiproof_core::check::Check;
use amiproof_core::cluster::pull_secret::PullSecret;
use amiproof_model::cost::Prices;
use amiproof_model::matrix::{Matrix, ScannedNodes};
use amiproof_model::name::VariantName;
use amiproof_model::report::{Report, Shards};
use camino::Utf8PathBuf;
use sha2::{Digest as _, Sha256};

use super::in_store::InStore;
use super::workload::images::pulled;
use super::{cost, selected};
use crate::args::{ByPrices, Global, Junit, RunOptions, Selection};
use crate::files::{self, Inputs};
use crate::output::{Failure, Output};
use crate::rundir;

/// The input of a run, narrowed to the selection.
pub(super) struct Request {
    pub(super) matrix: Matrix,
    pub(super) checks: Vec<Check>,
    pub(super) inputs: Inputs,
    pub(super) options: RunOptions,
    pub(super) pull_secret: Option<PullSecret>,
    /// The folder of the matrix file.
    pub(super) base: Utf8PathBuf,
    /// The report that `--baseline` names, read before anything is created: an unreadable baseline must not cost the run its report.
    pub(super) baseline: Option<Arc<Report>>,
    /// Whether the nights are in a store, so that those in the folder of runs are not looked at.
    pub(super) has_store: bool,
    /// The columns that are releases of one image, the oldest first.
    pub(super) releases: Vec<VariantName>,
    /// What junit.xml has.
    pub(super) junit: Junit,
    /// The shard that this run is, if it is one.
    pub(super) shards: Option<Shards>,
    /// Where the progress of the shard is kept, if it is.
    pub(super) in_store: Option<InStore>,
    /// By which the cost of the run is estimated.
    pub(super) prices: Prices,
}

impl Request {
    /// A digest of what is checked: matrix, checks, waivers and workloads.
    pub(super) fn digest(&self) -> String {
        let checks: Vec<String> = self.checks.iter().map(|check| check.id.to_string()).collect();
        let (waivers, workloads) = (&self.inputs.waivers, &self.inputs.workloads);
        let text = format!("{} {:?} {checks:?} {waivers:?} {workloads:?}", env!("CARGO_PKG_VERSION"), self.matrix);
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn new(
        global: &Global,
        inputs: Inputs,
        selection: &Selection,
        options: &RunOptions,
        output: &Output,
    ) -> Result<Self, Failure> {
        let mut matrix = files::narrowed(&inputs.matrix, &selection.variants)?;
        if options.all_nodes {
            matrix.scans.kube_bench.nodes = ScannedNodes::All;
        }
        let checks = selected::checks(&matrix, &inputs, &selection.checks)?;
        let base = selection.file.parent().map(ToOwned::to_owned).unwrap_or_default();
        let pull_secret = match &options.image_pull_secret {
            Some(path) => {
                let images = pulled(&checks, &matrix, options.image_registry.as_deref());
                let (secret, left_out) = files::pull_secret(path, &images)?;
                if !left_out.is_empty() {
                    output.note(format_args!(
                        "credentials that are not sent to the cluster, because this run does not pull from there: {}",
                        left_out.join(", ")
                    ));
                }
                Some(secret)
            }
            None => None,
        };
        let baseline = match &options.baseline {
            Some(which) => Some(Arc::new(rundir::read_report(&global.dir, Some(which))?.0)),
            None => None,
        };
        Ok(Self {
            matrix,
            checks,
            inputs,
            options: options.clone(),
            pull_secret,
            base,
            baseline,
            has_store: false,
            releases: Vec::new(),
            junit: Junit::All,
            shards: None,
            in_store: None,
            prices: cost::prices(&ByPrices::default())?,
        })
    }
}
