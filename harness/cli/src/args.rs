//! The command line as data.

mod account;
mod bisect;
mod build;
mod explain;
mod format;
mod history;
mod impact;
mod import;
mod in_cluster;
mod listing;
mod merge;
mod money;
mod on_nodes;
mod release;
mod run;
mod shard;
mod target;
mod waiver;
mod workload;

use std::time::Duration;

use amiproof_reports::Format;
use amiproof_reports::compare::ComparisonFormat;
use camino::{Utf8Path, Utf8PathBuf};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) use self::account::{Doctor, IamPolicy};
pub(crate) use self::bisect::Bisect;
pub(crate) use self::build::Build;
pub(crate) use self::explain::{Exclusions, Explain};
pub(crate) use self::history::{History, Junit, Nightly};
pub(crate) use self::impact::Impact;
pub(crate) use self::import::Import;
pub(crate) use self::in_cluster::InCluster;
pub(crate) use self::listing::{Controls, List, Runs, Schema, SchemaKind, What};
pub(crate) use self::merge::Merge;
pub(crate) use self::money::{ByPrices, Money};
pub(crate) use self::release::{Promote, Verify};
pub(crate) use self::run::{OutputForm, Part, Resumed, Run, RunOptions, Selection, Test, network_run};
pub(crate) use self::target::{Given, Named, Target};
pub(crate) use self::waiver::{Waiver, WaiverAudit, WaiverCommand, WaiverForm, WaiverImport};
pub(crate) use self::workload::{Workload, WorkloadCommand};
use crate::dir;
use crate::resumption::Resumption;

/// Test whether hardened EKS node images still join, run your workloads and meet the benchmark.
#[derive(Debug, Parser)]
#[command(name = "amiproof", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 all passed or waived, 1 a check failed, 2 wrong usage or configuration, \
3 inconclusive: something could not be evaluated, 4 nothing selected, 5 regression against the baseline, \
6 something was left behind, 130 interrupted.")]
pub(crate) struct Cli {
    /// What every command understands.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    /// clap's, with what is wrong and the usage; also for `--help` and `--version`.
    pub(crate) fn read(arguments: impl IntoIterator<Item = String>) -> Result<Self, clap::Error> {
        let arguments: Vec<String> = arguments.into_iter().collect();
        let index = std::env::var("JOB_COMPLETION_INDEX").ok();
        // What is recorded of the run is the number of the shard, wherever it is continued.
        let arguments = shard::of_job(arguments, index.as_deref())
            .map_err(|why| Self::command().error(clap::error::ErrorKind::ValueValidation, why))?;
        let all = std::iter::once("amiproof").chain(arguments.iter().map(String::as_str));
        let matches = Self::command().color(color_of_messages(&arguments)).try_get_matches_from(all)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        cli.global.aws_is_named = says(&matches, &["profile", "endpoint_url"]);
        let named = Named { profile: says(&matches, &["profile"]), endpoint: says(&matches, &["endpoint_url"]) };
        if let Some(target) = cli.command.target()
            && let Err(conflict) = target.settle(named)
        {
            return Err(Self::command().error(clap::error::ErrorKind::ArgumentConflict, conflict));
        }
        if matches.value_source("dir") == Some(ValueSource::DefaultValue) {
            cli.global.dir = dir::default_in(Utf8Path::new(""));
        }
        cli.global.arguments = arguments;
        Ok(cli)
    }
}

/// Colour in help and in what is wrong with the command line, which is printed before `--color` is known.
fn color_of_messages(arguments: &[String]) -> clap::ColorChoice {
    let mut wish = clap::ColorChoice::Auto;
    let mut words = arguments.iter().take_while(|word| *word != "--").map(String::as_str);
    while let Some(word) = words.next() {
        let value = if word == "--color" { words.next() } else { word.strip_prefix("--color=") };
        wish = match value {
            Some("always") => clap::ColorChoice::Always,
            Some("never") => clap::ColorChoice::Never,
            Some(_) => clap::ColorChoice::Auto,
            None => wish,
        };
    }
    wish
}

