//! Arguments of commands that change settings of running nodes.

use camino::Utf8PathBuf;
use clap::Args;

use super::money::ByPrices;
use super::run::{Resumed, RunOptions, Selection};
use super::target::{Given, Target};

/// On which nodes, and in which run.
#[derive(Clone, Debug, Args)]
pub(crate) struct OnNodes {
    /// Change only these nodes, even if pods that do not belong to the run are on them; can be repeated
    #[arg(long = "node", value_delimiter = ',', value_name = "NAME")]
    pub(crate) nodes: Vec<String>,
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

impl OnNodes {
    /// The arguments of the `amiproof test` that the command begins with: the checks of one variant.
    pub(crate) fn as_test(&self, variant: &str, checks: Vec<String>) -> Resumed {
        Resumed {
            selection: Selection { file: self.file.clone(), variants: vec![variant.to_owned()], checks },
            target: self.target.clone(),
            given: self.given.clone(),
            options: self.options.clone(),
            prices: ByPrices::default(),
            shard: None,
            run: self.run.clone(),
        }
    }
}
