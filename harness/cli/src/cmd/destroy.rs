//! `amiproof destroy`: removes everything that a run made, also after `kill -9`.

use amiproof_core::aws::Clients;
use amiproof_core::cluster::Access;
use amiproof_core::destroy;
use amiproof_core::ledger::{Ledger, ResourceKind};
use amiproof_core::run::event::chain;
use amiproof_model::exit::ExitCode;
use amiproof_model::report::Cleanup;

use crate::args::{Destroy, Given, Global, OutputForm, Part, network_run};
use crate::output::{Failure, Output};
use crate::rundir::RunDir;
use crate::session::Connection;
use crate::signals::Signals;

/// Destroys by the ledger, asks the account what is left, and writes the answer into the run's report if it has one.
pub(crate) fn run(global: &Global, args: &Destroy, output: &Output) -> Result<ExitCode, Failure> {
    let network = match args.only {
        Some(Part::Network) => Some(network_run(&crate::files::read(&args.file, output)?.matrix.cluster.name)),
        None => None,
    };
    let folder = RunDir::open(&global.dir, network.as_deref().or(args.run.as_deref()))?;
    let _lock = folder.lock("destroy")?;
    let ledger =
        Ledger::open(folder.path()).map_err(|error| Failure::usage(chain(&error), "was it started by amiproof?"))?;
    let cleanup = super::runtime()?.block_on(take_down(global, args, &ledger, output))?;
    let amended = super::run::amend_report(&folder, &cleanup, output)?;
    match args.output {
        OutputForm::Json => {
            let text = serde_json::to_string_pretty(&cleanup)
                .map_err(|error| Failure::error(format!("cannot write the answer as JSON: {error}"), ""))?;
            output.json(text);
        }
        OutputForm::Text => output.data(summary(&folder, &cleanup)),
    }
    let exit = if cleanup.leftovers.is_empty() { ExitCode::Passed } else { ExitCode::LeftBehind };
    Ok(amended.map_or(exit, |written| written.exit(exit)))
}

async fn take_down(global: &Global, args: &Destroy, ledger: &Ledger, output: &Output) -> Result<Cleanup, Failure> {
    let shown = *output;
    let signals = Signals::listen(move |_| shown.note("interrupted: what is left stays in the ledger"))
        .map_err(|error| Failure::error(format!("cannot listen to signals: {error}"), ""))?;
    let Some(connection) = signals.cancel.run_until_cancelled(connect(global, args, ledger, output)).await else {
        return Ok(amiproof_core::run::unfinished(ledger));
    };
    let connection = connection?;
    let access = match &connection.access {
        Some(access) => Some(access.clone()),
        None => reach(connection.aws()?, ledger).await,
    };
    let plan = destroy::Plan {
        ledger,
        clients: connection.clients.as_ref(),
        access: access.as_ref(),
        what: destroy::What::Everything,
        deadlines: destroy::Deadlines::default(),
    };
    let cleanup = match signals.cancel.run_until_cancelled(destroy::destroy(&plan)).await {
        Some(cleanup) => cleanup.map_err(|error| Failure::error(chain(&error), ""))?,
        None => amiproof_core::run::unfinished(ledger),
    };
    connection.close().await;
    Ok(cleanup)
}

/// Connects to where the ledger says that the run was. What the command line says wins: a file may have moved, a lab's port changed.
async fn connect(global: &Global, args: &Destroy, ledger: &Ledger, output: &Output) -> Result<Connection, Failure> {
    let header = ledger.header();
    let mut target = args.target.clone();
    if target.endpoint_url.is_none() {
        target.endpoint_url = header.endpoint.clone();
    }
    let given = match (&args.given.kubeconfig, &header.kubeconfig) {
        (Some(_), _) => args.given.clone(),
        (None, Some(by)) => Given { kubeconfig: Some(by.path.clone()), context: by.context.clone() },
        (None, None) => return Connection::open(&target, &header.region, output).await,
    };
    let region = Some(header.region.as_str()).filter(|region| !region.is_empty());
    Connection::given(&given, &target, region, global.aws_is_named, output).await
}

/// The cluster that the run made things in, where it still answers.
async fn reach(clients: &Clients, ledger: &Ledger) -> Option<Access> {
    let entries = ledger.entries();
    let cluster = entries.iter().find_map(|entry| match entry.resource.kind {
        ResourceKind::Cluster => Some(entry.resource.name.as_str()),
        _ => entry.resource.cluster.as_deref(),
    })?;
    amiproof_core::run::reach(clients, cluster).await
}

fn summary(folder: &RunDir, cleanup: &Cleanup) -> String {
    let mut text = format!("run {}: {} created, {} gone", folder.id, cleanup.created, cleanup.gone);
    if cleanup.leftovers.is_empty() {
        text.push_str(", nothing left");
    }
    for leftover in &cleanup.leftovers {
        text.push_str(&format!(
            "\nleft behind: {} {}: {}\n  {}",
            leftover.kind, leftover.id, leftover.reason, leftover.mend
        ));
    }
    text
}
