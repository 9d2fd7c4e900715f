//! `--shard` with `--store`: a shard that is kept in a store, where another machine finds what it needs to continue it, and `merge` its report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use amiproof_core::aws::Class;
use amiproof_core::bounded;
use amiproof_core::cluster::explain::chain;
use amiproof_core::ledger::Ledger;
use amiproof_core::run::{Keep, journal};
use amiproof_core::store::shards::{Left, ShardObjects};
use amiproof_core::store::{Error, Store};
use amiproof_model::exit::ExitCode;
use amiproof_model::history::Location;
use amiproof_model::name::RunId;
use amiproof_model::report::Report;
use amiproof_model::shard::Shard;
use camino::{Utf8Path, Utf8PathBuf};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::published::{Printed, publish};
use super::started::{self, Started};
use crate::args::{Global, Run, Target};
use crate::output::{Failure, Output};
use crate::resumption::Resumption;
use crate::rundir::{self, RunDir};
use crate::runtime::block_on;
use crate::session;
use crate::signals::Signals;

/// How often the answers are copied. If the machine is lost, so are results newer than the last copy.
const EVERY: Duration = Duration::from_secs(5);

/// A shard that is kept in a store.
#[derive(Clone, Debug)]
pub(super) struct InStore {
    location: Location,
    target: Target,
    region: Option<String>,
    /// The run that it is a shard of.
    run: RunId,
    shard: Shard,
    left: Left,
    /// Whether another process has continued it.
    is_taken: Arc<AtomicBool>,
}

/// What a shard starts with.
pub(super) struct ShardOptions {
    /// A digest of what is checked, as the folder of a run records it.
    pub(super) digest: String,
    /// The region of the cluster, and of the store if nothing else names one.
    pub(super) region: Option<String>,
    /// What the report is compared with.
    pub(super) baseline: Option<Arc<Report>>,
}

/// How a shard starts.
pub(super) enum Start {
    /// Nobody has begun it.
    New(InStore),
    /// It goes on where another process ended.
    Continued(InStore, Resumption),
    /// There is nothing to do; the exit code of its report.
    Finished(ExitCode),
}

/// Copies answers until it is told to stop.
pub(super) struct Copying {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Copying {
    /// Copies the last answers.
    pub(super) async fn end(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "the last results are not in the store");
        }
    }
}

/// Finds out what the store has of a shard, and puts the folder of its run into the state in which another process left it.
///
/// # Errors
/// When the store cannot be read, or has a shard of that name which was started with other files or another version.
pub(super) fn open(
    global: &Global,
    args: &Run,
    location: &Location,
    shard: Shard,
    options: ShardOptions,
    output: &Output,
) -> Result<Start, Failure> {
    let Some(name) = &args.run else {
        return Err(Failure::usage(
            "with --store, all shards of a run need the same run ID",
            "name it with --run, for example the number of the CI job",
        ));
    };
    let run: RunId = name.parse().map_err(|error: amiproof_model::name::NameError| {
        Failure::usage(error.to_string(), "give another name with --run")
    })?;
    let ShardOptions { digest, region, baseline } = options;
    let (location, target) = (location.clone(), args.target.clone());
    let is_taken = Arc::default();
    let own = InStore { location, target, region, run, shard, left: Left::default(), is_taken };
    let folder = RunDir::of_shard_kept_elsewhere(&global.dir, &own.run, shard.index)?;
    if matches!(own.location, Location::S3 { .. }) {
        output.note(format_args!("reading shard {shard} of run {} in {} ...", own.run, own.location));
    }
    let (command, finished, left) = block_on(async {
        let (store, objects) = own.open().await?;
        let failed = |error| own.failure(&error);
        store.reach().await.map_err(failed)?;
        let command = objects.command().await.map_err(failed)?;
        let finished = objects.finished().await.map_err(failed)?;
        // What was made in a lab inside the process is gone with it.
        let left = if finished.is_some() || args.target.lab {
            Left::default()
        } else {
            objects.left().await.map_err(failed)?
        };
        Ok::<_, Failure>((command, finished, left))
    })??;
    if let Some(command) = &command {
        own.check(command, &digest)?;
    }
    if let Some(files) = finished {
        if global.resumption.is_some() {
            return Err(Failure::usage(
                format!(
                    "shard {shard} of run {} is finished in {}, and a store is never overwritten",
                    own.run, own.location
                ),
                "start a run with another ID to test it again",
            ));
        }
        output.note(format_args!("shard {shard} of run {} is finished in {}: nothing is run", own.run, own.location));
        folder.make()?;
        let _lock = folder.lock("run")?;
        own.fetch(&files, folder.path())?;
        let (report, _) = rundir::read_report(&global.dir, Some(folder.id.as_str()))?;
        let printed = Printed { form: args.options.output, no_fail: args.options.no_fail };
        let exit = publish(&report, &folder, baseline.as_deref(), None, &printed, output)?;
        return Ok(Start::Finished(exit));
    }
    if args.target.lab || (left.ledger.is_empty() && !folder.ledger().exists()) {
        return Ok(Start::New(own));
    }
    own.restore(&folder, &left, command.as_deref())?;
    output.note(format_args!("continuing shard {shard} of run {}, which an earlier process started", own.run));
    let begun = started::started(&folder).map_or(digest, |started| started.inputs);
    let keep = global.resumption.as_ref().map_or(Keep::Decided, |resumption| resumption.keep);
    let resumption = Resumption { run: folder.id.to_string(), keep, inputs: begun };
    Ok(Start::Continued(InStore { left, ..own }, resumption))
}

