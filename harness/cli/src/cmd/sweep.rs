//! `amiproof sweep`: the janitor. Deletes leftovers of runs on any machine, by their expiry tags. Lists what it would delete, and asks.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};

use amiproof_core::destroy::{self, ProgressSink, Target};
use amiproof_model::exit::ExitCode;
use amiproof_model::report::{Cleanup, Foreign, Leftover};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::oneshot;

use super::forms::json;
use crate::args::{Global, OutputForm, Sweep};
use crate::output::{Failure, Output, count};
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
    /// What was deleted.
    deleted: Vec<Line<'a>>,
    /// What would be deleted, where nothing was touched.
    would_delete: Vec<Line<'a>>,
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
    region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
}

/// What has expired in one region.
struct Region {
    name: String,
    connection: Connection,
    now: Timestamp,
    found: destroy::Found,
}

/// The outcome in all regions: what was deleted, or would be, by its region, and the rest.
#[derive(Default)]
struct Outcome {
    deleted: Vec<(String, Target)>,
    cleanup: Cleanup,
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Delete,
    OnlyShow,
}

/// Deletes what has expired; prints what it deleted and what is left.
pub(crate) fn run(global: &Global, args: &Sweep, output: &Output) -> Result<ExitCode, Failure> {
    block_on(sweep(global, args, output))?
}

async fn sweep(global: &Global, args: &Sweep, output: &Output) -> Result<ExitCode, Failure> {
    // Runs of this machine that are in progress are not swept, whatever their tags say.
    let alive = rundir::runs_under_way(&global.dir);
    let shown = *output;
    let signals = Signals::listen(move |_| {
        shown.alert("interrupted: what is left keeps its tags, and the next sweep deletes it")
    })
    .map_err(|error| Failure::error(format!("cannot install the signal handlers: {error}"), ""))?;
    let Some(outcome) = signals.cancel.run_until_cancelled(swept(args, &alive, output)).await else {
        return Ok(ExitCode::Interrupted);
    };
    let (wish, Outcome { deleted, cleanup }) = outcome?;
    let dry_run = wish == Wish::OnlyShow;
    match args.output {
        OutputForm::Json => {
            let lines: Vec<Line<'_>> = deleted.iter().map(line).collect();
            let (deleted, would_delete) = if dry_run { (Vec::new(), lines) } else { (lines, Vec::new()) };
            let answer = Answer {
                dry_run,
                deleted,
                would_delete,
                kept: &cleanup.foreign,
                leftovers: &cleanup.leftovers,
                unverified: &cleanup.unverified,
            };
            output.json(json(&answer)?);
        }
        OutputForm::Text => {
            let verb = if dry_run { "would delete" } else { "deleted" };
            for (region, target) in &deleted {
                output.data(format_args!("{verb} {}", shown_as(region, target)));
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
            let end = if dry_run { "; nothing was deleted" } else { "" };
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

/// Connects to every region and looks for what has expired; deletes it if the user wants that, and nothing that was
/// not listed.
async fn swept(args: &Sweep, alive: &BTreeSet<String>, output: &Output) -> Result<(Wish, Outcome), Failure> {
    let shown = *output;
    let progress = ProgressSink::to(move |line| shown.note(line));
    let mut regions = Vec::new();
    let named: BTreeSet<&String> = args.regions.iter().collect();
    for name in named {
        let connection = Connection::open(&args.target, name, output).await?;
        let clients = connection.aws()?;
        let now = clients.now();
        let found = destroy::expired(clients, now, alive, &progress).await;
        regions.push(Region { name: name.clone(), connection, now, found });
    }
    let wish = wish(args, &regions, output).await?;
    let mut outcome = Outcome::default();
    for Region { name, connection, now, found } in regions {
        let swept = match wish {
            Wish::Delete => {
                destroy::delete(connection.aws()?, now, found, destroy::Deadlines::default(), &progress).await
            }
            Wish::OnlyShow => {
                let mut swept = destroy::Swept { deleted: found.targets, ..destroy::Swept::default() };
                (swept.cleanup.foreign, swept.cleanup.unverified) = (found.kept, found.unverified);
                swept
            }
        };
        connection.close().await;
        outcome.deleted.extend(swept.deleted.into_iter().map(|target| (name.clone(), target)));
        outcome.cleanup.foreign.extend(swept.cleanup.foreign);
        outcome.cleanup.leftovers.extend(swept.cleanup.leftovers);
        let of_region = |problem: String| if args.regions.len() > 1 { format!("{name}: {problem}") } else { problem };
        outcome.cleanup.unverified.extend(swept.cleanup.unverified.into_iter().map(of_region));
    }
    Ok((wish, outcome))
}

/// What the user wants, from an option, or asked on the terminal.
async fn wish(args: &Sweep, regions: &[Region], output: &Output) -> Result<Wish, Failure> {
    let expired: usize = regions.iter().map(|region| region.found.targets.len()).sum();
    if args.dry_run {
        return Ok(Wish::OnlyShow);
    }
    if args.yes || expired == 0 {
        return Ok(Wish::Delete);
    }
    for region in regions {
        for target in &region.found.targets {
            output.alert(format_args!("would delete {}", shown_as(&region.name, target)));
        }
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            format!("{} expired, and there is no terminal to ask whether to delete them", count(expired, "resource")),
            "--yes deletes them, --dry-run only lists them; nothing was deleted",
        ));
    }
    output.alert(format_args!("delete {}? [y/N]", count(expired, "resource")));
    Ok(if is_yes(&answer().await) { Wish::Delete } else { Wish::OnlyShow })
}

/// A line from the terminal; empty if there is none. A thread of its own waits for it, so that a signal does not wait for the line.
async fn answer() -> String {
    let (sender, line) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).is_ok() {
            // Nobody waits any more after a signal.
            drop(sender.send(line));
        }
    });
    line.await.unwrap_or_default()
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// `EKS cluster nightly of run r-1 in us-west-2`.
fn shown_as(region: &str, target: &Target) -> String {
    let run = target.run.as_ref().map(|run| format!(" of run {run}")).unwrap_or_default();
    format!("{} {}{run} in {region}", target.title(), target.name)
}

fn line((region, target): &(String, Target)) -> Line<'_> {
    Line {
        kind: target.title(),
        name: &target.name,
        region,
        cluster: target.cluster.as_deref(),
        run: target.run.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for (line, wanted) in [
            ("yes\n", true),
            ("y", true),
            (" YES \r\n", true),
            ("\n", false),
            ("", false),
            ("yess", false),
            ("no", false),
        ] {
            assert_eq!(is_yes(line), wanted, "{line:?}");
        }
    }
}
