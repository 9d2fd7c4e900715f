//! The commands that run checks, as data.

use std::time::Duration;

use amiproof_model::history::Location;
use amiproof_model::name::NameError;
use amiproof_model::shard::Shard;
use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::in_cluster::InCluster;
use super::money::{ByPrices, Money};
use super::target::{Given, Target};

/// The matrix file, and which of its variants and checks to use.
#[derive(Clone, Debug, Args)]
pub(crate) struct Selection {
    /// The matrix file
    #[arg(short, long, env = "AMIPROOF_FILE", default_value = "amiproof.yaml", value_name = "FILE")]
    pub(crate) file: Utf8PathBuf,
    /// Only these variants and the references they need
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) variants: Vec<String>,
    /// Only checks whose ID starts with one of these ('node', 'workload/web-service')
    #[arg(long, value_delimiter = ',', value_name = "PREFIX")]
    pub(crate) checks: Vec<String>,
}

/// Options of 'run', 'apply' and 'nightly'.
#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) given: Given,
    #[command(flatten)]
    pub(crate) options: RunOptions,
    #[command(flatten)]
    pub(crate) money: Money,
    /// Run ID [default: generated]
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Test only shard I of N of the variants; `amiproof merge` combines the reports. In a pod of an Indexed Job, job/N takes I from its
    /// index. Needs an existing cluster
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    /// Keep the ledger, the results and the report of the shard in this store, a folder or s3://BUCKET/PREFIX: the same command continues it on
    /// another machine, and `amiproof merge --store` merges the run. Needs --shard and --run, or
    /// --in-cluster
    #[arg(long, value_name = "DIR|S3")]
    pub(crate) store: Option<Location>,
    #[command(flatten)]
    pub(crate) in_cluster: InCluster,
    /// Limit the command to one part of the run
    #[arg(long, value_enum, value_name = "PART")]
    pub(crate) only: Option<Part>,
}

/// A part of what a run creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The CloudFormation stack with network and roles.
    Network,
}

impl Run {
    /// Whether only the network stack is wanted.
    pub(crate) fn network_only(&self) -> bool {
        self.only == Some(Part::Network)
    }

    /// The run's name: the user's, or the one that stands for the cluster's network, or none.
    pub(crate) fn run_name(&self, cluster: &str) -> Option<String> {
        self.run.clone().or_else(|| self.network_only().then(|| network_run(cluster)))
    }
}

/// The run that stands for a cluster's network stack, which outlives ordinary runs.
pub(crate) fn network_run(cluster: &str) -> String {
    let legal: String =
        cluster.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("network-{}", legal.chars().take(32).collect::<String>().trim_end_matches('-'))
}

/// Options of 'test' and 'scan'.
#[derive(Clone, Debug, Args)]
pub(crate) struct Resumed {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) given: Given,
    #[command(flatten)]
    pub(crate) options: RunOptions,
    #[command(flatten)]
    pub(crate) prices: ByPrices,
    /// Test only shard I of N of the variants; `amiproof merge` combines the reports. In a pod of an Indexed Job, job/N takes I from its
    /// index. Needs existing nodes
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    /// Run ID [default: the run that created the cluster of the matrix, or else the latest]
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
}

/// Options of 'test'.
#[derive(Clone, Debug, Args)]
pub(crate) struct Test {
    #[command(flatten)]
    pub(crate) more: Resumed,
    /// Only these workloads: names from the catalogue or the matrix, files or folders. Without a matrix file they run in the lab, or on
    /// the node groups of --kubeconfig
    #[arg(long, value_delimiter = ',', value_name = "NAME|PATH")]
    pub(crate) workloads: Vec<String>,
}

/// How a run behaves.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunOptions {
    /// Retry a failed check up to N times; a pass on a retry is reported as 'flaky'
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) retries: u32,
    /// Run kube-bench on every node of each variant instead of only the first
    #[arg(long, hide_short_help = true)]
    pub(crate) all_nodes: bool,
    /// Maximum number of pods at a time, over all variants [default: cluster.maxPods, or 30 per variant]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), hide_short_help = true)]
    pub(crate) max_pods: Option<u32>,
    /// Pull all images from this registry
    #[arg(long, value_name = "REGISTRY", hide_short_help = true)]
    pub(crate) image_registry: Option<String>,
    /// Registry credentials for the nodes: a config.json as written by `docker login`
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) image_pull_secret: Option<Utf8PathBuf>,
    /// Compare with this run or report and mark regressions ('latest' is the latest run)
    #[arg(long, value_name = "RUN")]
    pub(crate) baseline: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
    /// Exit 0 instead of 1 if checks fail; other exit codes stay as they are
    #[arg(long)]
    pub(crate) no_fail: bool,
    /// Stop the checks after this time, like 90m or 2h30m, and finish as usual; unfinished checks are not evaluated
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) deadline: Option<Duration>,
    /// Time after which 'sweep' may delete what the run created: hours, or a duration like 90m
    #[arg(long, default_value = "12", value_name = "HOURS", value_parser = lifetime)]
    pub(crate) expires: Duration,
}

/// Hours, or a duration; never none, because `sweep` would delete the resources of a run that has just begun.
fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = match text.parse::<u64>() {
        Ok(0) => return Err("'sweep' would delete what the run is still using: give it at least an hour".to_owned()),
        Ok(hours) => hours.checked_mul(3600).map(Duration::from_secs).ok_or("too many hours".to_owned())?,
        Err(_) => duration(text).map_err(|error| error.to_string())?,
    };
    Ok(lifetime)
}

/// A duration of whole seconds, like 90m.
pub(super) fn duration(text: &str) -> Result<Duration, NameError> {
    amiproof_model::duration::parse(text)
}

/// What goes to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputForm {
    /// Human-readable text.
    Text,
    /// JSON.
    Json,
}