/// Whether the command line itself, and not only the environment, gives one of these options.
fn says(matches: &ArgMatches, ids: &[&str]) -> bool {
    let is_given = |command: &ArgMatches, id: &str| {
        command.try_contains_id(id).is_ok_and(|there| there)
            && command.value_source(id) == Some(ValueSource::CommandLine)
    };
    matches.subcommand().is_some_and(|(_, command)| ids.iter().any(|id| is_given(command, id)) || says(command, ids))
}

/// The heading in help of what every command understands.
const EVERYWHERE: &str = "Options of every command";

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", help_heading = EVERYWHERE)]
    pub(crate) color: Color,
    /// Folder for runs, ledgers and reports
    #[arg(long, global = true, env = "AMIPROOF_DIR", default_value = dir::NAME, value_name = "DIR", help_heading = EVERYWHERE)]
    pub(crate) dir: Utf8PathBuf,
    /// Whether --profile or --endpoint-url is on the command line, and not only in the environment.
    #[arg(skip)]
    pub(crate) aws_is_named: bool,
    /// The arguments, without the program's name.
    #[arg(skip)]
    pub(crate) arguments: Vec<String>,
    /// The run that the command continues.
    #[arg(skip)]
    pub(crate) resumption: Option<Resumption>,
    /// Print each check, and log more; -vv includes the libraries
    ///
    /// RUST_LOG says exactly what is logged, for example RUST_LOG=amiproof_core=debug. Whatever is printed, the folder of a run has all of
    /// amiproof's own messages in log.txt.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = EVERYWHERE)]
    pub(crate) verbose: u8,
    /// Print only errors and the result
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = EVERYWHERE)]
    pub(crate) quiet: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Where standard output or standard error is a terminal, for each separately; never with NO_COLOR, always with CLICOLOR_FORCE.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands, in the order in which a user meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented matrix file to start from
    Init(Init),
    /// Check the matrix, waivers, workloads and user data; no network
    Check(Check),
    /// List the checks, suites or controls, whether the matrix selects them, and why not
    List(List),
    /// Show what a run would create, without changes (offline unless --profile or --endpoint-url is given)
    Plan(Plan),
    /// Check credentials, permissions, quotas, images and tools before a run; creates nothing
    Doctor(Doctor),
    /// Print a least-privilege IAM policy for amiproof (offline)
    IamPolicy(IamPolicy),
    /// Build the images of variants with your Packer, for the matrix to test
    Build(Build),
    /// Create the cluster and one node group per variant, run the smoke tests, and keep everything
    #[command(mut_arg("run", |arg| arg.help("Run ID [default: the run that created the cluster, or else generated]")))]
    #[command(
        mut_arg("shard", |arg| arg.hide(true)),
        mut_arg("store", |arg| arg.hide(true)),
        mut_arg("shards", |arg| arg.hide(true)),
        mut_arg("image", |arg| arg.hide(true)),
        mut_arg("namespace", |arg| arg.hide(true)),
        mut_arg("service_account", |arg| arg.hide(true)),
        mut_arg("env_from", |arg| arg.hide(true))
    )]
    Apply(Run),
    /// Run smoke tests and node checks on what 'apply' created, or on any cluster (--kubeconfig)
    Test(Test),
    /// Run kube-bench and OS CIS scans on what 'apply' created, or on any cluster (--kubeconfig)
    Scan(Resumed),
    /// Apply, test, scan, report and destroy in one go; with --kubeconfig, only test, scan and report
    Run(Run),
    /// Continue a run that was killed or interrupted: checks that already have a result are not repeated
    Resume(Resume),
    /// Repeat the checks that failed or could not be evaluated, and keep all other results
    Rerun(Rerun),
    /// Render the report of a run again from its report.json (offline, except with --send)
    Report(Report),
    /// Name the settings that explain what failed on hardened variants (offline)
    Explain(Explain),
    /// Prove which settings break checks of a hardened variant, by exchanging them on running nodes, and put everything back
    Bisect(Box<Bisect>),
    /// Measure what each control of a benchmark breaks, one at a time on running nodes, and put everything back
    Impact(Box<Impact>),
    /// List the controls to leave out of a hardened image so that all checks pass, in the format of its build tool (offline)
    Exclusions(Exclusions),
    /// Merge the reports of the shards of a run into one (offline, except with a store in S3)
    #[command(
        mut_arg("lab", |arg| arg.hide(true)),
        mut_arg("seed", |arg| arg.hide(true)),
        mut_arg("scenario", |arg| arg.hide(true)),
        mut_arg("host_profiles", |arg| arg.hide(true))
    )]
    Merge(Merge),
    /// Import the results of another tool into a run
    ///
    /// It reads XCCDF, ARF, SARIF, JUnit, InSpec, HDF, OCSF, ASFF, CTRF and goss, and the files of Inspector, kube-bench and Bottlerocket
    Import(Import),
    /// Audit and import waivers
    Waiver(Waiver),
    /// Compare two runs; exit code 5 on a regression
    Compare(Compare),
    /// Run, compare with the last good nightly run, add the report to the history store if there is one, and destroy
    Nightly(Box<Nightly>),
    /// Show since when each check fails, and which checks pass intermittently, over the nightly runs in a history store
    #[command(
        mut_arg("lab", |arg| arg.hide(true)),
        mut_arg("seed", |arg| arg.hide(true)),
        mut_arg("scenario", |arg| arg.hide(true)),
        mut_arg("host_profiles", |arg| arg.hide(true))
    )]
    History(Box<History>),
    /// Mark a tested image as fit for use (tags, a parameter, signed statements), or revoke that
    Promote(Box<Promote>),
    /// Verify the signed statements about an image and, with --region, whether it is still promoted
    Verify(Verify),
    /// List the runs: when they started, how they ended, what still exists and what it costs (offline)
    Runs(Runs),
    /// Delete everything that a run created
    #[command(
        mut_arg("kubeconfig", |arg| arg.help("Delete in the cluster of this kubeconfig [default: the one in the ledger]")),
        mut_arg("lab", |arg| arg.hide(true)),
        mut_arg("seed", |arg| arg.hide(true)),
        mut_arg("scenario", |arg| arg.hide(true)),
        mut_arg("host_profiles", |arg| arg.hide(true))
    )]
    Destroy(Destroy),
    /// Delete expired resources of any run (by tag)
    #[command(
        mut_arg("lab", |arg| arg.hide(true)),
        mut_arg("seed", |arg| arg.hide(true)),
        mut_arg("scenario", |arg| arg.hide(true)),
        mut_arg("host_profiles", |arg| arg.hide(true))
    )]
    Sweep(Sweep),
    /// List, create, test and render workloads, and list their images
    Workload(Workload),
    /// List the controls of a benchmark and what evaluates each of them
    Controls(Controls),
    /// Print a JSON Schema
    Schema(Schema),
    /// Run the lab: an emulated AWS account with Kubernetes clusters
    Lab(Lab),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page, or write those of all commands to a folder
    Man(ManPages),
}

