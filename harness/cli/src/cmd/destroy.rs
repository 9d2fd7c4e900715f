//! `amiproof destroy`: deletes everything that a run created, even after `kill -9`.

use amiproof_core::aws::Clients;
use amiproof_core::cluster::Access;
use amiproof_core::cluster::explain::chain;
use amiproof_core::cost as bill;
use amiproof_core::destroy::{self, ProgressSink, Target, WrongTarget};
use amiproof_core::ledger::Ledger;
use amiproof_core::resource::cluster;
use amiproof_model::exit::ExitCode;
use amiproof_model::report::{Cleanup, Report};

use super::cost;
use super::forms::{self, json};
use crate::args::{Destroy, Given, Global, OutputForm, Part, network_run};
use crate::output::{Failure, Output, count};
use crate::rundir::RunDir;
use crate::runtime::block_on;
use crate::session::Connection;
use crate::signals::Signals;

/// Deletes what the ledger records, queries the account for leftovers, and writes the result into the run's report if there is one.
pub(crate) fn run(global: &Global, args: &Destroy, output: &Output) -> Result<ExitCode, Failure> {
    let network = match args.only {
        Some(Part::Network) => Some(network_run(&crate::files::read(&args.file, output)?.matrix.cluster.name)),
        None => None,
    };
    let (folder, live) = RunDir::open_live(&global.dir, network.as_deref().or(args.run.as_deref()))?;
    if let Some(live) = live {
        output.note(format_args!("run {}: {} may still exist", live.id, count(live.resources, "resource")));
    }
    let _lock = folder.lock("destroy")?;
    output.keep_log_in(folder.path());
    let ledger = Ledger::open(folder.path()).map_err(|error| {
        Failure::usage(
            chain(&error),
            "a run without a ledger has created nothing; `amiproof sweep` finds expired resources by tag",
        )
    })?;
    if let Some(contradiction) = ledger.contradiction() {
        return Err(Failure::usage(contradiction, "correct the header of the ledger; nothing was touched"));
    }
    for torn in ledger.torn() {
        output.note(format_args!("warning: the ledger is incomplete, so resources are also looked up by tag: {torn}"));
    }
    let prices = cost::prices(&args.prices)?;
    if args.dry_run {
        let targets = block_on(preview(global, args, &ledger, output))??;
        return show(&folder, &targets, args.output, output);
    }
    let cleanup = block_on(teardown(global, args, &ledger, output))??;
    match args.output {
        OutputForm::Json => output.json(json(&cleanup)?),
        OutputForm::Text => output.data(summary(&folder, &cleanup)),
    }
    let amend = |report: &mut Report| {
        report.cleanup = cleanup.clone();
        report.cost = bill::until(&ledger, report, &prices, amiproof_time::now());
    };
    let amended = forms::amend_report(&folder, amend, output);
    let exit = match (cleanup.leftovers.is_empty(), cleanup.is_verified()) {
        (false, _) => ExitCode::LeftBehind,
        (true, false) => ExitCode::Error,
        (true, true) => ExitCode::Passed,
    };
    Ok(match amended {
        Ok(amended) => amended.map_or(exit, |written| written.exit(exit)),
        // What was deleted and what is left has been printed by now, and matters more than a report that lacks it.
        Err(failure) => {
            output.error(&failure);
            if exit == ExitCode::LeftBehind { exit } else { ExitCode::Error }
        }
    })
}

/// Prints what would be deleted.
fn show(folder: &RunDir, targets: &[Target], form: OutputForm, output: &Output) -> Result<ExitCode, Failure> {
    match form {
        OutputForm::Json => {
            let lines: Vec<_> = targets
                .iter()
                .map(|target| serde_json::json!({"kind": target.title(), "name": target.name, "cluster": target.cluster}))
                .collect();
            output.json(json(&serde_json::json!({"dryRun": true, "run": folder.id, "wouldDelete": lines}))?);
        }
        OutputForm::Text => {
            for target in targets {
                output.data(format_args!("would delete {} {}", target.title(), target.name));
            }
            let targets = count(targets.len(), "resource");
            output.note(format_args!("run {}: {targets}; nothing was deleted", folder.id));
        }
    }
    Ok(ExitCode::Passed)
}

/// The connections that a teardown needs.
struct Reached {
    connection: Connection,
    access: Option<Access>,
}

impl Reached {
    async fn of(global: &Global, args: &Destroy, ledger: &Ledger, output: &Output) -> Result<Self, Failure> {
        let connection = connect(global, args, ledger, output).await?;
        let access = match &connection.access {
            Some(access) => Some(access.clone()),
            None => reach(connection.aws()?, ledger).await,
        };
        Ok(Self { connection, access })
    }

