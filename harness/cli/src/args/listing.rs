//! Arguments of the commands that list or print what amiproof knows: `list`, `controls`, `runs` and `schema`.

use clap::{Args, ValueEnum};

use super::money::ByPrices;
use super::run::{OutputForm, Selection};

/// Options of 'list'.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// What to list
    #[arg(value_enum, default_value_t = What::Checks, value_name = "WHAT")]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}

/// What 'list' lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Every check and scan.
    Checks,
    /// The suites, with how many of their checks are selected.
    Suites,
    /// The controls of the benchmarks that the matrix names, and what evaluates each.
    Controls,
}

/// Options of 'controls'.
#[derive(Debug, Args)]
pub(crate) struct Controls {
    /// Benchmark and version, such as cis-eks-1.8.0 [default: list the benchmarks]
    #[arg(long, value_name = "BENCHMARK")]
    pub(crate) benchmark: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}

/// Options of 'runs'.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    /// List all runs, and not only the newest and those that still have resources
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) prices: ByPrices,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}

/// Options of 'schema'.
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Kind of file
    #[arg(value_enum, default_value_t = SchemaKind::Matrix, value_name = "KIND")]
    pub(crate) kind: SchemaKind,
}

/// The files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaKind {
    /// A matrix file.
    Matrix,
    /// The header of a workload file.
    Workload,
    /// A waiver file.
    Waivers,
    /// The report of a run.
    Report,
}
