//! The folder of a run: `<dir>/runs/<id>/` with ledger, report, rendered files and evidence.

use std::io::Write;
use std::time::Duration;

use amiproof_core::ledger::Ledger;
use amiproof_model::name::RunId;
use amiproof_model::report::Report;
use camino::{Utf8Path, Utf8PathBuf};
use jiff::{Timestamp, tz::TimeZone};

use crate::lock::RunLock;
use crate::output::Failure;

/// How long a command waits for imports into the same run: they are over in seconds.
pub(crate) const IMPORTS: Duration = Duration::from_secs(120);

/// The folder of one run.
#[derive(Clone, Debug)]
pub(crate) struct RunDir {
    /// The run.
    pub(crate) id: RunId,
    path: Utf8PathBuf,
}

impl RunDir {
    /// Makes the folder of a new run, which becomes the latest one.
    pub(crate) fn create(dir: &Utf8Path, id: Option<&str>) -> Result<Self, Failure> {
        let run = Self::new(dir, id)?;
        run.make()?;
        run.set_latest(dir)?;
        Ok(run)
    }

    /// A new run under the name that the user gave or one made of time and process. Its folder is not made yet.
    pub(crate) fn new(dir: &Utf8Path, id: Option<&str>) -> Result<Self, Failure> {
        let id = match id {
            Some(text) => text.parse().map_err(|error: amiproof_model::name::NameError| {
                Failure::usage(error.to_string(), "give another name with --run")
            })?,
            None => fresh_id(Timestamp::now()),
        };
        let run = Self { path: dir.join("runs").join(id.as_str()), id };
        if run.ledger().exists() {
            return Err(Failure::usage(
                format!("there is a run '{}' already in {}", run.id, run.path),
                "give another name with --run, or remove it with 'amiproof destroy --run' first",
            ));
        }
        Ok(run)
    }

    /// Every run that has a folder.
    pub(crate) fn all(dir: &Utf8Path) -> Vec<Self> {
        let names = std::fs::read_dir(dir.join("runs")).into_iter().flatten().filter_map(Result::ok);
        let ids = names.filter_map(|entry| entry.file_name().to_str()?.parse::<RunId>().ok());
        ids.map(|id| Self { path: dir.join("runs").join(id.as_str()), id }).collect()
    }

    /// Makes the folder, which only its user may read: evidence says much of a host.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        use std::os::unix::fs::DirBuilderExt as _;
        let failed = |error: std::io::Error| cannot("create", &self.path, &error);
        if let Some(runs) = self.path.parent() {
            std::fs::create_dir_all(runs).map_err(failed)?;
        }
        let mut private = std::fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(&self.path).and_then(|()| private.create(self.evidence())).map_err(failed)
    }

    /// Opens the folder of a run that was made before; the newest one when no id is given, or `latest`.
    pub(crate) fn open(dir: &Utf8Path, id: Option<&str>) -> Result<Self, Failure> {
        let text = match id {
            Some(text) if text != "latest" => text.to_owned(),
            _ => read_latest(dir)?,
        };
        let id: RunId = text.parse().map_err(|error: amiproof_model::name::NameError| {
            Failure::usage(error.to_string(), format!("runs are the folders in {}", dir.join("runs")))
        })?;
        let run = Self { path: dir.join("runs").join(id.as_str()), id };
        if run.path.is_dir() {
            Ok(run)
        } else {
            Err(Failure::usage(
                format!("there is no run '{}' in {}", run.id, dir.join("runs")),
                format!("these are there: {}", known_runs(dir)),
            ))
        }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The write-ahead record of what the run made.
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

    /// Makes it the run that is meant where none is named: one that made or judged something.
    pub(crate) fn set_latest(&self, dir: &Utf8Path) -> Result<(), Failure> {
        let path = dir.join("latest");
        write_new(&path, format!("{}\n", self.id).as_bytes())
    }
}

/// Reads the report of a run id, of a folder or of a file.
pub(crate) fn read_report(dir: &Utf8Path, which: Option<&str>) -> Result<(Report, Utf8PathBuf), Failure> {
    let path = match which {
        Some(text) if text.ends_with(".json") => Utf8PathBuf::from(text),
        Some(text) if Utf8Path::new(text).join("report.json").is_file() => Utf8Path::new(text).join("report.json"),
        other => RunDir::open(dir, other)?.report(),
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::usage(
            format!("cannot read the report {path}: {error}"),
            "name a run of this folder or the path of a report.json",
        )
    })?;
    let report = Report::parse(&text).map_err(|error| Failure::usage(format!("{path}: {error}"), ""))?;
    Ok((report, path))
}

/// The newest run before `except` that has a report: what 'nightly' compares with.
pub(crate) fn previous(dir: &Utf8Path, matrix: &str, except: &RunId) -> Option<Report> {
    let mut reports: Vec<Report> = std::fs::read_dir(dir.join("runs"))
        .ok()?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str() != Some(except.as_str()))
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("report.json")).ok())
        .filter_map(|text| Report::parse(&text).ok())
        .filter(|report| report.run.matrix == matrix && !report.run.interrupted)
        .collect();
    reports.sort_by_key(|report| report.run.started);
    reports.pop()
}

fn read_latest(dir: &Utf8Path) -> Result<String, Failure> {
    let latest = std::fs::read_to_string(dir.join("latest")).ok().map(|text| text.trim().to_owned());
    latest.or_else(|| begun(dir)).ok_or_else(|| {
        Failure::usage(
            format!("there is no run in {dir} yet"),
            "start one with 'amiproof run' or 'amiproof apply', or name the folder with --dir",
        )
    })
}

/// The newest run that was begun, where none has made or judged anything yet: one that was killed at once.
fn begun(dir: &Utf8Path) -> Option<String> {
    let started = |run: RunDir| Some((Ledger::replay(run.path()).ok()?.0.started, run.id.to_string()));
    RunDir::all(dir).into_iter().filter_map(started).max().map(|(_, id)| id)
}

fn known_runs(dir: &Utf8Path) -> String {
    let mut names: Vec<String> = std::fs::read_dir(dir.join("runs"))
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
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

/// Writes a file whole or not at all. A link in its place is replaced and not followed: folders of runs come from artifacts, too.
pub(crate) fn write_new(path: &Utf8Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".part-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // What the user's umask says, as for every other file of his.
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
    Failure::usage(format!("cannot {what} {path}: {error}"), "")
}
