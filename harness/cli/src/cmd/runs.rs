//! `amiproof runs`: the runs of a folder, how they ended, and which of their resources may still exist and cost
//! money. Offline: according to the ledgers and reports in the folder.

mod listed;
mod text;

use std::collections::BTreeMap;

use amiproof_core::cost::so_far;
use amiproof_core::ledger::{Entry, Header, Ledger};
use amiproof_core::resource;
use amiproof_model::conclusion::{Scope, Summary};
use amiproof_model::cost::{Prices, Usd};
use amiproof_model::exit::ExitCode;
use amiproof_model::report::Report;
use camino::Utf8Path;
use jiff::Timestamp;

use self::listed::{Alive, Listed, Outcome, Run, Spent};
use super::forms::json;
use super::{cost, started};
use crate::args::{Cli, Global, OutputForm, Runs};
use crate::dir;
use crate::lock::RunLock;
use crate::output::{Failure, Output};
use crate::rundir::{self, RunDir};

/// How many runs are listed unless all are asked for. Those that still have resources are listed in any case.
const NEWEST: usize = 20;

/// Lists them.
pub(crate) fn run(global: &Global, args: &Runs, output: &Output) -> Result<ExitCode, Failure> {
    let prices = cost::prices(&args.prices)?;
    let listed = list(&global.dir, args.all, &prices, amiproof_time::now());
    match args.output {
        OutputForm::Json => output.json(json(&listed)?),
        OutputForm::Text => {
            // Other commands look for the run in the same folder only if that is the usual one.
            let usual = dir::default_in(Utf8Path::new(""));
            let is_usual = global.dir == usual || std::env::var_os("AMIPROOF_DIR").is_some();
            let option = if is_usual { String::new() } else { format!(" --dir {}", global.dir) };
            output.data(text::render(&listed, &option, output.width()));
        }
    }
    Ok(ExitCode::Passed)
}

fn list(dir: &Utf8Path, all: bool, prices: &Prices, now: Timestamp) -> Listed {
    let latest = rundir::read_latest(dir).ok();
    let mut found: Vec<(RunDir, Known)> = RunDir::all(dir)
        .into_iter()
        .filter(|run| !run.path().is_symlink() && run.path().is_dir())
        .map(|run| {
            let known = Known::of(&run);
            (run, known)
        })
        .collect();
    found.sort_by(|(one, known), (other, theirs)| {
        theirs.started().cmp(&known.started()).then_with(|| other.id.as_str().cmp(one.id.as_str()))
    });
    let total = found.len();
    let is_listed = |at: usize, known: &Known| all || at < NEWEST || known.resources() > 0;
    let runs: Vec<Run> = found
        .into_iter()
        .enumerate()
        .filter(|(at, (_, known))| is_listed(*at, known))
        .map(|(_, (run, known))| known.listed(&run, latest.as_deref(), prices, now))
        .collect();
    Listed { dir: dir.to_string(), latest, at: now, older: total - runs.len(), runs }
}

/// What the folder of a run says without its report, which may be long.
struct Known {
    ledger: Result<(Header, Vec<Entry>), amiproof_core::ledger::Error>,
    has_ledger: bool,
    arguments: Vec<String>,
    /// When its report was written last, for a run without a ledger: an import or a merge.
    written: Option<Timestamp>,
    /// When its command was recorded, by the clock of the machine: the ledger of a lab inside the process has simulated times.
    recorded: Option<Timestamp>,
}

impl Known {
    fn of(run: &RunDir) -> Self {
        let modified = |path: &Utf8Path| {
            let time = path.metadata().and_then(|metadata| metadata.modified()).ok()?;
            Timestamp::try_from(time).ok()
        };
        Self {
            ledger: Ledger::replay(run.path()),
            has_ledger: run.ledger().exists(),
            arguments: started::started(run).map(|started| started.arguments).unwrap_or_default(),
            written: modified(&run.report()),
            recorded: modified(&run.path().join(started::FILE_NAME)),
        }
    }

    /// Whether it was in a lab inside its process.
    fn is_in_process_lab(&self) -> bool {
        self.arguments.iter().any(|argument| argument == "--lab")
    }

    fn started(&self) -> Option<Timestamp> {
        let of_ledger = || self.ledger.as_ref().ok().map(|(header, _)| header.started);
        let recorded = self.recorded.filter(|_| self.is_in_process_lab());
        recorded.or_else(of_ledger).or(self.written)
    }

