//! Arguments of the commands about the release of an image: `promote` and `verify`.

use std::time::Duration;

use amiproof_model::name::AmiId;
use camino::Utf8PathBuf;
use clap::Args;

use super::run::{OutputForm, duration};
use super::target::Target;

/// An age: a duration, or days.
fn age(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok()).filter(|days| *days > 0);
    match days {
        Some(days) => days.checked_mul(86_400).map(Duration::from_secs).ok_or("too many days".to_owned()),
        None => duration(text).map_err(|error| error.to_string()),
    }
}

/// Options of 'promote'.
#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// Variant of the run whose image is promoted
    #[arg(value_name = "VARIANT", required_unless_present = "revoke")]
    pub(crate) variant: Option<String>,
    /// Run ID or path of a report.json [default: the latest run]
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// The image to promote; an error if the run tested another one
    #[arg(long, value_name = "AMI")]
    pub(crate) ami: Option<AmiId>,
    /// Longest age of a result, such as 12h or 7d
    #[arg(long, default_value = "7d", value_parser = age, value_name = "DURATION")]
    pub(crate) max_age: Duration,
    /// Promote even if checks have no result, as far as a threshold of the matrix allows it
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
    /// Do not require results of checks whose ID starts with one of these ('workload/efs-volume')
    #[arg(long = "except", value_delimiter = ',', value_parser = clap::builder::NonEmptyStringValueParser::new(), value_name = "PREFIX")]
    pub(crate) except: Vec<String>,
    /// Systems Manager parameter that names the newest promoted image [default: /amiproof/MATRIX/VARIANT/image-id]
    #[arg(long, value_name = "NAME", conflicts_with = "no_parameter")]
    pub(crate) parameter: Option<String>,
    /// Only tag the image; write no parameter
    #[arg(long)]
    pub(crate) no_parameter: bool,
    /// Take over a parameter that something else created: overwrite it now and in later promotions
    #[arg(long, conflicts_with = "no_parameter")]
    pub(crate) adopt: bool,
    /// Promote an image even if it was revoked
    #[arg(long)]
    pub(crate) reinstate: bool,
    /// Private key that signs the statements: a PEM file (ECDSA P-256), or a key in KMS (awskms:///alias/NAME)
    #[arg(long, value_name = "KEY", required_unless_present_any = ["unsigned", "revoke"])]
    pub(crate) key: Option<String>,
    /// Write the statements without a signature
    #[arg(long, conflicts_with = "key")]
    pub(crate) unsigned: bool,
    /// Folder for the report and its statements [default: promotions/VARIANT in the folder of the run]
    #[arg(long = "folder", alias = "out", value_name = "DIR")]
    pub(crate) out: Option<Utf8PathBuf>,
    /// Revoke the promotion of this image: it must not be used any more
    #[arg(long, value_name = "AMI", requires_all = ["reason", "region"], conflicts_with_all = ["variant", "run", "ami", "max_age", "allow_incomplete", "except", "key", "unsigned", "parameter", "no_parameter", "adopt", "reinstate", "out"])]
    pub(crate) revoke: Option<AmiId>,
    /// Why it is revoked
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new(), value_name = "TEXT", requires = "revoke")]
    pub(crate) reason: Option<String>,
    /// AWS region of the image that is revoked
    #[arg(long, env = "AWS_REGION", value_name = "REGION")]
    pub(crate) region: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Only show what would be changed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}

/// Options of 'verify'.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Folder with a report and its statements, as 'promote' writes it
    #[arg(value_name = "DIR")]
    pub(crate) folder: Utf8PathBuf,
    /// Public key of the signatures: a PEM file, or a key in KMS (awskms:///alias/NAME)
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,
    /// Image that the statements must be about; an error if they are about another one
    #[arg(long, value_name = "AMI")]
    pub(crate) ami: Option<AmiId>,
    /// Also ask AWS in this region whether the image is still promoted by this report
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}
