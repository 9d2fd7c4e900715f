//! The write-ahead record of everything that a run creates in the account and in the cluster.
//!
//! One file per run, one JSON object per line, each line synced to disk before work continues: `planned` before a create call,
//! `created` with the returned id, `gone` once the deletion was verified. Names are derived from run and variant
//! ([`crate::aws::names`]), so a resource that was planned but whose `created` line was lost (`kill -9` in between) is found by
//! its name. `created` and `gone` have the time, from which follows what the run cost ([`crate::cost`]).

mod copy;
mod error;
mod file;
mod flight;
mod record;
mod resource;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use amiproof_model::name::VariantName;
use camino::{Utf8Path, Utf8PathBuf};

pub use self::copy::{PutPiece, RemoteCopy};
pub use self::error::{Error, VERSION};
use self::file::LedgerFile;
use self::flight::Flight;
pub use self::record::{ByKubeconfig, ClusterIdentity, Entry, Header, Key, State};
use self::record::{Record, Sum, replay_text};
pub use self::resource::{Resource, ResourceKind};
use crate::aws::names;
use crate::run::clock::Clock;

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
    state: Mutex<LedgerFile>,
    flight: Flight,
    /// The time of its records: that of the day when it was opened, and from then on what has passed.
    clock: Clock,
    /// When the file was last written before it was opened; `None` for a run that started in this process.
    inherited: Option<SystemTime>,
    /// Where else it is written, if anywhere.
    copy: OnceLock<RemoteCopy>,
}

