//! Arguments of 'impact'.

use clap::Args;

use super::on_nodes::OnNodes;

/// Options of 'impact'.
#[derive(Clone, Debug, Args)]
pub(crate) struct Impact {
    /// Variant whose nodes are changed [default: the only one that is not hardened]
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Benchmark whose controls are measured [default: that of the variants hardened against it]
    #[arg(long, value_name = "NAME")]
    pub(crate) benchmark: Option<String>,
    /// Controls up to this level [default: the highest level of the variants hardened against the benchmark, or else 2]
    #[arg(long, value_name = "1|2", value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(crate) level: Option<u8>,
    /// Measure only this control; can be repeated
    #[arg(long = "control", value_delimiter = ',', value_name = "NUMBER")]
    pub(crate) controls: Vec<String>,
    /// Run only this check, for every control; can be repeated [default: a core set, and the checks that a control could break]
    #[arg(long = "check", value_delimiter = ',', value_name = "CHECK")]
    pub(crate) checks: Vec<String>,
    /// Also try, in pairs, the controls that break nothing on their own
    #[arg(long)]
    pub(crate) pairs: bool,
    /// Start no new control after this many minutes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_minutes: Option<u32>,
    #[command(flatten)]
    pub(crate) on: OnNodes,
}
