//! The write-ahead record of everything that a run makes in the account and in the cluster.
//!
//! One file per run, one JSON object per line, each line synced to disk before work goes on: `planned` before a create call,
//! `created` with the id that came back, `gone` once the resource was seen to be gone. Names are derived from run and variant
//! ([`crate::aws::names`]), so a resource that was planned but whose `created` line was lost (`kill -9` in between) is found by
//! its name.

mod record;
mod resource;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

pub use self::record::{ByKubeconfig, Entry, Header, Key, State};
use self::record::{Record, replay_text};
pub use self::resource::{Resource, ResourceKind};

/// The version of the file's form. A reader refuses any other.
pub const VERSION: u32 = 1;

/// The name of the file within the folder of a run.
pub const FILE_NAME: &str = "ledger.jsonl";

/// The ledger of one run. Cheap to clone; all clones write to the same file.
#[derive(Clone, Debug)]
pub struct Ledger {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: Utf8PathBuf,
    header: Header,
    state: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    file: File,
    entries: BTreeMap<Key, Entry>,
}

/// Why the ledger could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error(
        "cannot {doing} the ledger {path}: {source}; nothing is created without it: make the path writable and start again"
    )]
    Io {
        /// `create`, `open`, `write`.
        doing: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// The answer of the file system.
        #[source]
        source: std::io::Error,
    },
    /// There is a ledger already where a new one was to be made.
    #[error(
        "the ledger {path} exists already: choose another run id with --run, or remove it with `amiproof destroy --run` first"
    )]
    Exists {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A line is not what this build writes.
    #[error("the ledger {path}, line {line}: {reason}")]
    Form {
        /// The file.
        path: Utf8PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Ledger {
    /// Starts the ledger of a new run in `folder`, which must exist.
    ///
    /// # Errors
    /// When there is one already, or the file cannot be written.
    pub fn create(folder: &Utf8Path, header: Header) -> Result<Self, Error> {
        let path = folder.join(FILE_NAME);
        let file =
            OpenOptions::new().append(true).create_new(true).open(&path).map_err(|source| match source.kind() {
                std::io::ErrorKind::AlreadyExists => Error::Exists { path: path.clone() },
                _ => Error::Io { doing: "create", path: path.clone(), source },
            })?;
        sync_folder(folder, &path)?;
        let ledger = Self::of(path, header.clone(), Book { file, entries: BTreeMap::new() });
        ledger.append(&Record::Header(header))?;
        Ok(ledger)
    }

    /// Opens the ledger of an earlier run to go on writing. A torn last line (the machine went down while it was written)
    /// is cut off; a torn line anywhere else is an error.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is not a ledger of [`VERSION`].
    pub fn open(folder: &Utf8Path) -> Result<Self, Error> {
        let path = folder.join(FILE_NAME);
        let io = |doing| {
            let path = path.clone();
            move |source| Error::Io { doing, path, source }
        };
        let text = std::fs::read(&path).map_err(io("open"))?;
        let replay = replay_text(&path, &text)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(io("open"))?;
        if replay.intact < text.len() {
            file.set_len(replay.intact as u64).map_err(io("write"))?;
            file.sync_all().map_err(io("write"))?;
        }
        Ok(Self::of(path, replay.header, Book { file, entries: replay.entries }))
    }

    /// Reads a ledger without opening it for writing: what it is of, and every entry in the order of planning.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn replay(folder: &Utf8Path) -> Result<(Header, Vec<Entry>), Error> {
        let path = folder.join(FILE_NAME);
        let text = std::fs::read(&path).map_err(|source| Error::Io { doing: "open", path: path.clone(), source })?;
        let replay = replay_text(&path, &text)?;
        Ok((replay.header, replay.entries.into_values().collect()))
    }

    fn of(path: Utf8PathBuf, header: Header, book: Book) -> Self {
        Self { inner: Arc::new(Inner { path, header, state: Mutex::new(book) }) }
    }

    /// What run it is of, and where.
    pub fn header(&self) -> &Header {
        &self.inner.header
    }

    /// The file.
    pub fn path(&self) -> &Utf8Path {
        &self.inner.path
    }

    /// Every entry in the order of planning.
    pub fn entries(&self) -> Vec<Entry> {
        self.book().entries.values().cloned().collect()
    }

    /// The entry of a resource that is not known to be gone: for `resume`, which adopts instead of creating again.
    pub fn standing(&self, kind: ResourceKind, name: &str) -> Option<Entry> {
        let book = self.book();
        let mut standing = book.entries.values().rev();
        standing.find(|entry| entry.state != State::Gone && entry.is(kind, name)).cloned()
    }

    /// Whether the service confirmed a resource that is not known to be gone. One that was only planned is to be asked for again: a create
    /// call that arrived after all answers that the name is taken.
    pub fn has_created(&self, kind: ResourceKind, name: &str) -> bool {
        self.standing(kind, name).is_some_and(|entry| entry.state == State::Created)
    }

    /// Makes a resource: writes `planned`, runs `create`, writes `created` with the id that it gives back. Every create call
    /// of amiproof is inside a closure given to this function.
    ///
    /// When `create` fails or is dropped half-way, the entry stays `planned`: the call may have arrived all the same, and
    /// destroy looks for the name.
    ///
    /// # Errors
    /// Those of `create`, and [`Error`] when the file cannot be written (then nothing is created).
    pub async fn create_resource<E, F, Fut>(&self, resource: Resource, create: F) -> Result<Created, E>
    where
        E: From<Error>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<String, E>>,
    {
        // A run that is interrupted while the answer is on its way waits for it, so that teardown knows what there is.
        crate::finish::whole(async {
            let key = self.planned(resource).await?;
            let id = create().await?;
            self.created(key, &id).await?;
            Ok(Created { key, id })
        })
        .await
    }

    /// Records that a resource was seen to be gone. Says nothing twice.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn gone(&self, key: Key) -> Result<(), Error> {
        let is_gone = |entry: &Entry| entry.state == State::Gone;
        if self.book().entries.get(&key).is_none_or(is_gone) {
            return Ok(());
        }
        self.write(move |_| Record::Gone { key }).await.map(|_| ())
    }

    async fn planned(&self, resource: Resource) -> Result<Key, Error> {
        self.write(move |book| Record::Planned { key: book.next_key(), resource }).await
    }

    async fn created(&self, key: Key, id: &str) -> Result<Key, Error> {
        let id = id.to_owned();
        self.write(move |_| Record::Created { key, id }).await
    }

    /// Writes one record on a thread where blocking is allowed. Once begun it completes, even when the caller is dropped.
    async fn write(&self, record: impl FnOnce(&Book) -> Record + Send + 'static) -> Result<Key, Error> {
        let ledger = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut book = ledger.book();
            let record = record(&book);
            book.append(&record).map_err(|source| ledger.write_error(source))?;
            Ok(record.key())
        });
        match written.await {
            Ok(result) => result,
            Err(join) => Err(self.write_error(std::io::Error::other(join))),
        }
    }

    fn append(&self, record: &Record) -> Result<(), Error> {
        self.book().append(record).map_err(|source| self.write_error(source))
    }

    fn write_error(&self, source: std::io::Error) -> Error {
        Error::Io { doing: "write", path: self.inner.path.clone(), source }
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        // A writer that panicked left the file with whole lines or one torn line at most: both are legal.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A resource that was just made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its entry in the ledger.
    pub key: Key,
    /// The id that the service gave it.
    pub id: String,
}

impl Book {
    fn next_key(&self) -> Key {
        self.entries.last_key_value().map_or(Key::FIRST, |(last, _)| last.next())
    }

    fn append(&mut self, record: &Record) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        record.apply(&mut self.entries);
        Ok(())
    }
}

/// Makes the new file's name itself durable.
fn sync_folder(folder: &Utf8Path, path: &Utf8Path) -> Result<(), Error> {
    let folder = if folder.as_str().is_empty() { Utf8Path::new(".") } else { folder };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| Error::Io { doing: "create", path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
