//! One scan: its input and its outcome.

use amiproof_model::matrix::Variant;
use amiproof_model::name::{Benchmark, Level, NameError, RunId};
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::Evidence;
use camino::Utf8Path;
use tokio_util::sync::CancellationToken;

use crate::aws::error::AwsError;
use crate::check::ScanRow;
use crate::ledger;
use crate::ledger::Ledger;

/// The scanner's name in rows and records.
pub const SCANNER: &str = "inspector";

/// The id of the scan as a whole, for rows about a scan without results.
pub const CHECK: &str = "os-cis/inspector";

/// What went wrong while asking; what Inspector would not evaluate is a verdict, not an error.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("interrupted")]
    Cancelled,
}

/// The outcome of a scan.
pub(super) enum Ended {
    Rows(Scanned),
    NotEvaluated(String, Vec<Evidence>),
}

/// A scan that evaluated something.
pub(super) struct Scanned {
    pub(super) rows: Vec<ScanRow>,
    pub(super) benchmark: Benchmark,
    /// Controls per node, as the scan itself counts them.
    pub(super) expected: Option<usize>,
    pub(super) note: String,
}

/// The input of a scan.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The variant.
    pub variant: &'a Variant,
    /// Its nodes.
    pub nodes: &'a [NodeRecord],
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The tags that the account requires.
    pub tags: &'a std::collections::BTreeMap<String, String>,
    /// Folder for Inspector's own reports; exists. `None` saves none.
    pub evidence: Option<&'a Utf8Path>,
    /// Fires when the run is interrupted.
    pub cancel: &'a CancellationToken,
}

impl Request<'_> {
    /// The level that is scanned: the variant's own, level 1 for a stock image.
    pub(super) fn level(&self) -> Level {
        self.variant.hardening.as_ref().map_or(Level::One, |hardening| hardening.level)
    }
}