impl InStore {
    async fn open(&self) -> Result<(Store, ShardObjects), Failure> {
        let settings = session::of_store(&self.target, self.region.as_deref());
        let store = Store::open(&self.location, settings).await.map_err(|error| self.failure(&error))?;
        let objects = store.shard(&self.run, self.shard);
        Ok((store, objects))
    }

    fn failure(&self, error: &Error) -> Failure {
        failure(&self.location, error)
    }

    /// Checks that the shard was started with the same files and version.
    fn check(&self, command: &[u8], digest: &str) -> Result<(), Failure> {
        let (run, shard) = (&self.run, self.shard);
        let started = Started::parse(command).map_err(|why| {
            Failure::error(
                format!("cannot read the command that started shard {shard} of run {run} in {}: {why}", self.location),
                "start the run under another name with --run",
            )
        })?;
        if started.inputs == digest {
            return Ok(());
        }
        Err(Failure::usage(
            format!(
                "{} has a shard {shard} of a run {run} with another matrix, other checks, waivers or workloads, or of another version of \
                 amiproof",
                self.location
            ),
            "give this run another name with --run, for all of its shards",
        ))
    }

    fn fetch(&self, files: &amiproof_core::store::shards::Files, folder: &Utf8Path) -> Result<(), Failure> {
        block_on(async {
            let (_, objects) = self.open().await?;
            objects.fetch(files, folder).await.map_err(|error| self.failure(&error))
        })?
    }

    /// Writes what another process left into the folder of the run. What the folder has already is kept where it is the newer state.
    fn restore(&self, folder: &RunDir, left: &Left, command: Option<&[u8]>) -> Result<(), Failure> {
        folder.make()?;
        let _lock = folder.lock("run")?;
        let ledger = folder.ledger();
        let own = read(&ledger, bounded::LEDGER)?;
        match newer(own.as_deref(), &left.ledger) {
            Newer::Here => {}
            Newer::There => rundir::write_new(&ledger, &left.ledger)?,
            Newer::Neither => {
                return Err(Failure::usage(
                    format!("{ledger} and the ledger of this shard in {} contradict each other", self.location),
                    format!(
                        "delete what the run in this folder created with `amiproof destroy --run {}`, move its folder away, and try again",
                        folder.id
                    ),
                ));
            }
        }
        let path = folder.path().join(journal::FILE_NAME);
        // The shard went on elsewhere without the answers that only this machine has.
        if !matches!(newer(read(&path, bounded::REPORT)?.as_deref(), &left.journal), Newer::Here) {
            rundir::write_new(&path, &left.journal)?;
        }
        let path = folder.path().join(started::FILE_NAME);
        if let Some(command) = command.filter(|_| !path.exists()) {
            rundir::write_new(&path, command)?;
        }
        self.fetch(&left.files, folder.path())
    }

    /// From now on nothing is created before it is in the store, and answers are copied as they come.
    ///
    /// # Errors
    /// When the store cannot be written; nothing was created.
    pub(super) async fn begin(
        &self,
        folder: &RunDir,
        ledger: &Ledger,
        signals: &Signals,
        output: &Output,
    ) -> Result<Copying, Failure> {
        let (_, objects) = self.open().await?;
        let path = folder.path().join(started::FILE_NAME);
        let command =
            bounded::bytes(&path, bounded::MANIFEST).map_err(|error| rundir::cannot("read", &path, &error))?;
        objects.begin(command).await.map_err(|error| self.failure(&error))?;
        let taken = self.on_taken(signals, *output);
        let copied = ledger.copy_to(objects.ledger_copy(&self.left, taken.clone())).await;
        copied.map_err(|error| {
            let hint = if self.is_taken.load(Ordering::SeqCst) {
                "another process works on this shard: leave it to that one, or stop that one first; nothing was created"
            } else {
                "run the command again once the store can be written; nothing was created"
            };
            Failure::error(chain(&error), hint)
        })?;
        let (stop, folder) = (CancellationToken::new(), folder.path().to_owned());
        let task = tokio::spawn(copy_answers(objects, folder, self.left.journal_copy(), stop.clone(), taken));
        Ok(Copying { stop, task })
    }

