//! The log. To standard error goes what `-v` and RUST_LOG ask for. To `log.txt` in the folder of a run goes everything that amiproof itself
//! has to say, whatever the terminal shows: its messages, the events of the run, and what its packages log.
//!
//! Credentials are never in the file ([`super::redact`]), only its owner can read it, and it is bounded: a full file becomes `log.1.txt`, and a
//! new one begins.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::clean::{self, Keep};
use super::redact::Secrets;
use super::stream::Stream;

/// The name of the file in the folder of a run.
const FILE_NAME: &str = "log.txt";

/// The name of the full file before it.
const FORMER_NAME: &str = "log.1.txt";

/// When a file is full, bytes.
const FULL: u64 = 8 << 20;

/// How much is kept before the folder of the run is known, bytes.
const EARLY: usize = 1 << 20;

/// The packages whose messages are in the file. The lab is left out, because it takes the place of AWS.
const OURS: &str = "off,amiproof=debug,amiproof_lab=off";

/// The log file of this process, once it has one.
#[derive(Default)]
struct Log {
    secrets: Secrets,
    early: Vec<u8>,
    file: Option<LogFile>,
    /// Why it ended before the process did.
    broken: Option<String>,
}

struct LogFile {
    path: Utf8PathBuf,
    file: File,
    size: u64,
    full: u64,
}

static LOG: LazyLock<Mutex<Log>> =
    LazyLock::new(|| Mutex::new(Log { secrets: Secrets::of_environment(), ..Log::default() }));

fn log() -> MutexGuard<'static, Log> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    fn write(&mut self, text: &str) {
        if self.broken.is_some() {
            return;
        }
        let text = self.secrets.hide(&clean::text(text, Keep { color: false, commands: false }));
        let Some(file) = &mut self.file else {
            if self.early.len() + text.len() <= EARLY {
                self.early.extend_from_slice(text.as_bytes());
            }
            return;
        };
        if let Err(error) = file.append(text.as_bytes()) {
            self.broken = Some(format!("{}: {error}", file.path));
        }
    }
}

impl LogFile {
    fn open(path: Utf8PathBuf, full: u64) -> std::io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { path, file, size, full })
    }

    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.size >= self.full {
            std::fs::rename(&self.path, self.path.with_file_name(FORMER_NAME))?;
            *self = Self::open(self.path.clone(), self.full)?;
        }
        self.file.write_all(bytes)?;
        self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

/// From now on the log is in this folder; what was logged before goes there, too. Once there is a file, later calls
/// change nothing.
///
/// # Errors
/// Why there will be no file.
pub(super) fn keep_in(folder: &Utf8Path) -> Result<(), String> {
    let mut log = log();
    if log.file.is_some() {
        return Ok(());
    }
    let path = folder.join(FILE_NAME);
    let opened = LogFile::open(path.clone(), FULL).and_then(|mut file| {
        file.append(&std::mem::take(&mut log.early))?;
        Ok(file)
    });
    match opened {
        Ok(file) => {
            log.file = Some(file);
            Ok(())
        }
        Err(error) => {
            let problem = format!("{path}: {error}");
            log.broken = Some(problem.clone());
            Err(problem)
        }
    }
}

/// The path of the log, for whoever wants to know more.
pub(super) fn path() -> Option<Utf8PathBuf> {
    log().file.as_ref().map(|file| file.path.clone())
}

/// Why the log is not complete.
pub(super) fn problem() -> Option<String> {
    let log = log();
    log.file.as_ref().and(log.broken.clone())
}

/// Adds a line to the log file, under a word that says what it is.
pub(crate) fn line(word: &str, text: &str) {
    log().write(&format!("{} {word:>5} {text}\n", stamp()));
}

fn stamp() -> String {
    amiproof_time::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The time of a line: in the lab the simulated one, as in the report.
struct Stamp;

impl FormatTime for Stamp {
    fn format_time(&self, out: &mut Writer<'_>) -> std::fmt::Result {
        write!(out, "{}", stamp())
    }
}

/// What packages log goes to standard error as far as it is asked for, and to the file. Returns what is wrong with RUST_LOG.
pub(super) fn begin(verbose: u8, err: Stream) -> Option<String> {
    let mut problem = None;
    let filter = match verbose {
        0 => "off,amiproof=error,amiproof_lab=off",
        1 => "off,amiproof=info,amiproof_lab=off",
        _ => "info,amiproof=debug",
    };
    let wished = std::env::var("RUST_LOG").ok().filter(|wish| !wish.is_empty());
    let filter = match wished.map(EnvFilter::try_new) {
        Some(Ok(wished)) => wished,
        Some(Err(error)) => {
            problem = Some(format!("RUST_LOG: {error}"));
            EnvFilter::new(filter)
        }
        None => EnvFilter::new(filter),
    };
    let shown =
        tracing_subscriber::fmt::layer().with_ansi(err.color).with_writer(move || CleanStderr(err)).with_filter(filter);
    let kept = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_timer(Stamp)
        .with_writer(|| Kept)
        .with_filter(EnvFilter::new(OURS));
    let subscriber = tracing_subscriber::registry().with(shown).with(kept);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        // `resume` runs the command of another run in the same process.
        tracing::debug!("the log keeps its earlier destination");
    }
    problem
}

/// Standard error for the log, whose values come from elsewhere too. Each line arrives in one piece.
struct CleanStderr(Stream);

impl Write for CleanStderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = self.0.clean(&String::from_utf8_lossy(bytes));
        std::io::stderr().lock().write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().lock().flush()
    }
}

/// The log file, for what packages log.
struct Kept;

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        log().write(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_makes_room_and_the_newest_lines_are_there() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join(FILE_NAME)).unwrap();
        let mut file = LogFile::open(path.clone(), 100).unwrap();
        for number in 0..100 {
            file.append(format!("line {number}\n").as_bytes()).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(path.with_file_name(name)).unwrap();
        assert!(read(FILE_NAME).ends_with("line 99\n"));
        assert!(read(FILE_NAME).len() < 120 && read(FORMER_NAME).len() < 120);
        assert_eq!(dir.path().read_dir().unwrap().count(), 2);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        // Another process of the same run goes on where the first one ended.
        drop(file);
        let again = LogFile::open(path.clone(), 100).unwrap();
        assert_eq!(again.size, u64::try_from(read(FILE_NAME).len()).unwrap());
    }

    #[test]
    fn what_is_logged_before_the_folder_is_known_is_bounded_and_without_credentials() {
        let mut log = Log::default();
        log.write("Authorization: Bearer abcdefghij\n\u{1b}[31mred\n");
        assert_eq!(String::from_utf8(log.early.clone()).unwrap(), "Authorization: Bearer [hidden]\nred\n");
        log.write(&"x".repeat(EARLY));
        assert!(log.early.len() < EARLY);
    }
}