impl Command {
    /// The AWS account or endpoint that a command talks to, if it talks to one.
    pub(crate) fn target(&mut self) -> Option<&mut Target> {
        match self {
            Self::Apply(run) | Self::Run(run) => Some(&mut run.target),
            Self::Nightly(nightly) => Some(&mut nightly.run.target),
            Self::History(history) => Some(&mut history.target),
            Self::Merge(merge) => Some(&mut merge.target),
            Self::Test(test) => Some(&mut test.more.target),
            Self::Scan(scan) => Some(&mut scan.target),
            Self::Bisect(bisect) => Some(&mut bisect.on.target),
            Self::Impact(impact) => Some(&mut impact.on.target),
            Self::Destroy(destroy) => Some(&mut destroy.target),
            Self::Sweep(sweep) => Some(&mut sweep.target),
            Self::Doctor(doctor) => Some(&mut doctor.target),
            Self::Build(build) => Some(&mut build.target),
            Self::Promote(promote) => Some(&mut promote.target),
            Self::Verify(verify) => Some(&mut verify.target),
            Self::Workload(workload) => match &mut workload.command {
                WorkloadCommand::Test { more, .. } => Some(&mut more.target),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Options of 'init'.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// File to write
    #[arg(default_value = "amiproof.yaml", value_name = "FILE")]
    pub(crate) file: Utf8PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

/// Options of 'check'.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}

/// Options of 'plan'.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Limit the command to one part of the run
    #[arg(long, value_enum, value_name = "PART")]
    pub(crate) only: Option<Part>,
    #[command(flatten)]
    pub(crate) money: Money,
    /// Estimate for a run that stops its checks after this time, like 90m or 2h30m
    #[arg(long, value_name = "DURATION", value_parser = run::duration)]
    pub(crate) deadline: Option<Duration>,
    /// Also check the account of this AWS profile for missing images, subscriptions and permissions
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Also check the account behind this AWS endpoint URL
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}

/// Options of 'resume'.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// Run ID [default: the one that still has resources, or else the latest]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
}

/// Options of 'rerun'.
#[derive(Debug, Args)]
pub(crate) struct Rerun {
    /// Run ID [default: the one that still has resources, or else the latest]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Repeat the checks that failed or could not be evaluated
    #[arg(long, required = true)]
    pub(crate) failed: bool,
}

/// Options of 'report'.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Run ID or path of a report.json [default: the latest run]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Print this format to standard output instead of writing all files
    #[arg(short = 'o', long = "output", alias = "format", value_parser = format::variant::<Format>(), value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Mark the differences from this run or report in the matrix
    #[arg(long, value_name = "RUN")]
    pub(crate) baseline: Option<String>,
    /// Send the findings to Security Hub instead of printing them (with '--output asff')
    #[arg(long, requires = "format")]
    pub(crate) send: bool,
    /// AWS profile to send with
    #[arg(long, requires = "send", value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Send to this AWS endpoint URL (a moto server)
    #[arg(long, requires = "send", value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
}

/// Options of 'compare'.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Run or report.json to compare with
    #[arg(value_name = "BASELINE")]
    pub(crate) base: String,
    /// New run or report.json
    #[arg(value_name = "CANDIDATE")]
    pub(crate) candidate: String,
    /// Output format
    #[arg(
        short = 'o',
        long = "output",
        alias = "format",
        value_parser = format::variant::<ComparisonFormat>(),
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub(crate) format: ComparisonFormat,
}

