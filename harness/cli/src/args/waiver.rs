//! `amiproof waiver` as data.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand, ValueEnum};

use super::OutputForm;

/// Options of 'waiver'.
#[derive(Debug, Args)]
pub(crate) struct Waiver {
    #[command(subcommand)]
    pub(crate) command: WaiverCommand,
}

/// What to do with waivers.
#[derive(Debug, Subcommand)]
pub(crate) enum WaiverCommand {
    /// List waivers that are expired, too broad, about to expire, unused in a run or without a ticket; exit code 1 for the first two
    Audit(WaiverAudit),
    /// Create waivers from a table of exclusions, an InSpec waiver file or a list of kube-bench checks to skip
    Import(WaiverImport),
}

/// Options of 'waiver audit'.
#[derive(Debug, Args)]
pub(crate) struct WaiverAudit {
    /// Waiver file, or a matrix file that names one
    #[arg(short, long, env = "AMIPROOF_FILE", default_value = "amiproof.yaml", value_name = "FILE")]
    pub(crate) file: Utf8PathBuf,
    /// Check the waivers against this run or report.json ('latest' is the latest run)
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Report waivers that end within this many days, such as 30d
    #[arg(long, default_value = "30d", value_name = "DAYS")]
    pub(crate) within: String,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}

/// Options of 'waiver import'.
#[derive(Debug, Args)]
pub(crate) struct WaiverImport {
    /// Format of the file
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) from: WaiverForm,
    /// File to import
    #[arg(value_name = "FILE")]
    pub(crate) path: Utf8PathBuf,
    /// Benchmark that the control numbers belong to, such as cis-al2023-1.0.0
    #[arg(long, value_name = "BENCHMARK")]
    pub(crate) benchmark: String,
    /// Person or team responsible for the waivers
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: String,
    /// Last day of waivers whose entry has none (YYYY-MM-DD)
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: Option<String>,
    /// Reason of waivers whose entry has none
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Ticket in which the waivers were approved
    #[arg(long, value_name = "TICKET")]
    pub(crate) ticket: Option<String>,
    /// Limit the waivers to these variants
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) variants: Vec<String>,
    /// Append the waivers to this file instead of printing a new one
    #[arg(long, value_name = "FILE")]
    pub(crate) into: Option<Utf8PathBuf>,
}

/// What waivers can be imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaiverForm {
    /// A table of exclusions in Markdown or CSV, or a build kit's exclusion_list.txt.
    Table,
    /// An InSpec waiver file, YAML or CSV.
    Inspec,
    /// A list for `kube-bench run --skip`.
    KubeBenchSkip,
}
