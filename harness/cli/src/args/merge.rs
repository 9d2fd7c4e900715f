//! The arguments of `merge`.

use clap::Args;

use super::run::OutputForm;

/// Options of 'merge'.
#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// The shards: run IDs, folders of runs or paths of a report.json; merged ones count as the shards in them
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// ID of the merged run [default: generated from the runs in it]
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Exit 0 even if checks fail; what is missing or undecided still counts
    #[arg(long)]
    pub(crate) no_fail: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = OutputForm::Text)]
    pub(crate) output: OutputForm,
}
