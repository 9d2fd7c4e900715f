//! `amiproof destroy`: removes everything that a run made, also after `kill -9`.

use amiproof_core::ledger::Ledger;
use amiproof_model::exit::ExitCode;
use amiproof_model::report::Cleanup;

use crate::args::{Destroy, Global, OutputForm, Part, network_run};
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
    let ledger = Ledger::open(folder.path())
        .map_err(|error| Failure::usage(amiproof_core::run::event::chain(&error), "was it started by amiproof?"))?;
    let cleanup = super::runtime()?.block_on(destroy(args, &ledger, output))?;
    super::run::amend_report(&folder, &cleanup, output)?;
    match args.output {
        OutputForm::Json => {
            let text = serde_json::to_string_pretty(&cleanup)
                .map_err(|error| Failure::error(format!("cannot write the answer as JSON: {error}"), ""))?;
            output.data(text);
        }
        OutputForm::Text => output.data(summary(&folder, &cleanup)),
    }
    Ok(if cleanup.leftovers.is_empty() { ExitCode::Passed } else { ExitCode::LeftBehind })
}

async fn destroy(args: &Destroy, ledger: &Ledger, output: &Output) -> Result<Cleanup, Failure> {
    let shown = *output;
    let signals = Signals::listen(move |_| shown.note("interrupted: what is left stays in the ledger"))
        .map_err(|error| Failure::error(format!("cannot listen to signals: {error}"), ""))?;
    let mut target = args.target.clone();
    // The ledger knows where the run was; an endpoint on the command line wins, because a lab's port may have changed.
    if target.endpoint_url.is_none() {
        target.endpoint_url = ledger.header().endpoint.clone();
    }
    let connection = Connection::open(&target, &ledger.header().region).await?;
    let work = amiproof_core::destroy::destroy(&connection.clients, ledger, connection.pace);
    let cleanup = match signals.cancel.run_until_cancelled(work).await {
        Some(cleanup) => cleanup,
        None => amiproof_core::destroy::unfinished(ledger),
    };
    connection.close().await;
    Ok(cleanup)
}

fn summary(folder: &RunDir, cleanup: &Cleanup) -> String {
    let mut text = format!("run {}: {} created, {} gone", folder.id, cleanup.created, cleanup.gone);
    if cleanup.leftovers.is_empty() {
        text.push_str(", nothing left");
    }
    for leftover in &cleanup.leftovers {
        text.push_str(&format!("\nleft behind: {} {}: {}\n  {}", leftover.kind, leftover.id, leftover.reason, leftover.mend));
    }
    text
}
