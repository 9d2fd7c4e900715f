//! The arguments of `merge`.

use amiproof_model::history::Location;
use clap::Args;

use super::run::OutputForm;
use super::target::Target;

/// Options of 'merge'.
#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// Shards: run IDs, run folders or paths of a report.json; a merged run counts as all the shards in it. With --store, the run ID that its
    /// shards were given
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// Merge the finished shards in this store, a folder or s3://BUCKET/PREFIX, instead of those in the folder of runs
    #[arg(long, value_name = "DIR|S3")]
    pub(crate) store: Option<Location>,
    /// Add the merged report to the history in the store, as 'nightly' does, if no shard is missing
    #[arg(long, requires = "store")]
    pub(crate) add: bool,
    /// AWS region of a store in S3 [default: that of the environment]
    #[arg(long, value_name = "REGION", requires = "store")]
    pub(crate) region: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// ID of the merged run [default: derived from the merged runs]
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Exit 0 instead of 1 if checks fail; other exit codes stay as they are
    #[arg(long)]
    pub(crate) no_fail: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}
