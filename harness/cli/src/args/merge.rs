//! The arguments of `merge`.

use clap::Args;

use super::run::OutputForm;

/// Options of 'merge'.
#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// Shards: run IDs, run folders or paths of a report.json; a merged run stands for the shards in it
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// ID of the merged run [default: derived from the merged runs]
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Exit 0 even if checks fail; what is missing or undecided still counts
    #[arg(long)]
    pub(crate) no_fail: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}
