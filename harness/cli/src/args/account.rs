//! Arguments of the commands about an AWS account: `doctor` and `iam-policy`.

use amiproof_core::iam::Goal;
use camino::Utf8PathBuf;
use clap::Args;

use super::format;
use super::run::{OutputForm, Selection};
use super::target::Target;

/// Options of 'doctor'.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Registry that the run will pull all images from, as given to 'run'
    #[arg(long, value_name = "REGISTRY")]
    pub(crate) image_registry: Option<String>,
    /// Output format
    #[arg(short, long, alias = "format", value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}

/// Options of 'iam-policy'.
#[derive(Debug, Args)]
pub(crate) struct IamPolicy {
    /// Only the actions that these commands need; for 'run' name apply, test, scan and destroy [default: all but promote and report]
    #[arg(long = "for", value_parser = format::variant::<Goal>(), value_delimiter = ',', value_name = "COMMAND")]
    pub(crate) goals: Vec<Goal>,
    /// Limit the policy to the cluster, region, roles, policies and keys of this matrix file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<Utf8PathBuf>,
    /// Limit the policy to this region [default: the one of the matrix, or any]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Limit the policy to this account [default: any]
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    pub(crate) account: Option<String>,
    /// Print only the Nth policy, if one managed policy is too small for all actions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) part: Option<u16>,
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.chars().all(|c| c.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an AWS account has 12 digits".to_owned())
    }
}
