//! The folder of a run: `<dir>/runs/<id>/` with ledger, report, rendered files and evidence.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt as _;
use std::time::Duration;

use amiproof_core::bounded;
use amiproof_core::ledger::Ledger;
use amiproof_model::name::RunId;
use amiproof_model::report::{ParseError, Report};
use camino::{Utf8Path, Utf8PathBuf};
use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest as _, Sha256};

use crate::dir;
use crate::lock::{self, RunLock};
use crate::output::{Failure, count};
use crate::suggest;

/// How long a command waits for imports into the same run: they are over in seconds.
pub(crate) const IMPORTS: Duration = Duration::from_secs(120);

/// Maximum size of a file with the name of a run, bytes.
const LONGEST_NAME: u64 = 4096;

/// The folder of one run.
#[derive(Clone, Debug)]
pub(crate) struct RunDir {
    /// The run.
    pub(crate) id: RunId,
    path: Utf8PathBuf,
}

impl RunDir {
    /// Creates the folder of a new run, which becomes the latest one.
    pub(crate) fn create(dir: &Utf8Path, id: Option<&str>) -> Result<Self, Failure> {
        let run = Self::new(dir, id)?;
        run.make()?;
        run.set_latest(dir)?;
        Ok(run)
    }

    /// A new run with the name given by the user or a generated one. Its folder is not created yet.
    pub(crate) fn new(dir: &Utf8Path, id: Option<&str>) -> Result<Self, Failure> {
        let id = match id {
            Some(text) => text.parse().map_err(|error: amiproof_model::name::NameError| {
                Failure::usage(error.to_string(), "give another name with --run")
            })?,
            None => fresh_id(amiproof_time::now()),
        };
        let run = Self { path: dir.join("runs").join(id.as_str()), id };
        refuse_links(&run.path)?;
        if run.ledger().exists() {
            return Err(Failure::usage(
                format!("run '{}' already exists in {}", run.id, run.path),
                "give another name with --run, or delete it with 'amiproof destroy --run' first",
            ));
        }
        Ok(run)
    }

    /// A new run of one shard: its name ends with the number of the shard, so that shards that start in the same second on several machines, or
    /// get one name from the user, are runs of their own.
    pub(crate) fn of_shard(dir: &Utf8Path, id: Option<&str>, shard: u32) -> Result<Self, Failure> {
        let name = id.map_or_else(|| fresh_id(amiproof_time::now()).to_string(), str::to_owned);
        Self::new(dir, Some(&format!("{name}-s{shard}")))
    }

    /// The run of a shard, new or not: whether it has begun is known where it is kept. Its folder is not created yet.
    pub(crate) fn of_shard_kept_elsewhere(dir: &Utf8Path, name: &RunId, shard: u32) -> Result<Self, Failure> {
        let id: RunId = format!("{name}-s{shard}").parse().map_err(|error: amiproof_model::name::NameError| {
            Failure::usage(error.to_string(), "give a shorter name with --run")
        })?;
        let run = Self { path: dir.join("runs").join(id.as_str()), id };
        refuse_links(&run.path)?;
        Ok(run)
    }

    /// The run of a lab inside this process: it is named after what goes into it, so that the same run has the same name, and is the same
    /// folder again. Its folder is not made yet.
    pub(crate) fn of_lab(dir: &Utf8Path, input: &str) -> Result<Self, Failure> {
        let digest = Sha256::digest(input.as_bytes());
        let digest: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
        let id: RunId = match format!("lab-{digest}").parse() {
            Ok(id) => id,
            Err(error) => unreachable!("a run id made of letters and digits is legal: {error}"),
        };
        let run = Self { path: dir.join("runs").join(id.as_str()), id };
        refuse_links(&run.path)?;
        Ok(run)
    }