    fn resources(&self) -> usize {
        self.ledger.as_ref().map_or(0, |(_, entries)| entries.iter().filter(|entry| entry.is_live()).count())
    }

    fn listed(self, run: &RunDir, latest: Option<&str>, prices: &Prices, now: Timestamp) -> Run {
        let in_process_lab = self.is_in_process_lab();
        let started = self.started();
        let report = read(run);
        let holder = RunLock::held_by(run.path());
        let outcome = match (&holder, &report, &self.ledger) {
            (Some(holder), ..) => Outcome::Running { command: holder.command.clone(), pid: holder.pid },
            (None, Err(why), _) => Outcome::Unreadable { why: why.clone() },
            (None, Ok(Some(report)), _) => ended(report),
            (None, Ok(None), Err(error)) if self.has_ledger => Outcome::Unreadable { why: error.to_string() },
            (None, Ok(None), _) => Outcome::NoReport,
        };
        let report = report.ok().flatten();
        let report = report.as_ref();
        // The report of an import is written again with each further one.
        let started = if self.has_ledger { started } else { report.map(|report| report.run.started).or(started) };
        let ledger = self.ledger.as_ref().ok();
        let matrix = ledger.map(|(header, _)| header.matrix.clone());
        // What was in a lab inside the process is gone with the process.
        let is_over = in_process_lab && holder.is_none();
        let alive = ledger.filter(|_| !is_over).map(|(header, entries)| alive(header, entries)).unwrap_or_default();
        // Times in such a lab are simulated: only what its own report says is a sum of them.
        let cost = match (in_process_lab, report, ledger) {
            (true, report, _) => report.and_then(|report| report.cost.clone()),
            (false, report, Some((header, entries))) => so_far(header, entries, report, prices, now),
            (false, _, None) => None,
        };
        Run {
            run: run.id.to_string(),
            is_latest: latest == Some(run.id.as_str()),
            started,
            matrix: matrix.or_else(|| report.map(|report| report.run.matrix.clone())),
            command: command(&self.arguments).or_else(|| (!self.has_ledger).then(|| without_ledger(report).to_owned())),
            arguments: self.arguments,
            in_process_lab,
            outcome,
            alive,
            cost: cost.map(|cost| Spent {
                usd: cost.usd,
                usd_per_hour: if is_over { Usd::ZERO } else { cost.usd_per_hour },
                unknown: cost.unknown().into_iter().map(str::to_owned).collect(),
                prices: cost.prices.clone(),
            }),
        }
    }
}

/// The report of a run, if it has one.
fn read(run: &RunDir) -> Result<Option<Report>, String> {
    let text = rundir::report_text(&run.report()).map_err(|error| format!("{}: {error}", run.report()))?;
    let Some(text) = text else { return Ok(None) };
    Report::parse(&text).map(Some).map_err(|error| format!("{}: {error}", run.report()))
}

fn ended(report: &Report) -> Outcome {
    let summary = Summary::of(report, Scope::Run, 0);
    Outcome::Ended {
        conclusion: summary.conclusion.as_str().to_owned(),
        exit_code: summary.conclusion.exit_code().code(),
        reason: summary.reason,
    }
}

fn alive(header: &Header, entries: &[Entry]) -> Alive {
    let mut kinds: BTreeMap<&'static str, usize> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.is_live()) {
        *kinds.entry(resource::title(&entry.resource.kind)).or_default() += 1;
    }
    let resources = kinds.values().sum();
    let expires = (resources > 0 && !header.keep).then_some(header.expires);
    Alive { resources, kinds, expires, kept: header.keep }
}

/// The command that made a run without a ledger: such runs only collect results.
fn without_ledger(report: Option<&Report>) -> &'static str {
    let shards = report.and_then(|report| report.run.shards.as_deref());
    if shards.is_some_and(|shards| shards.shard.is_none()) { "merge" } else { "import" }
}

/// The name of the command in a command line.
fn command(arguments: &[String]) -> Option<String> {
    use clap::CommandFactory as _;
    let words = std::iter::once("amiproof").chain(arguments.iter().map(String::as_str));
    let matches = Cli::command().try_get_matches_from(words).ok()?;
    matches.subcommand_name().map(str::to_owned)
}

#[cfg(test)]
mod tests;
