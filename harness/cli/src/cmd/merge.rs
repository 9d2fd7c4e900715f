//! `amiproof merge`: one report from those of the shards of a run.

use amiproof_core::evidence;
use amiproof_model::exit::ExitCode;
use amiproof_model::report::{Report, ShardPart, Shards};
use amiproof_model::shard::{self, Mismatch};
use amiproof_suites::{controls, settings};
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::from_store;
use super::published::{Printed, publish};
use crate::args::{Global, Merge};
use crate::output::{Failure, Output, count};
use crate::rundir::{self, RunDir};

/// A report that is merged, and where it is.
struct Source {
    report: Report,
    path: Utf8PathBuf,
}

/// Reads the reports, merges them, writes every format into a folder of its own.
pub(crate) fn run(global: &Global, args: &Merge, output: &Output) -> Result<ExitCode, Failure> {
    let fetched = match &args.store {
        Some(location) => Some(from_store::fetch(args, location, output)?),
        None => None,
    };
    let runs = fetched.as_ref().map_or(&args.runs, |fetched| &fetched.folders);
    let mut sources = runs.iter().map(|which| read(global, which)).collect::<Result<Vec<_>, _>>()?;
    // So that of two states of one shard the evidence of the later one is kept, as its results are.
    sources.sort_by_key(|source| latest(&source.report));
    let reports: Vec<Report> = sources.iter().map(|source| source.report.clone()).collect();
    let mut report = shard::merge(&reports, settings::all(), controls::all()).map_err(refused)?;
    let folder = folder(global, args, &report)?;
    folder.make()?;
    let _lock = folder.lock("merge")?;
    report.run.id = folder.id.clone();
    for source in &sources {
        keep_evidence(source, &folder, output)?;
    }
    if let Some(shards) = &report.run.shards {
        say_what_is_missing(shards, output);
    }
    let printed = Printed { form: args.output, no_fail: args.no_fail };
    let exit = publish(&report, &folder, None, None, &printed, output)?;
    folder.set_latest(&global.dir)?;
    let Some(location) = args.store.as_ref().filter(|_| args.add) else { return Ok(exit) };
    if report.run.shards.as_ref().is_some_and(|shards| !shards.missing().is_empty()) {
        output.note(format_args!("not added to the history in {location}: shards are missing"));
        return Ok(exit);
    }
    Ok(match from_store::add(args, location, &folder, output) {
        Ok(()) => exit,
        Err(failure) => {
            output.error(&failure);
            if exit == ExitCode::LeftBehind { exit } else { ExitCode::Error }
        }
    })
}

fn read(global: &Global, which: &str) -> Result<Source, Failure> {
    if let Ok(run) = RunDir::open(&global.dir, Some(which))
        && !run.report().exists()
    {
        return Err(Failure::usage(
            format!("run '{which}' has no report: it is in progress, or was killed"),
            format!(
                "continue it with `amiproof resume {which}`, or leave it out: the merged report says what is missing"
            ),
        ));
    }
    rundir::read_report(&global.dir, Some(which)).map(|(report, path)| Source { report, path })
}

fn refused(mismatch: Mismatch) -> Failure {
    let hint = match &mismatch {
        Mismatch::Nothing | Mismatch::Whole { .. } => "name the runs of `amiproof run --shard`, or their report.json",
        Mismatch::Different { .. } => {
            "merge shards of one run: the same files, options and amiproof, and the same N in --shard I/N; nothing was merged"
        }
        Mismatch::Twice { .. } | Mismatch::Incomplete { .. } => "nothing was merged",
    };
    Failure::usage(mismatch.to_string(), hint)
}

/// When the last shard of a report started.
fn latest(report: &Report) -> (Timestamp, i64) {
    let of_part = |part: &ShardPart| (part.started, milliseconds(part.seconds));
    let parts = report.run.shards.iter().flat_map(|shards| &shards.parts);
    parts.map(of_part).max().unwrap_or((report.run.started, milliseconds(report.run.seconds)))
}

fn milliseconds(seconds: f64) -> i64 {
    std::time::Duration::try_from_secs_f64(seconds)
        .map_or(0, |took| i64::try_from(took.as_millis()).unwrap_or(i64::MAX))
}

/// The folder of the merged run. Without a name it is named after the runs in it, so that merging the same ones again changes nothing.
fn folder(global: &Global, args: &Merge, report: &Report) -> Result<RunDir, Failure> {
    let parts = report.run.shards.iter().flat_map(|shards| &shards.parts);
    let runs: Vec<&str> = parts.map(|part| part.run.as_str()).collect();
    let digest = Sha256::digest(runs.join(" ").as_bytes());
    let generated: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    let name = args.run.clone().unwrap_or_else(|| format!("{}-{generated}", shard::MERGED));
    let folder = RunDir::new(&global.dir, Some(&name))?;
    if !folder.report().exists() {
        return Ok(folder);
    }
    let (known, path) = rundir::read_report(&global.dir, Some(&name))?;
    let is_merged = |shards: &Shards| shards.shard.is_none() && Some(&shards.inputs) == inputs(report);
    if known.run.shards.as_deref().is_some_and(is_merged) {
        return Ok(folder);
    }
    Err(Failure::usage(format!("{path} is already the report of another run"), "give another name with --run"))
}

fn inputs(report: &Report) -> Option<&String> {
    report.run.shards.as_ref().map(|shards| &shards.inputs)
}

fn say_what_is_missing(shards: &Shards, output: &Output) {
    for (shard, columns) in shards.missing() {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let variants = if names.len() == 1 { "variant" } else { "variants" };
        output.note(format_args!(
            "shard {shard}/{} is missing: {variants} {} undecided",
            shards.count,
            match names.as_slice() {
                [only] => format!("{only} is"),
                many => format!("{} are", many.join(", ")),
            }
        ));
    }
}

/// Copies the files that the results of a report name as their evidence.
fn keep_evidence(source: &Source, folder: &RunDir, output: &Output) -> Result<(), Failure> {
    let from = source.path.parent().unwrap_or(Utf8Path::new(""));
    let is_same = from.canonicalize_utf8().ok().zip(folder.path().canonicalize_utf8().ok());
    if is_same.is_some_and(|(from, to)| from == to) {
        return Ok(());
    }
    let files =
        source.report.results.iter().flat_map(|result| &result.evidence).filter_map(|piece| piece.file.as_deref());
    let mut lost = 0;
    for file in files.map(Utf8Path::new).filter(|file| evidence::is_in_folder(file)) {
        let (there, here) = (from.join(file), folder.path().join(file));
        // A link would lead out of the folder of the run, which may be an artifact of another machine.
        if !there.symlink_metadata().is_ok_and(|found| found.is_file()) {
            lost += 1;
            continue;
        }
        let copied = here.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::copy(&there, &here));
        copied.map_err(|error| rundir::cannot("copy evidence to", &here, &error))?;
    }
    if lost > 0 {
        let files = count(lost, "file");
        output.note(format_args!("warning: {files} of evidence of run {} missing from {from}", source.report.run.id));
    }
    Ok(())
}
