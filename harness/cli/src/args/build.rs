//! Arguments of `build`.

use camino::Utf8PathBuf;
use clap::Args;

use super::run::OutputForm;
use super::target::Target;

/// Options of 'build'.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Variants to build [default: every one with 'build']
    #[arg(value_name = "VARIANT")]
    pub(crate) variants: Vec<String>,
    /// The matrix file
    #[arg(short, long, env = "AMIPROOF_FILE", default_value = "amiproof.yaml", value_name = "FILE")]
    pub(crate) file: Utf8PathBuf,
    /// The Packer program
    #[arg(long, env = "AMIPROOF_PACKER", default_value = "packer", value_name = "PROGRAM")]
    pub(crate) packer: String,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Only initialise and validate the templates, and check the account; build nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}