    /// Deletes what an earlier run of the same name left in the folder, which is locked.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        let entries = self.path.read_dir_utf8().and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for entry in entries.map_err(|error| cannot("read", &self.path, &error))? {
            let path = entry.path();
            let deleted = match path.file_name() {
                Some(lock::FILE_NAME) => Ok(()),
                _ if path.is_dir() => std::fs::remove_dir_all(path),
                _ => std::fs::remove_file(path),
            };
            deleted.map_err(|error| cannot("delete", path, &error))?;
        }
        self.make()
    }

    /// Every run that has a folder.
    pub(crate) fn all(dir: &Utf8Path) -> Vec<Self> {
        let names = std::fs::read_dir(dir.join("runs")).into_iter().flatten().filter_map(Result::ok);
        let ids = names.filter_map(|entry| entry.file_name().to_str()?.parse::<RunId>().ok());
        ids.map(|id| Self { path: dir.join("runs").join(id.as_str()), id }).collect()
    }

    /// Creates the folder, which only its user may read: evidence reveals much about a host.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        let failed = |error: std::io::Error| cannot("create", &self.path, &error);
        if let Some(runs) = self.path.parent() {
            runs.parent().map_or(Ok(()), dir::make).and_then(|()| std::fs::create_dir_all(runs)).map_err(failed)?;
        }
        let mut private = DirBuilder::new();
        private.recursive(true).mode(PRIVATE);
        private.create(&self.path).and_then(|()| private.create(self.evidence())).map_err(failed)
    }

    /// Opens the folder of an existing run; the newest one without an id, or for `latest`.
    pub(crate) fn open(dir: &Utf8Path, id: Option<&str>) -> Result<Self, Failure> {
        let text = match id {
            Some(text) if text != "latest" => text.to_owned(),
            _ => read_latest(dir)?,
        };
        let id: RunId = text.parse().map_err(|error: amiproof_model::name::NameError| {
            Failure::usage(error.to_string(), format!("runs are the folders in {}", dir.join("runs")))
        })?;
        let run = Self { path: dir.join("runs").join(id.as_str()), id };
        refuse_links(&run.path)?;
        if run.path.is_dir() {
            Ok(run)
        } else {
            Err(Failure::usage(
                format!("there is no run '{}' in {}", run.id, dir.join("runs")),
                known_runs(dir, run.id.as_str()),
            ))
        }
    }

    /// Opens the default run of `destroy`: the newest one that has resources, without permanent ones (the network).
    ///
    /// # Errors
    /// When several runs may still have resources: then each is listed, for the user to name one.
    pub(crate) fn open_live(dir: &Utf8Path, id: Option<&str>) -> Result<(Self, Option<Live>), Failure> {
        if id.is_some_and(|id| id != "latest") {
            return Ok((Self::open(dir, id)?, None));
        }
        let mut live: Vec<Live> = runs_with_live_resources(dir).into_iter().filter(|live| !live.keep).collect();
        match live.len() {
            0 => Ok((Self::open(dir, id)?, None)),
            1 => {
                let only = live.remove(0);
                Ok((Self::open(dir, Some(only.id.as_str()))?, Some(only)))
            }
            _ => Err(several(&live)),
        }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The write-ahead record of what the run created.
    pub(crate) fn ledger(&self) -> Utf8PathBuf {
        self.path.join("ledger.jsonl")
    }

    /// Takes the folder's lock for a command that writes into it, until the returned value is dropped.
    ///
    /// # Errors
    /// When the run is alive, or another command is at work on it; see [`RunLock::take`].
    pub(crate) fn lock(&self, command: &str) -> Result<RunLock, Failure> {
        RunLock::take(&self.path, command, IMPORTS)
    }

    /// The report.
    pub(crate) fn report(&self) -> Utf8PathBuf {
        self.path.join("report.json")
    }

    /// Captured proof, a folder per subject.
    pub(crate) fn evidence(&self) -> Utf8PathBuf {
        self.path.join("evidence")
    }

    /// Makes it the default run: one that created or evaluated something.
    pub(crate) fn set_latest(&self, dir: &Utf8Path) -> Result<(), Failure> {
        let path = dir.join("latest");
        // Written to a temporary file and renamed: a link in its place is replaced and not followed.
        write_new(&path, format!("{}\n", self.id).as_bytes())
    }
}

/// Mode of a run's folder.
const PRIVATE: u32 = 0o700;

/// A run whose resources may exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    /// The run.
    pub(crate) id: RunId,
    /// When it started.
    pub(crate) started: Timestamp,
    /// Number of its resources that are not known to be deleted.
    pub(crate) resources: usize,
    /// Whether they outlive runs.
    pub(crate) keep: bool,
}

/// The runs of a folder whose resources may exist, by their ledgers, the newest first. An unreadable ledger is skipped; commands that
/// name its run report it.
pub(crate) fn runs_with_live_resources(dir: &Utf8Path) -> Vec<Live> {
    let folders = dir.join("runs").read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let live = folders.filter(|folder| !folder.path().is_symlink()).filter_map(|folder| {
        let (header, entries) = Ledger::replay(folder.path()).ok()?;
        let resources = entries.iter().filter(|entry| entry.is_live()).count();
        (resources > 0).then_some(Live { id: header.run, started: header.started, resources, keep: header.keep })
    });
    let mut live: Vec<Live> = live.collect();
    live.sort_by(|one, other| other.started.cmp(&one.started).then_with(|| one.id.as_str().cmp(other.id.as_str())));
    live
}

/// The runs of a folder that are in progress in some process of this machine.
pub(crate) fn runs_under_way(dir: &Utf8Path) -> BTreeSet<String> {
    let folders = dir.join("runs").read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let alive = folders.filter(|folder| RunLock::held_by(folder.path()).is_some());
    alive.map(|folder| folder.file_name().to_owned()).collect()
}

fn several(live: &[Live]) -> Failure {
    let listed: Vec<String> = live
        .iter()
        .map(|run| {
            format!("  {} started {}, {} may still exist", run.id, run.started, count(run.resources, "resource"))
        })
        .collect();
    Failure::usage(
        format!("{} runs may still have resources:\n{}", live.len(), listed.join("\n")),
        "choose one with --run",
    )
}

/// Maximum depth of the folder of a run: evidence, subject, file, and subfolders of reports.
const DEPTH: usize = 6;

