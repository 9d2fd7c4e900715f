//! The lock of a run's folder: every command that changes ledger or report holds it, so that nothing is destroyed, scanned or imported
//! during an active run, and concurrent imports lose nothing.
//!
//! It is an advisory lock of the operating system (`flock`), so it ends with its process, even after `kill -9`. The file names the
//! holder; its content is meaningless while nobody holds the lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::output::Failure;

/// The name of the file within the folder of a run.
pub(crate) const FILE_NAME: &str = "lock";

/// The polling interval for a lock held by a short command.
const POLL: Duration = Duration::from_millis(50);

/// How long a lock without a readable holder counts as just taken.
const HOLDER_NOT_WRITTEN: Duration = Duration::from_secs(2);

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The command: `run`, `destroy`, `import` …
    pub(crate) command: String,
    /// Its process.
    pub(crate) pid: u32,
}

impl Holder {
    /// Whether the command takes only seconds, so that it is worth waiting for.
    fn is_short(&self) -> bool {
        matches!(self.command.as_str(), "import" | "merge" | "report" | "waiver")
    }
}

/// A lock that is held. It is released when this is dropped, or its process ends.
#[derive(Debug)]
pub(crate) struct RunLock {
    /// `None` in a read-only folder that never had a lock.
    _file: Option<File>,
}

impl RunLock {
    /// Takes the lock of a run's folder for a command. Waits up to `timeout` for short commands (imports), and not at all for others.
    ///
    /// # Errors
    /// A usage failure that names the holder when the run is alive or another command works on it, and when the lock file is a symbolic
    /// link or cannot be opened.
    pub(crate) fn take(folder: &Utf8Path, command: &str, timeout: Duration) -> Result<Self, Failure> {
        let path = folder.join(FILE_NAME);
        let Some(mut file) = open(&path)? else { return Ok(Self { _file: None }) };
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => {
                    write_holder(&mut file, command);
                    return Ok(Self { _file: Some(file) });
                }
                Err(TryLockError::Error(error)) => {
                    let hint = "the file system of the folder must support locks: name another folder with --dir";
                    return Err(Failure::usage(format!("cannot lock {path}: {error}"), hint));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            let holder = holder(&path);
            let may_wait = match &holder {
                Some(holder) => holder.is_short() && started.elapsed() < timeout,
                None => started.elapsed() < timeout.max(HOLDER_NOT_WRITTEN),
            };
            if !may_wait {
                return Err(refusal(folder, holder.as_ref()));
            }
            std::thread::sleep(POLL);
        }
    }

    /// The present holder of the lock of a run's folder; `None` if there is none.
    pub(crate) fn held_by(folder: &Utf8Path) -> Option<Holder> {
        let path = folder.join(FILE_NAME);
        let file = File::open(&path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                Some(holder(&path).unwrap_or(Holder { command: "amiproof".to_owned(), pid: 0 }))
            }
            _ => None,
        }
    }
}

/// The lock file, created if necessary; `None` if it does not exist and cannot be created.
fn open(path: &Utf8PathBuf) -> Result<Option<File>, Failure> {
    if path.is_symlink() {
        return Err(Failure::usage(
            format!("{path} is a symbolic link, and links in a run's folder are not followed"),
            "remove the link; amiproof creates the file itself",
        ));
    }
    match OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            // An active run would have created it.
            Ok(File::open(path).ok())
        }
        // The disk is full: cleanup must not fail because of that.
        Err(error) if error.kind() == ErrorKind::StorageFull => Ok(None),
        Err(error) => {
            let hint = "see that the folder may be written, or name another one with --dir";
            Err(Failure::usage(format!("cannot open {path}: {error}"), hint))
        }
    }
}

/// Writes who holds the lock. The lock is held even if that cannot be written, on a full disk or in a read-only folder.
fn write_holder(file: &mut File, command: &str) {
    let holder = Holder { command: command.to_owned(), pid: std::process::id() };
    let written = serde_json::to_vec(&holder).map_err(std::io::Error::from).and_then(|text| {
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&text)?;
        file.flush()
    });
    if let Err(error) = written {
        tracing::debug!(%error, "the lock does not name its holder");
    }
}

fn holder(path: &Utf8Path) -> Option<Holder> {
    let mut text = String::new();
    File::open(path).ok()?.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn refusal(folder: &Utf8Path, holder: Option<&Holder>) -> Failure {
    let run = folder.file_name().unwrap_or_default();
    let (who, hint) = match holder {
        Some(Holder { command, pid })
            if matches!(command.as_str(), "destroy" | "import" | "merge" | "report" | "waiver") =>
        {
            (
                format!("'amiproof {command}' is working on run {run} (pid {pid})"),
                "wait until it has ended, and try again".to_owned(),
            )
        }
        Some(Holder { pid, .. }) => (
            format!("run {run} is still running (pid {pid})"),
            format!("wait until it has ended, or interrupt it with `kill -INT {pid}`: it deletes what it created"),
        ),
        None => (format!("run {run} is still running"), "wait until it has ended, and try again".to_owned()),
    };
    Failure::usage(who, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(guard.path().join("r-1")).unwrap();
        std::fs::create_dir(&folder).unwrap();
        (guard, folder)
    }

    #[test]
    fn a_living_run_is_named_with_its_process_and_its_end_frees_the_folder() {
        let (_guard, folder) = folder();
        assert_eq!(RunLock::held_by(&folder), None);
        let run = RunLock::take(&folder, "run", Duration::ZERO).unwrap();
        let pid = std::process::id();
        assert_eq!(RunLock::held_by(&folder), Some(Holder { command: "run".to_owned(), pid }));
        for command in ["destroy", "scan", "import"] {
            let refused = RunLock::take(&folder, command, Duration::ZERO).unwrap_err();
            assert_eq!(refused.message, format!("run r-1 is still running (pid {pid})"));
            assert_eq!(refused.exit.code(), 2);
        }
        drop(run);
        assert_eq!(RunLock::held_by(&folder), None);
        RunLock::take(&folder, "destroy", Duration::ZERO).unwrap();
    }

    #[test]
    fn imports_wait_for_each_other() {
        let (_guard, folder) = folder();
        let first = RunLock::take(&folder, "import", Duration::ZERO).unwrap();
        let waiting = std::thread::spawn({
            let folder = folder.clone();
            move || RunLock::take(&folder, "import", Duration::from_secs(60)).map(|_| ())
        });
        drop(first);
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let (guard, folder) = folder();
        let victim = guard.path().join("victim");
        std::fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, folder.join(FILE_NAME)).unwrap();
        let refused = RunLock::take(&folder, "run", Duration::ZERO).unwrap_err();
        assert!(refused.message.contains("is a symbolic link"), "{refused:?}");
        assert_eq!(std::fs::read_to_string(victim).unwrap(), "mine");
    }

    #[test]
    fn a_lock_file_of_a_dead_process_blocks_nobody() {
        let (_guard, folder) = folder();
        std::fs::write(folder.join(FILE_NAME), r#"{"command":"run","pid":1}"#).unwrap();
        assert_eq!(RunLock::held_by(&folder), None);
        RunLock::take(&folder, "destroy", Duration::ZERO).unwrap();
    }
}