    /// Stops this process without cleaning up: what it made belongs to the one that continued the shard.
    fn on_taken(&self, signals: &Signals, output: Output) -> impl Fn() + Clone + Send + Sync + use<> {
        let (is_taken, signals) = (Arc::clone(&self.is_taken), signals.clone());
        let message = format!(
            "shard {} of run {} is continued by another process: this one stops, and leaves everything to it",
            self.shard, self.run
        );
        move || {
            if !is_taken.swap(true, Ordering::SeqCst) {
                output.alert(&message);
            }
            signals.cancel.cancel();
            signals.abort.cancel();
        }
    }

    /// Adds the report to the store, with the evidence.
    pub(super) fn finish(&self, folder: &RunDir, exit: ExitCode, output: &Output) -> ExitCode {
        let (run, shard, location) = (&self.run, self.shard, &self.location);
        if self.is_taken.load(Ordering::SeqCst) {
            return ExitCode::Interrupted;
        }
        match self.finished(folder) {
            Ok(true) => {
                output.note(format_args!(
                    "shard {shard} of run {run} is in {location}; `amiproof merge --store {location} {run}` merges the run"
                ));
                exit
            }
            Ok(false) => {
                let again = if self.target.lab { "starts it again" } else { "continues it, on any machine" };
                output.note(format_args!("shard {shard} of run {run} is not finished: the same command {again}"));
                exit
            }
            Err(failure) => {
                output.error(&failure);
                match exit {
                    ExitCode::LeftBehind | ExitCode::Interrupted => exit,
                    _ => {
                        output.alert(format_args!("exit code 3: the report of the shard is not in {location}"));
                        ExitCode::Error
                    }
                }
            }
        }
    }

    /// Whether the run has a report that can be merged, which is in the store then.
    fn finished(&self, folder: &RunDir) -> Result<bool, Failure> {
        let path = folder.report();
        let text = rundir::report_text(&path).map_err(|error| rundir::cannot("read", &path, &error))?;
        let Some(text) = text else { return Ok(false) };
        let report = Report::parse(&text).map_err(|error| Failure::error(format!("{path}: {error}"), ""))?;
        if report.run.interrupted {
            return Ok(false);
        }
        let evidence = report.results.into_iter().flat_map(|row| row.evidence).filter_map(|piece| piece.file);
        let evidence = evidence.map(Utf8PathBuf::from).collect();
        block_on(async {
            let (_, objects) = self.open().await?;
            objects.finish(folder.path(), evidence).await.map(|_| true).map_err(|error| self.failure(&error))
        })?
    }
}

/// Copies the answers in the journal of a folder, until it is told to stop, and then the last ones.
async fn copy_answers(
    objects: ShardObjects,
    folder: Utf8PathBuf,
    mut copy: amiproof_core::store::shards::JournalCopy,
    stop: CancellationToken,
    on_taken: impl Fn(),
) {
    let mut is_last = false;
    while !is_last {
        is_last = stop.run_until_cancelled(amiproof_time::sleep(EVERY)).await.is_none();
        match objects.copy_journal(&folder, &mut copy).await {
            Ok(()) => {}
            Err(Error::Taken { .. }) => return on_taken(),
            Err(error) => {
                tracing::warn!(%error, "results are not copied to the store yet: another machine would run their checks again")
            }
        }
    }
}

/// Which of two states of a file that only grows is the newer one.
#[derive(Debug, PartialEq, Eq)]
enum Newer {
    Here,
    There,
    Neither,
}

fn newer(here: Option<&[u8]>, there: &[u8]) -> Newer {
    match here {
        Some(here) if here.starts_with(there) => Newer::Here,
        None => Newer::There,
        Some(here) if there.starts_with(here) => Newer::There,
        Some(_) => Newer::Neither,
    }
}

fn read(path: &Utf8Path, most: u64) -> Result<Option<Vec<u8>>, Failure> {
    match bounded::bytes(path, most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(rundir::cannot("read", path, &error)),
    }
}

/// What went wrong in a store, with what to do.
pub(super) fn failure(location: &Location, error: &Error) -> Failure {
    let hint = match error {
        Error::File { .. } => "name a folder that you can read and write with --store",
        Error::Aws(aws) if !matches!(aws.class, Class::NotFound | Class::AccessDenied | Class::Credentials) => {
            "run the command again: it continues from what is in the store"
        }
        Error::Aws(aws) if aws.class == Class::NotFound => "create the bucket, or name another one with --store",
        other => other.help(),
    };
    Failure::error(format!("the shards in {location}: {error}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_states_the_one_that_begins_with_the_other_is_the_newer_one() {
        for (here, there, wanted) in [
            (None, "", Newer::There),
            (None, "a", Newer::There),
            (Some("a"), "a", Newer::Here),
            (Some("ab"), "a", Newer::Here),
            (Some("a"), "", Newer::Here),
            (Some("a"), "ab", Newer::There),
            (Some(""), "ab", Newer::There),
            (Some("ac"), "ab", Newer::Neither),
        ] {
            assert_eq!(newer(here.map(str::as_bytes), there.as_bytes()), wanted, "{here:?} {there:?}");
        }
    }
}