    fn plan<'a>(&'a self, ledger: &'a Ledger, progress: &'a ProgressSink) -> destroy::Plan<'a> {
        destroy::Plan {
            ledger,
            clients: self.connection.clients.as_ref(),
            access: self.access.as_ref(),
            what: destroy::What::Everything,
            deadlines: destroy::Deadlines::default(),
            progress,
        }
    }
}

async fn preview(global: &Global, args: &Destroy, ledger: &Ledger, output: &Output) -> Result<Vec<Target>, Failure> {
    let reached = Reached::of(global, args, ledger, output).await?;
    let targets = destroy::preview(&reached.plan(ledger, &ProgressSink::silent())).await.map_err(wrong_target)?;
    reached.connection.close().await;
    Ok(targets)
}

/// Deletes what the ledger records.
pub(super) async fn teardown(
    global: &Global,
    args: &Destroy,
    ledger: &Ledger,
    output: &Output,
) -> Result<Cleanup, Failure> {
    let shown = *output;
    let signals = Signals::listen(move |_| shown.alert("interrupted: what is left stays in the ledger"))
        .map_err(|error| Failure::error(format!("cannot install the signal handlers: {error}"), ""))?;
    let stopped = || amiproof_core::run::unfinished(ledger);
    let Some(reached) = signals.cancel.run_until_cancelled(Reached::of(global, args, ledger, output)).await else {
        return Ok(stopped());
    };
    let reached = reached?;
    let progress = ProgressSink::to(move |line| shown.note(line));
    let plan = reached.plan(ledger, &progress);
    let cleanup = match signals.cancel.run_until_cancelled(destroy::destroy(&plan)).await {
        Some(cleanup) => cleanup.map_err(wrong_target)?,
        None => stopped(),
    };
    reached.connection.close().await;
    Ok(cleanup)
}

/// The error of a teardown in another account, region, endpoint or cluster than the run's: nothing was touched.
fn wrong_target(error: WrongTarget) -> Failure {
    match &error {
        WrongTarget::Aws { what: "account", theirs, .. } => {
            Failure::usage(chain(&error), format!("use credentials of account {theirs}, for example with --profile"))
        }
        WrongTarget::Aws { .. } => Failure::usage(
            chain(&error),
            "omit --endpoint-url and AWS_ENDPOINT_URL: the ledger records the endpoint of the run",
        ),
        WrongTarget::Cluster { .. } => Failure::usage(
            chain(&error),
            "name the kubeconfig and context of the run's cluster with --kubeconfig and --context",
        ),
        WrongTarget::Unknown { .. } => Failure::error(chain(&error), "nothing was touched"),
    }
}

/// Connects to the account or cluster that the ledger records. The command line overrides it: a file may have moved, a lab's port changed.
async fn connect(global: &Global, args: &Destroy, ledger: &Ledger, output: &Output) -> Result<Connection, Failure> {
    let header = ledger.header();
    let mut target = args.target.clone();
    if target.endpoint_url.is_none() {
        target.endpoint_url = header.endpoint.clone();
    }
    let given = match (&args.given.kubeconfig, &header.kubeconfig) {
        (Some(_), _) => args.given.clone(),
        // The context is the one that was current when the run started, whatever is current now.
        (None, Some(by)) => Given { kubeconfig: Some(by.path.clone()), context: by.context.clone() },
        (None, None) => return Connection::open(&target, &header.region, output).await,
    };
    let region = Some(header.region.as_str()).filter(|region| !region.is_empty());
    Connection::given(&given, &target, region, global.aws_is_named, output).await
}

/// The cluster that the run created objects in, if it still answers.
async fn reach(clients: &Clients, ledger: &Ledger) -> Option<Access> {
    let entries = ledger.entries();
    let cluster = entries.iter().find_map(|entry| match &entry.resource.kind {
        kind if *kind == cluster::KIND => Some(entry.resource.name.as_str()),
        _ => entry.resource.cluster.as_deref(),
    })?;
    amiproof_core::run::reach(clients, cluster).await
}

fn summary(folder: &RunDir, cleanup: &Cleanup) -> String {
    let mut text = format!("run {}: {} created, {} deleted", folder.id, cleanup.created, cleanup.deleted);
    if cleanup.leftovers.is_empty() && cleanup.is_verified() {
        text.push_str(", nothing left");
    }
    for foreign in &cleanup.foreign {
        text.push_str(&format!("\nnot owned by this run: {foreign}"));
    }
    for unverified in &cleanup.unverified {
        text.push_str(&format!("\nnot verified: {unverified}"));
    }
    for leftover in &cleanup.leftovers {
        text.push_str(&format!(
            "\nleft behind: {} {}: {}\n  {}",
            leftover.kind, leftover.id, leftover.reason, leftover.help
        ));
    }
    text
}
