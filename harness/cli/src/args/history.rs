//! Arguments about the nightly runs of a matrix: `nightly` and `history`.

use amiproof_model::history::{Keep, Location};
use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::run::{OutputForm, Run};
use super::target::Target;

/// The help of `--store` for 'nightly'. That has all options of 'run', whose `--store` is for shards.
const STORE: &str = "History store, a folder or s3://BUCKET/PREFIX: compare with its last good nightly run, and add this run to it [default: \
                     `history.store` of the matrix]";

/// Options of 'nightly'.
#[derive(Clone, Debug, Args)]
#[command(
    mut_arg("shard", |arg| arg.hide(true)),
    mut_arg("store", |arg| arg.help(STORE)),
    mut_arg("shards", |arg| arg.hide(true)),
    mut_arg("image", |arg| arg.hide(true)),
    mut_arg("namespace", |arg| arg.hide(true)),
    mut_arg("service_account", |arg| arg.hide(true)),
    mut_arg("env_from", |arg| arg.hide(true))
)]
pub(crate) struct Nightly {
    #[command(flatten)]
    pub(crate) run: Run,
    /// Afterwards delete all but the newest N nightly runs (400), or those older than a number of days (400d) [default: `history.keep` of the matrix]
    #[arg(long, value_name = "N|DAYS")]
    pub(crate) keep: Option<Keep>,
    /// What junit.xml contains. With 'new', only regressions are failures
    #[arg(long, value_enum, default_value_t = Junit::All, value_name = "WHAT")]
    pub(crate) junit: Junit,
}

/// What the JUnit file of a nightly run contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Junit {
    /// Every result.
    All,
    /// What changed since the baseline; every result if there is none.
    New,
}

/// Options of 'history'.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The matrix file, for its name and its `history`
    #[arg(short, long, env = "AMIPROOF_FILE", default_value = "amiproof.yaml", value_name = "FILE")]
    pub(crate) file: Utf8PathBuf,
    /// History store: a folder or s3://BUCKET/PREFIX [default: `history.store` of the matrix]
    #[arg(long, value_name = "DIR|S3")]
    pub(crate) store: Option<Location>,
    /// Name of the matrix [default: that of the matrix file, or the only one in the store]
    #[arg(long, value_name = "NAME")]
    pub(crate) matrix: Option<String>,
    /// Only this variant; 'cluster' for the cluster
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Only checks whose ID starts with this ('workload', 'node/ready'), including those whose result never changed
    #[arg(long, value_name = "PREFIX")]
    pub(crate) check: Option<String>,
    /// How many nightly runs to show, counted from the newest
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) last: u16,
    /// Also write the history to this file, as an HTML page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<Utf8PathBuf>,
    /// Instead of showing the history, add this run to it: a run ID, or the path of a report.json
    #[arg(long, value_name = "RUN", conflicts_with_all = ["matrix", "variant", "check", "last", "html"])]
    pub(crate) add: Option<String>,
    /// AWS region of a history store in S3 [default: that of the matrix file, or of the environment]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}
