//! Arguments of 'bisect'.

use camino::Utf8PathBuf;
use clap::Args;

use super::run::{Resumed, RunOptions, Selection};
use super::target::{Given, Target};

/// Options of 'bisect'.
#[derive(Clone, Debug, Args)]
pub(crate) struct Bisect {
    /// Variant whose checks fail [default: the only one with failures that its reference does not have]
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Check to bisect; can be given many times [default: one for each cause in the report, and what is unexplained]
    #[arg(long = "check", value_delimiter = ',', value_name = "CHECK")]
    pub(crate) checks: Vec<String>,
    /// Run or report.json with the failures [default: the latest run]
    #[arg(long, value_name = "RUN")]
    pub(crate) report: Option<String>,
    /// Change only these nodes, although pods of others run there; can be given many times
    #[arg(long = "node", value_delimiter = ',', value_name = "NAME")]
    pub(crate) nodes: Vec<String>,
    /// Maximum number of runs of each check
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_runs: u32,
    /// The matrix file
    #[arg(short, long, env = "AMIPROOF_FILE", default_value = "amiproof.yaml", value_name = "FILE")]
    pub(crate) file: Utf8PathBuf,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) given: Given,
    #[command(flatten)]
    pub(crate) options: RunOptions,
    /// Run ID [default: the run that created the cluster of the matrix, or else a new one]
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
}

impl Bisect {
    /// The run of one variant's checks that it begins with.
    pub(crate) fn as_test(&self, variant: &str, checks: Vec<String>) -> Resumed {
        Resumed {
            selection: Selection { file: self.file.clone(), variants: vec![variant.to_owned()], checks },
            target: self.target.clone(),
            given: self.given.clone(),
            options: self.options.clone(),
            run: self.run.clone(),
        }
    }
}
