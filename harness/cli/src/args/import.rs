//! Arguments of 'import'.

use amiproof_core::scan::import::Kind;
use camino::Utf8PathBuf;
use clap::Args;

use super::format::{self, Or};
use super::run::OutputForm;

/// Options of 'import'.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Format of the file
    #[arg(value_parser = format::variant_or::<Kind>("auto", "Detected from the content"), value_name = "KIND")]
    pub(crate) kind: Or<Kind>,
    /// File to import ('-' for standard input)
    #[arg(value_name = "FILE")]
    pub(crate) path: Utf8PathBuf,
    /// Variant that the results belong to [default: the cluster]
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Run ID [default: the latest]
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Matrix file, for its waivers; if there is no run yet, its variants become the columns of a new report
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<Utf8PathBuf>,
    /// Benchmark that the control numbers belong to, such as cis-al2023-1.0.0
    #[arg(long, value_name = "BENCHMARK")]
    pub(crate) benchmark: Option<String>,
    /// CIS level of the scan
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(crate) level: Option<u8>,
    /// Scanner name in reports, to tell two imports of one scanner apart [default: the one in the file]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Exit 0 instead of 1 if checks fail; other exit codes stay as they are
    #[arg(long)]
    pub(crate) no_fail: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}