/// Rejects a run's folder that contains symbolic links: amiproof creates none, and writing through one would leave the folder.
fn refuse_links(folder: &Utf8Path) -> Result<(), Failure> {
    match link_in(folder, DEPTH) {
        None => Ok(()),
        Some(link) => Err(Failure::usage(
            format!("{link} is a symbolic link, and links in a run's folder are not followed"),
            "remove it: amiproof creates no links",
        )),
    }
}

fn link_in(path: &Utf8Path, depth: usize) -> Option<Utf8PathBuf> {
    if path.is_symlink() {
        return Some(path.to_owned());
    }
    if depth == 0 {
        return None;
    }
    path.read_dir_utf8().ok()?.filter_map(Result::ok).find_map(|entry| link_in(entry.path(), depth - 1))
}

/// The text of a run's report; `None` if it has none.
pub(crate) fn report_text(path: &Utf8Path) -> std::io::Result<Option<String>> {
    match bounded::text(path, bounded::REPORT) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the report of a run id, of a folder or of a file.
pub(crate) fn read_report(dir: &Utf8Path, which: Option<&str>) -> Result<(Report, Utf8PathBuf), Failure> {
    let path = match which {
        Some(text) if text.ends_with(".json") => Utf8PathBuf::from(text),
        Some(text) if Utf8Path::new(text).join("report.json").is_file() => Utf8Path::new(text).join("report.json"),
        other => RunDir::open(dir, other)?.report(),
    };
    match read_file(&path) {
        Ok(report) => Ok((report, path)),
        Err(ParseError::Read(error)) => Err(Failure::usage(
            format!("cannot read the report {path}: {error}"),
            "name a run of this folder or the path of a report.json",
        )),
        Err(error) => Err(Failure::usage(
            format!("{path}: {error}"),
            "name a report.json that this version of amiproof, or an older one, wrote",
        )),
    }
}

/// Reads the report in a file, without the text of it in memory.
fn read_file(path: &Utf8Path) -> Result<Report, ParseError> {
    Report::read(bounded::open(path, bounded::REPORT).map_err(ParseError::Read)?)
}

/// The newest run before `except` that has a report: what 'nightly' compares with. Not one of releases, whose columns are none of the matrix.
pub(crate) fn previous(dir: &Utf8Path, matrix: &str, except: &RunId) -> Option<Report> {
    // One after the other: of many large ones only two are in memory.
    std::fs::read_dir(dir.join("runs"))
        .ok()?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str() != Some(except.as_str()))
        .filter_map(|entry| Utf8PathBuf::from_path_buf(entry.path().join("report.json")).ok())
        .filter_map(|path| read_file(&path).ok())
        .filter(|report| report.run.matrix == matrix && !report.run.interrupted && report.run.releases.is_empty())
        .max_by_key(|report| report.run.started)
}

/// The run that commands without a name mean.
pub(crate) fn read_latest(dir: &Utf8Path) -> Result<String, Failure> {
    let latest = bounded::text(&dir.join("latest"), LONGEST_NAME).ok().map(|text| text.trim().to_owned());
    latest.or_else(|| begun(dir)).ok_or_else(|| {
        Failure::usage(
            format!("there is no run in {dir} yet"),
            "start one with 'amiproof run' or 'amiproof apply', or name the folder with --dir",
        )
    })
}

/// The newest run that was started, if none has created or evaluated anything yet.
fn begun(dir: &Utf8Path) -> Option<String> {
    let started = |run: RunDir| Some((Ledger::replay(run.path()).ok()?.0.started, run.id.to_string()));
    RunDir::all(dir).into_iter().filter_map(started).max().map(|(_, id)| id)
}

fn known_runs(dir: &Utf8Path, unknown: &str) -> String {
    let mut known: Vec<String> = RunDir::all(dir).into_iter().map(|run| run.id.to_string()).collect();
    known.sort();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    format!("{}; --dir names another folder", suggest::instead(unknown, &known, "existing runs:"))
}

fn fresh_id(now: Timestamp) -> RunId {
    let stamp = now.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S").to_string();
    // The process id keeps two runs apart that start in the same second on one machine.
    let tail = std::process::id() % 0x1_0000;
    let text = format!("r-{stamp}-{tail:04x}");
    match text.parse() {
        Ok(id) => id,
        Err(error) => unreachable!("a run id made of digits is legal: {error}"),
    }
}

/// Writes a file completely or not at all. A link in its place is replaced and not followed: folders of runs come from artifacts, too.
pub(crate) fn write_new(path: &Utf8Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".part-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As the user's umask requires, like every other file of the user.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut part = builder.tempfile_in(path.parent().unwrap_or(Utf8Path::new(".")))?;
        part.write_all(bytes)?;
        part.as_file().sync_all()?;
        part.persist(path)?;
        Ok(())
    };
    write().map_err(|error| cannot("write", path, &error))
}

/// A file operation that failed.
pub(crate) fn cannot(what: &str, path: &Utf8Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot {what} {path}: {error}"), "see that it may be written, and that the disk has space")
}

#[cfg(test)]
mod tests;