/// Options of 'destroy'.
#[derive(Debug, Args)]
pub(crate) struct Destroy {
    /// Run ID [default: the latest with resources]
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Delete only this part: the network stack of 'apply --only network', which outlives runs
    #[arg(long, value_enum, value_name = "PART", conflicts_with = "run")]
    pub(crate) only: Option<Part>,
    /// Matrix file; only used with --only network
    #[arg(short, long, env = "AMIPROOF_FILE", default_value = "amiproof.yaml", value_name = "FILE")]
    pub(crate) file: Utf8PathBuf,
    #[command(flatten)]
    pub(crate) given: Given,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) prices: ByPrices,
    /// Only show what would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}

/// Options of 'sweep'.
#[derive(Debug, Args)]
pub(crate) struct Sweep {
    /// AWS region; can be repeated
    #[arg(long = "region", env = "AWS_REGION", value_name = "REGION", value_delimiter = ',', required = true)]
    pub(crate) regions: Vec<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Delete without asking; needed where there is no terminal
    #[arg(short, long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Only show what would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
    pub(crate) output: OutputForm,
}

/// Options of 'lab'.
#[derive(Debug, Args)]
pub(crate) struct Lab {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub(crate) bind: std::net::IpAddr,
    /// Port of the AWS endpoint; 0 picks a free one
    #[arg(long, default_value_t = 4599, value_name = "PORT")]
    pub(crate) port: u16,
    /// Speed relative to real time
    #[arg(long, default_value_t = 20.0, value_name = "FACTOR")]
    pub(crate) time_scale: f64,
    /// Faults to inject: a file, or the name of a built-in scenario
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<String>,
    /// Additional host profiles: a folder of YAML files, one per image that a matrix may name
    #[arg(long, alias = "profiles", value_name = "DIR")]
    pub(crate) host_profiles: Option<Utf8PathBuf>,
    /// Region of the account
    #[arg(long, default_value = "us-west-2", value_name = "REGION")]
    pub(crate) region: String,
}

/// Options of 'completions'.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Options of 'man'.
#[derive(Debug, Args)]
pub(crate) struct ManPages {
    /// Folder for the pages of all commands [default: print that of amiproof]
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<Utf8PathBuf>,
}

#[cfg(test)]
mod tests;
