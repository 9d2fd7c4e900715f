//! Arguments of 'bisect'.

use clap::Args;

use super::money::Money;
use super::on_nodes::OnNodes;

/// Options of 'bisect'.
#[derive(Clone, Debug, Args)]
pub(crate) struct Bisect {
    /// Variant whose checks fail [default: the only one with failures that its reference does not have]
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Check to bisect; can be repeated [default: one per cause in the report, and all unexplained failures]
    #[arg(long = "check", value_delimiter = ',', value_name = "CHECK")]
    pub(crate) checks: Vec<String>,
    /// Find which of these releases of the image is the first that breaks a check, instead of which setting: creates a
    /// run with one node group per release. AMI IDs or names of Systems Manager parameters, the oldest first. --check
    /// then takes prefixes of check IDs [default: every check of the matrix]
    #[arg(long, value_delimiter = ',', num_args = 1.., value_name = "AMI", conflicts_with_all = ["report", "max_runs", "nodes"])]
    pub(crate) releases: Vec<String>,
    /// Run or report.json with the failures [default: the latest run]
    #[arg(long, value_name = "RUN")]
    pub(crate) report: Option<String>,
    /// Maximum number of runs of each check
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_runs: u32,
    #[command(flatten)]
    pub(crate) money: Money,
    #[command(flatten)]
    pub(crate) on: OnNodes,
}