impl Ledger {
    /// Starts the ledger of a new run in `folder`, which must exist.
    ///
    /// # Errors
    /// When there is one already, or the file cannot be written.
    pub fn create(folder: &Utf8Path, header: Header) -> Result<Self, Error> {
        let path = folder.join(FILE_NAME);
        // `create_new` follows no link.
        let file =
            OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path).map_err(|source| match source
                .kind()
            {
                std::io::ErrorKind::AlreadyExists => Error::Exists { path: path.clone() },
                _ => Error::Io { doing: "create", path: path.clone(), source },
            })?;
        sync_folder(folder, &path)?;
        let ledger = Self::of(path, header.clone(), LedgerFile::new(file, Sum::default(), Vec::new()), None);
        let written = ledger.file().append(&Record::Header(header));
        written.map_err(|source| ledger.write_error(source))?;
        Ok(ledger)
    }

    /// Opens the ledger of an earlier run to append to it. An incomplete last line (the machine went down while writing) is truncated;
    /// one in the middle (the disk was full) is skipped and reported by [`Ledger::torn`].
    ///
    /// # Errors
    /// When the file cannot be read, is a symbolic link, or does not begin with the header of a ledger of [`VERSION`]. A read-only
    /// file is opened as well: [`Ledger::problem`] reports it at the first write.
    pub fn open(folder: &Utf8Path) -> Result<Self, Error> {
        let path = folder.join(FILE_NAME);
        let io = |doing| {
            let path = path.clone();
            move |source| Error::Io { doing, path, source }
        };
        let text = read(&path)?;
        let replay = replay_text(&path, &text)?;
        let file = OpenOptions::new().append(true).open(&path).or_else(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => File::open(&path),
            _ => Err(error),
        });
        let file = file.map_err(io("open"))?;
        let mut torn = replay.torn;
        if replay.intact < text.len()
            && let Err(error) = file.set_len(replay.intact as u64).and_then(|()| file.sync_all())
        {
            torn.push(format!("the incomplete last line cannot be truncated: {error}"));
        }
        let written = file.metadata().and_then(|metadata| metadata.modified()).map_err(io("open"))?;
        Ok(Self::of(path, replay.header, LedgerFile::new(file, replay.state, torn), Some(written)))
    }

    /// Reads a ledger without opening it for writing: its header, and every entry in the order of planning.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn replay(folder: &Utf8Path) -> Result<(Header, Vec<Entry>), Error> {
        let path = folder.join(FILE_NAME);
        let replay = replay_text(&path, &read(&path)?)?;
        Ok((replay.header, replay.state.entries.into_values().collect()))
    }

    fn of(path: Utf8PathBuf, header: Header, file: LedgerFile, inherited: Option<SystemTime>) -> Self {
        let (state, flight, copy) = (Mutex::new(file), Flight::default(), OnceLock::new());
        Self { inner: Arc::new(Inner { path, header, state, flight, clock: Clock::start(), inherited, copy }) }
    }

    /// The header: the run and its target.
    pub fn header(&self) -> &Header {
        &self.inner.header
    }

    /// The file.
    pub fn path(&self) -> &Utf8Path {
        &self.inner.path
    }

    /// Every entry in the order of planning.
    pub fn entries(&self) -> Vec<Entry> {
        self.file().entries().cloned().collect()
    }

    /// The entry of a resource that may exist: commands that continue a run adopt it instead of creating it again.
    pub fn standing(&self, kind: ResourceKind, name: &str) -> Option<Entry> {
        let file = self.file();
        let mut standing = file.entries().rev();
        standing.find(|entry| entry.is_live() && entry.is(&kind, name)).cloned()
    }

    /// Whether the service confirmed a resource that is not known to be deleted. One that was only planned is looked up again: if its create
    /// call did arrive, the name is taken.
    pub fn has_created(&self, kind: ResourceKind, name: &str) -> bool {
        self.standing(kind, name).is_some_and(|entry| entry.state == State::Created)
    }

    /// The client token of the next creation of a resource. Every attempt of one creation carries the same token. Once the creation is planned
    /// the token is used up: services answer a token that they know with the answer of its first use, even when what that created is deleted
    /// (EC2 API, "Ensuring idempotency"; CloudFormation: `TokenAlreadyExistsException`).
    pub(crate) fn client_token(&self, resource: &Resource) -> String {
        let is_same = |entry: &&Entry| entry.is_of(resource);
        let turn = self.file().entries().filter(is_same).count();
        let cluster = resource.cluster.as_deref().unwrap_or_default();
        names::client_token(&self.header().run, &[resource.kind.as_str(), cluster, &resource.name], turn)
    }

    /// Records that everything of this kind and name is deleted: an earlier process of the run was deleting it, and could not record the end.
    ///
    /// # Errors
    /// As [`Ledger::gone`].
    pub(crate) async fn all_gone(&self, kind: &ResourceKind, name: &str) -> Result<(), Error> {
        let standing = self.entries().into_iter().filter(|entry| entry.is_live() && entry.is(kind, name));
        for entry in standing {
            self.gone(entry.key).await?;
        }
        Ok(())
    }

    /// Also writes the ledger to a copy from now on: nothing is created before its entry is in both. A ledger that an earlier process wrote gets a
    /// record of its own first, by which that process, if it still lives, finds out that the run is no longer its own.
    ///
    /// # Errors
    /// When either cannot be written. A ledger has one copy; another one is not accepted.
    pub async fn copy_to(&self, copy: RemoteCopy) -> Result<(), Error> {
        let place = copy.place.clone();
        if self.inner.copy.set(copy).is_err() {
            return Err(Error::Copy { place, reason: "the ledger is copied to another place already".to_owned() });
        }
        if self.inner.inherited.is_some() {
            let (at, by) = (self.inner.clock.now(), format!("{:016x}", amiproof_time::random::number()));
            return self.write(move |_| Record::Continued { at, by }).await.map(|_| ());
        }
        self.copied().await
    }

    /// The clusters that the run talked to, with their identities at that time.
    pub fn clusters(&self) -> Vec<ClusterIdentity> {
        self.file().sum.clusters.values().cloned().collect()
    }

    /// Records the identity of a cluster before anything is created in it. The first record of a name counts.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn met(&self, cluster: ClusterIdentity) -> Result<(), Error> {
        if self.file().sum.clusters.contains_key(&cluster.name) {
            return Ok(());
        }
        self.write(move |_| Record::Cluster(cluster)).await.map(|_| ())
    }

    /// Lines of the file that could not be read, one sentence each. Their resources can only be found by tag.
    pub fn torn(&self) -> Vec<String> {
        self.file().torn.clone()
    }

    /// A contradiction within the file, in one sentence: a header with another region than its resources.
    pub fn contradiction(&self) -> Option<String> {
        let (file, header) = (self.file(), &self.inner.header);
        let other = file
            .entries()
            .map(|entry| &entry.resource.region)
            .find(|region| !region.is_empty() && **region != header.region)?;
        Some(format!(
            "the header of the ledger {} names region {}, but one of its resources is in {other}",
            self.inner.path, header.region
        ))
    }

    /// Which records could not be written, in one sentence; `None` when everything is on disk.
    pub fn problem(&self) -> Option<String> {
        let problem = self.file().problem()?;
        Some(format!("the ledger {} could not be written, {problem}", self.inner.path))
    }

    /// How long ago an earlier process last wrote the file; `None` if the run started in this process.
    pub fn inherited(&self) -> Option<Duration> {
        // If the clock was set back, assume that it was just now.
        self.inner.inherited.map(|then| SystemTime::now().duration_since(then).unwrap_or_default())
    }

    /// Creates a resource: writes `planned`, runs the call that `create` starts, and writes `created` with the returned id. Every create call
    /// of amiproof goes through this function.
    ///
    /// If the call fails, the entry stays `planned`, because the call may have arrived; destroy looks the name up. If the caller is dropped,
    /// the call continues and its answer is recorded; teardown waits for it ([`Ledger::settled`]).
    ///
    /// # Errors
    /// The errors of the call, and [`Error`] if the file cannot be written (nothing is created then).
    pub async fn create_resource<E, F, Fut>(&self, resource: Resource, create: F) -> Result<Created, E>
    where
        E: From<Error> + Send + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<String, E>> + Send + 'static,
    {
        // A stopped run waits for the call in progress here, and starts no other.
        crate::finish::run_to_completion(async {
            let variant = resource.variant.clone();
            let key = self.planned(resource).await?;
            let (ledger, call) = (self.clone(), create());
            let task = tokio::spawn(async move {
                let _landing = ledger.inner.flight.landing(key);
                let id = call.await?;
                // It exists whether this can be recorded or not: the planned entry is on disk.
                let at = Some(ledger.inner.clock.now());
                if let Err(error) = ledger.note(Record::Created { key, id: id.clone(), at }).await {
                    tracing::warn!(%error, id, "was created, but the ledger could not be updated");
                }
                Ok(Created { key, id })
            });
            self.inner.flight.begun(key, variant, task.abort_handle());
            match task.await {
                Ok(made) => made,
                Err(join) => match join.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_aborted) => Err(Error::GivenUp.into()),
                },
            }
        })
        .await
    }

    /// Records something that AWS will create by itself because of what is created next, and will not delete: it is looked for by its name,
    /// like anything that was planned and never confirmed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) async fn expect(&self, resource: Resource) -> Result<(), Error> {
        if self.standing(resource.kind.clone(), &resource.name).is_none() {
            self.planned(resource).await?;
        }
        Ok(())
    }

    /// Waits for the create calls in flight of a variant (`None`: of everything), and aborts those without an answer after `within`: their
    /// entries stay planned. Returns the number of aborted calls.
    pub async fn settled(&self, variant: Option<&VariantName>, within: Duration) -> usize {
        self.inner.flight.settled(variant, within).await
    }

    /// Records that a resource was verified as deleted. Idempotent. Takes effect in memory even if it cannot be written.
    ///
    /// # Errors
    /// When the file cannot be written; it is retried with the next record, and [`Ledger::problem`] reports it until then.
    pub async fn gone(&self, key: Key) -> Result<(), Error> {
        if self.state_of(key).is_none_or(|state| state == State::Gone) {
            return Ok(());
        }
        self.note(Record::Gone { key, at: Some(self.inner.clock.now()) }).await
    }

    /// Records that the resource of this name has another owner. Takes effect in memory even if it cannot be written.
    ///
    /// # Errors
    /// As [`Ledger::gone`]. Not retried.
    pub async fn foreign(&self, key: Key, owner: &str) -> Result<(), Error> {
        if self.state_of(key).is_none_or(|state| state == State::Foreign) {
            return Ok(());
        }
        self.note(Record::Foreign { key, owner: owner.to_owned() }).await
    }

    fn state_of(&self, key: Key) -> Option<State> {
        self.file().sum.entries.get(&key).map(|entry| entry.state)
    }

    async fn planned(&self, resource: Resource) -> Result<Key, Error> {
        self.write(move |file| Record::Planned { key: file.next_key(), resource }).await
    }

    /// Writes one record on a thread where blocking is allowed, and then applies it. Once started it completes, even if the caller is
    /// dropped.
    async fn write(&self, record: impl FnOnce(&LedgerFile) -> Record + Send + 'static) -> Result<Key, Error> {
        let key = self
            .blocking(move |file| {
                let record = record(file);
                file.append(&record).map(|()| record.key())
            })
            .await?;
        self.copied().await.map(|()| key)
    }

    /// As `write`, for what has happened already: it is applied whether it can be written or not.
    async fn note(&self, record: Record) -> Result<(), Error> {
        self.blocking(move |file| file.note(record)).await?;
        self.copied().await
    }

    /// Waits until the copy, if there is one, has what the file has. Once started it completes, as [`Ledger::write`] does.
    async fn copied(&self) -> Result<(), Error> {
        if self.inner.copy.get().is_none() {
            return Ok(());
        }
        let ledger = self.clone();
        let sent = tokio::spawn(async move {
            let Some(copy) = ledger.inner.copy.get() else { return Ok(()) };
            let read = |from: usize| {
                let ledger = ledger.clone();
                // While nobody writes a line.
                amiproof_time::blocking(move || {
                    let _file = ledger.file();
                    crate::bounded::bytes_from(&ledger.inner.path, from as u64, crate::bounded::LEDGER)
                })
            };
            let place = copy.place.clone();
            copy.send(read).await.map_err(|reason| Error::Copy { place, reason })
        });
        match sent.await {
            Ok(sent) => sent,
            Err(join) => match join.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_aborted) => Err(Error::GivenUp),
            },
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut LedgerFile) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let ledger = self.clone();
        amiproof_time::blocking(move || {
            let worked = work(&mut ledger.file());
            worked.map_err(|source| ledger.write_error(source))
        })
        .await
    }

    fn write_error(&self, source: std::io::Error) -> Error {
        Error::Io { doing: "write", path: self.inner.path.clone(), source }
    }

    fn file(&self) -> std::sync::MutexGuard<'_, LedgerFile> {
        // A writer that panicked left complete lines, or at most one incomplete line: both are valid.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A resource that was just created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its entry in the ledger.
    pub key: Key,
    /// The id that the service returned.
    pub id: String,
}

/// Reads the file, unless it is a link to somewhere else.
fn read(path: &Utf8Path) -> Result<Vec<u8>, Error> {
    if path.is_symlink() {
        return Err(Error::Link { path: path.to_owned() });
    }
    crate::bounded::bytes(path, crate::bounded::LEDGER).map_err(|source| Error::Io {
        doing: "open",
        path: path.to_owned(),
        source,
    })
}

/// Makes the directory entry of the new file durable.
fn sync_folder(folder: &Utf8Path, path: &Utf8Path) -> Result<(), Error> {
    let folder = if folder.as_str().is_empty() { Utf8Path::new(".") } else { folder };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| Error::Io { doing: "create", path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
