//! `merge --store`: the finished shards of a run, from the store in which they are kept.

use amiproof_core::cluster::explain::chain;
use amiproof_core::ledger::Ledger;
use amiproof_core::store::Store;
use amiproof_core::store::shards::Left;
use amiproof_model::history::Location;
use amiproof_model::name::RunId;
use camino::{Utf8Path, Utf8PathBuf};

use super::in_store::failure;
use super::nights::Place;
use crate::args::Merge;
use crate::output::{Failure, Output, count};
use crate::rundir::{self, RunDir};
use crate::runtime::block_on;
use crate::session;
use crate::suggest;

/// Copies of shards with report and evidence, deleted when this is dropped.
pub(super) struct Fetched {
    _guard: tempfile::TempDir,
    /// A folder for each.
    pub(super) folders: Vec<String>,
}

/// Fetches the finished shards of the runs, and says which are not finished.
///
/// # Errors
/// When the store cannot be read, has nothing of a run, or none of its shards is finished.
pub(super) fn fetch(args: &Merge, location: &Location, output: &Output) -> Result<Fetched, Failure> {
    let cannot = |error: std::io::Error| Failure::error(format!("cannot make a temporary folder: {error}"), "");
    let guard = tempfile::tempdir().map_err(cannot)?;
    let into = Utf8PathBuf::from_path_buf(guard.path().to_owned())
        .map_err(|path| Failure::error(format!("the temporary folder {} is not UTF-8", path.display()), ""))?;
    if matches!(location, Location::S3 { .. }) {
        output.note(format_args!("reading the shards in {location} ..."));
    }
    let mut folders = Vec::new();
    block_on(async {
        let failed = |error| failure(location, &error);
        let settings = session::of_store(&args.target, args.region.as_deref());
        let store = Store::open(location, settings).await.map_err(failed)?;
        store.reach().await.map_err(failed)?;
        for name in &args.runs {
            let run: RunId = name.parse().map_err(|error: amiproof_model::name::NameError| {
                Failure::usage(
                    error.to_string(),
                    "with --store, give the run ID that the shards were started with (their --run)",
                )
            })?;
            let shards = store.shards(&run).await.map_err(failed)?;
            if shards.is_empty() {
                let known = store.runs_in_shards().await.map_err(failed)?;
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let hint = suggest::instead(name, &known, "it has shards of");
                return Err(Failure::usage(format!("{location} has no shard of run '{name}'"), hint));
            }
            for shard in shards {
                let objects = store.shard(&run, shard);
                let Some(files) = objects.finished().await.map_err(failed)? else {
                    let left = objects.left().await.map_err(failed)?;
                    let resources = may_exist(&left, &into.join(format!("left-{}", shard.index)))?;
                    let what = match resources {
                        0 => String::new(),
                        some => format!("; {} of it may still exist", count(some, "resource")),
                    };
                    output.note(format_args!("shard {shard} of run {run} is not finished{what}"));
                    continue;
                };
                let folder = into.join(format!("{run}-{}-of-{}", shard.index, shard.count));
                objects.fetch(&files, &folder).await.map_err(failed)?;
                folders.push(folder.into_string());
            }
        }
        Ok::<_, Failure>(())
    })??;
    if folders.is_empty() {
        return Err(Failure::error(
            format!("no shard of {} in {location} is finished", args.runs.join(", ")),
            "run the command of an unfinished shard again, on any machine: it continues the shard",
        ));
    }
    Ok(Fetched { _guard: guard, folders })
}

/// How many resources of a shard are not known to be deleted.
fn may_exist(left: &Left, folder: &Utf8Path) -> Result<usize, Failure> {
    if left.ledger.is_empty() {
        return Ok(0);
    }
    let path = folder.join(amiproof_core::ledger::FILE_NAME);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, &left.ledger));
    written.map_err(|error| rundir::cannot("write", &path, &error))?;
    let (_, entries) = Ledger::replay(folder).map_err(|error| Failure::error(chain(&error), ""))?;
    Ok(entries.iter().filter(|entry| entry.is_live()).count())
}

/// Adds the merged report to the history in the store.
///
/// # Errors
/// When the store cannot be written, or has another report of the run.
pub(super) fn add(args: &Merge, location: &Location, folder: &RunDir, output: &Output) -> Result<(), Failure> {
    let path = folder.report();
    let text = rundir::report_text(&path).map_err(|error| rundir::cannot("read", &path, &error))?;
    let Some(text) = text else { return Err(Failure::error(format!("there is no report {path}"), "")) };
    let place = Place { location: location.clone(), keep: None };
    let is_new = block_on(async {
        let store = place.open(&args.target, args.region.as_deref()).await?;
        store.append(&text).await.map_err(|error| place.failure(&error))
    })??;
    let what = if is_new { "added to" } else { "is already in" };
    output.note(format_args!("run {} {what} {location}", folder.id));
    Ok(())
}
