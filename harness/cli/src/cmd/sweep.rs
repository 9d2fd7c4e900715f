//! `amiproof sweep`: the janitor. Deletes leftovers of runs on any machine, by their expiry tags.

use std::collections::BTreeSet;

use amiproof_core::destroy::{self, ProgressSink, Target};
use amiproof_model::exit::ExitCode;
use amiproof_model::report::{Foreign, Leftover};
use serde::Serialize;

use crate::args::{Global, OutputForm, Sweep};
use crate::output::{Failure, Output};
use crate::rundir;
use crate::runtime::block_on;
use crate::session::Connection;
use crate::signals::Signals;

/// The JSON output of a sweep.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    /// Whether anything was touched.
    dry_run: bool,
    /// What was deleted, or would be.
    deleted: Vec<Line<'a>>,
    /// What has expired and is kept, with the reason.
    kept: &'a [Foreign],
    /// What could not be deleted.
    leftovers: &'a [Leftover],
    /// What could not be verified.
    unverified: &'a [String],
}

/// One resource.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
}

/// Deletes what has expired; prints what it deleted and what is left.
pub(crate) fn run(global: &Global, args: &Sweep, output: &Output) -> Result<ExitCode, Failure> {
    block_on(sweep(global, args, output))?
}

async fn sweep(global: &Global, args: &Sweep, output: &Output) -> Result<ExitCode, Failure> {
    // Runs of this machine that are in progress are not swept, whatever their tags say.
    let alive = rundir::runs_under_way(&global.dir);
    let shown = *output;
    let signals =
        Signals::listen(move |_| shown.note("interrupted: what is left keeps its tags, and the next sweep deletes it"))
            .map_err(|error| Failure::error(format!("cannot install the signal handlers: {error}"), ""))?;
    let Some(swept) = signals.cancel.run_until_cancelled(swept(args, &alive, output)).await else {
        return Ok(ExitCode::Interrupted);
    };
    let swept = swept?;
    let (deleted, cleanup) = (&swept.deleted, &swept.cleanup);
    match args.output {
        OutputForm::Json => {
            let answer = Answer {
                dry_run: args.dry_run,
                deleted: deleted.iter().map(line).collect(),
                kept: &cleanup.foreign,
                leftovers: &cleanup.leftovers,
                unverified: &cleanup.unverified,
            };
            let text = serde_json::to_string_pretty(&answer)
                .map_err(|error| Failure::error(format!("cannot write the answer as JSON: {error}"), ""))?;
            output.json(text);
        }
        OutputForm::Text => {
            let verb = if args.dry_run { "would delete" } else { "deleted" };
            for target in deleted {
                let run = target.run.as_ref().map(|run| format!(" of run {run}")).unwrap_or_default();
                output.data(format_args!("{verb} {} {}{run}", target.title(), target.name));
            }
            for kept in &cleanup.foreign {
                output.data(format_args!("kept {kept}"));
            }
            for Leftover { kind, id, reason, help, .. } in &cleanup.leftovers {
                output.data(format_args!("left: {kind} {id}: {reason}\n  {help}"));
            }
            for problem in &cleanup.unverified {
                output.note(format_args!("warning: {problem}"));
            }
            let end = if args.dry_run { "; nothing was deleted" } else { "" };
            let (count, kept) = (deleted.len(), cleanup.foreign.len());
            output.note(format_args!("{count} {verb}, {kept} kept, {} left{end}", cleanup.leftovers.len()));
        }
    }
    Ok(match (cleanup.leftovers.is_empty(), cleanup.unverified.is_empty()) {
        (false, _) => ExitCode::LeftBehind,
        (true, false) => ExitCode::Error,
        (true, true) => ExitCode::Passed,
    })
}

/// Connects, and deletes what has expired; with `--dry-run` only lists it.
async fn swept(args: &Sweep, alive: &BTreeSet<String>, output: &Output) -> Result<destroy::Swept, Failure> {
    let connection = Connection::open(&args.target, &args.region, output).await?;
    let clients = connection.aws()?;
    let now = clients.now();
    let shown = *output;
    let progress = ProgressSink::to(move |line| shown.note(line));
    let swept = if args.dry_run {
        let found = destroy::expired(clients, now, alive, &progress).await;
        let mut swept = destroy::Swept { deleted: found.targets, ..destroy::Swept::default() };
        (swept.cleanup.foreign, swept.cleanup.unverified) = (found.kept, found.unverified);
        swept
    } else {
        destroy::sweep(clients, now, alive, destroy::Deadlines::default(), &progress).await
    };
    connection.close().await;
    Ok(swept)
}

fn line(target: &Target) -> Line<'_> {
    Line { kind: target.title(), name: &target.name, cluster: target.cluster.as_deref(), run: target.run.as_deref() }
}
