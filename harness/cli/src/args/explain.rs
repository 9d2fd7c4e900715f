//! Arguments of the commands about causes: `explain` and `exclusions`.

use amiproof_reports::exclusions::Form;
use camino::Utf8PathBuf;
use clap::Args;
use jiff::civil::Date;

use super::format;
use super::run::OutputForm;

/// Options of 'explain'.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Run ID or path of a report.json [default: the latest run]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Only this variant
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Only what explains this check, such as 'workload/web-service'
    #[arg(long, value_name = "CHECK")]
    pub(crate) check: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}

/// Options of 'exclusions'.
#[derive(Debug, Args)]
pub(crate) struct Exclusions {
    /// Run ID or path of a report.json [default: the latest run]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// The variant [default: the only one with a cause]
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Format of the list
    #[arg(
        short = 'o',
        long = "output",
        alias = "format",
        value_parser = format::variant::<Form>(),
        default_value = "markdown",
        value_name = "FORMAT"
    )]
    pub(crate) format: Form,
    /// Also list controls that are only possible causes
    #[arg(long)]
    pub(crate) possible: bool,
    /// Person or team responsible for the waivers
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,
    /// Last day of the waivers (YYYY-MM-DD)
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: Option<Date>,
    /// Add waivers for the causes that 'bisect' has proven to this file, which is created if it does not exist
    #[arg(long, conflicts_with_all = ["format", "possible"], requires_all = ["owner", "expires"], value_name = "FILE")]
    pub(crate) apply: Option<Utf8PathBuf>,
}
