//! The shards of a run in a store: the state of each, so that another machine can continue it, and its report once it is finished.
//!
//! | object below `shards/RUN/I-of-N/` | content |
//! |---|---|
//! | `command.json` | what the shard was started with, written by whoever came first |
//! | `ledger/NUMBER.jsonl` | the ledger in pieces, each before what it plans is created |
//! | `journal/NUMBER.json` | the answers in pieces, with the files that they name: `Piece` |
//! | `files/SHA256.gz` | a file, compressed, named after its content |
//! | `finished.json` | the files of a finished shard, its report among them: [`Files`] |
//!
//! Every object is written once, as in the rest of the store. So two processes that continue one shard do not overwrite each other: the
//! second to write piece N finds out ([`Error::Taken`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use amiproof_model::name::RunId;
use amiproof_model::shard::Shard;
use camino::{Utf8Path, Utf8PathBuf};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::objects::Objects;
use super::written::Written;
use super::{READS, Store, compressed, decompressed};
use crate::bounded;
use crate::digest::sha256;
use crate::evidence::is_in_folder;
use crate::ledger::RemoteCopy;
use crate::run::journal;

/// Names of files, relative to the folder of the run, and the SHA-256 of their content.
pub type Files = BTreeMap<Utf8PathBuf, String>;

/// The report among [`Files`].
pub const REPORT: &str = "report.json";
/// The log among [`Files`].
pub const LOG: &str = "log.txt";

const COMMAND: &str = "command.json";
const FINISHED: &str = "finished.json";

/// Answers of a shard, and the files that they name as evidence.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Piece {
    /// Whole lines of the journal.
    lines: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    files: Files,
}

/// What one shard of a run has in a store.
#[derive(Clone, Debug)]
pub struct ShardObjects {
    objects: Arc<Objects>,
    folder: String,
    /// For messages: `s3://bucket/prefix/shards/tonight/1-of-3`.
    shown: String,
}

/// What a process that ended left of a shard.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// Its ledger; empty if it had none yet, and then it created nothing.
    pub ledger: Vec<u8>,
    /// In how many pieces.
    pub pieces: u32,
    /// Its journal.
    pub journal: Vec<u8>,
    /// The files that the answers in it name.
    pub files: Files,
    /// In how many pieces the journal is.
    journal_pieces: u32,
}

/// How much of a journal is in the store.
#[derive(Debug, Default)]
pub struct JournalCopy {
    bytes: usize,
    pieces: u32,
    /// A piece whose write was not confirmed, with the number of bytes of the journal in it.
    unanswered: Option<(Vec<u8>, usize)>,
}

impl Store {
    /// The place of a shard of a run.
    pub fn shard(&self, run: &RunId, shard: Shard) -> ShardObjects {
        let folder = format!("shards/{run}/{}-of-{}", shard.index, shard.count);
        let shown = format!("{}/{folder}", self.location);
        ShardObjects { objects: Arc::clone(&self.objects), folder, shown }
    }

    /// The shards of a run that were started, by their numbers.
    ///
    /// # Errors
    /// When the store cannot be read. Reads of S3 are retried.
    pub async fn shards(&self, run: &RunId) -> Result<Vec<Shard>, Error> {
        let names = self.objects.folders(&format!("shards/{run}")).await?;
        let shard = |name: &String| name.replacen("-of-", "/", 1).parse::<Shard>().ok();
        let mut shards: Vec<Shard> = names.iter().filter_map(shard).collect();
        shards.sort_by_key(|shard| (shard.count, shard.index));
        Ok(shards)
    }

    /// The runs in shards, sorted.
    ///
    /// # Errors
    /// When the store cannot be read. Reads of S3 are retried.
    pub async fn runs_in_shards(&self) -> Result<Vec<String>, Error> {
        let mut names = self.objects.folders("shards").await?;
        names.sort();
        Ok(names)
    }
}

impl ShardObjects {
    /// Where it is, for messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What the shard was started with; `None` if it never was.
    ///
    /// # Errors
    /// When the store cannot be read. Reads of S3 are retried.
    pub async fn command(&self) -> Result<Option<Vec<u8>>, Error> {
        self.objects.get(&self.name(COMMAND), bounded::MANIFEST).await
    }

    /// Records what the shard is started with, unless an earlier process did.
    ///
    /// # Errors
    /// When the store cannot be written. Writes to S3 are retried.
    pub async fn begin(&self, command: Vec<u8>) -> Result<(), Error> {
        self.objects.put_new(&self.name(COMMAND), command).await.map(|_| ())
    }

    /// What an earlier process left.
    ///
    /// # Errors
    /// When the store cannot be read, or a piece is missing or cannot be parsed. Reads of S3 are retried.
    pub async fn left(&self) -> Result<Left, Error> {
        let ledger = self.pieces("ledger", "jsonl").await?;
        let pieces = u32::try_from(ledger.len()).unwrap_or(u32::MAX);
        let mut left = Left { ledger: ledger.concat(), pieces, ..Left::default() };
        for (number, bytes) in self.pieces("journal", "json").await?.iter().enumerate() {
            let piece: Piece = serde_json::from_slice(bytes).map_err(|error| Error::Object {
                name: self.name(&format!("journal/{:06}.json", number + 1)),
                why: error.to_string(),
            })?;
            left.journal.extend_from_slice(piece.lines.as_bytes());
            left.files.extend(piece.files);
            left.journal_pieces += 1;
        }
        Ok(left)
    }

    /// The pieces of a folder, from the first one on.
    async fn pieces(&self, kind: &str, ending: &str) -> Result<Vec<Vec<u8>>, Error> {
        let folder = self.name(kind);
        let mut names = self.objects.list(&folder).await?;
        names.sort();
        let numbered = (1..).map(|number| format!("{number:06}.{ending}"));
        if let Some((name, wanted)) = names.iter().zip(numbered).find(|(name, wanted)| *name != wanted) {
            let why = format!("the piece before it, {wanted}, is missing");
            return Err(Error::Object { name: format!("{folder}/{name}"), why });
        }
        let read = names.into_iter().map(|name| format!("{folder}/{name}")).map(|name| async move {
            let piece = self.objects.get(&name, bounded::LEDGER).await?;
            piece.ok_or(Error::Object { name, why: "it is listed but does not exist".to_owned() })
        });
        futures::stream::iter(read).buffered(READS).try_collect().await
    }

    /// A copy of a ledger that begins with what an earlier process left. `on_taken` is called when another process has continued the shard.
    pub fn ledger_copy(&self, left: &Left, on_taken: impl Fn() + Send + Sync + 'static) -> RemoteCopy {
        let (own, on_taken) = (self.clone(), Arc::new(on_taken));
        let put = move |number: u32, bytes: Vec<u8>| {
            let (own, on_taken) = (own.clone(), Arc::clone(&on_taken));
            async move {
                own.put_piece(&format!("ledger/{number:06}.jsonl"), bytes).await.map_err(|error| {
                    if matches!(error, Error::Taken { .. }) {
                        on_taken();
                    }
                    error.to_string()
                })
            }
            .boxed()
        };
        RemoteCopy::new(self.shown.clone(), left.ledger.len(), left.pieces, Arc::new(put))
    }

    /// Copies the lines of a journal that are not in the store yet, after the files that they name.
    ///
    /// # Errors
    /// When a file cannot be read, or the store cannot be written; the next call continues. Writes to S3 are retried.
    pub async fn copy_journal(&self, folder: &Utf8Path, copy: &mut JournalCopy) -> Result<(), Error> {
        if copy.unanswered.is_none() {
            let path = folder.join(journal::FILE_NAME);
            let new = match bounded::bytes_from(&path, copy.bytes as u64, journal::LONGEST) {
                Ok(new) => new,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(source) => return Err(Error::File { what: "read", path, source }),
            };
            let end = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            let lines = String::from_utf8_lossy(&new[..end]).into_owned();
            if lines.is_empty() {
                return Ok(());
            }
            let files = self.put_files(folder, journal::evidence(lines.as_bytes())).await?;
            let piece = serde_json::to_vec(&Piece { lines, files });
            copy.unanswered = Some((piece.map_err(|error| Error::Report(error.to_string()))?, end));
        }
        let Some((piece, length)) = copy.unanswered.clone() else { return Ok(()) };
        self.put_piece(&format!("journal/{:06}.json", copy.pieces + 1), piece).await?;
        *copy = JournalCopy { bytes: copy.bytes + length, pieces: copy.pieces + 1, unanswered: None };
        Ok(())
    }

    /// Whether a finished report is there: its files.
    ///
    /// # Errors
    /// When the store cannot be read, or there is something else in its place. Reads of S3 are retried.
    pub async fn finished(&self) -> Result<Option<Files>, Error> {
        let name = self.name(FINISHED);
        let Some(bytes) = self.objects.get(&name, bounded::MANIFEST).await? else { return Ok(None) };
        let files = serde_json::from_slice(&bytes);
        files.map(Some).map_err(|error| Error::Object { name, why: error.to_string() })
    }

    /// Adds the files of a finished shard from the folder of its run: the report, the log, and these pieces of evidence. Says whether it is new;
    /// one that is there already stays.
    ///
    /// # Errors
    /// When a file cannot be read, or the store cannot be written. Writes to S3 are retried.
    pub async fn finish(&self, folder: &Utf8Path, evidence: Vec<Utf8PathBuf>) -> Result<bool, Error> {
        let named = evidence.into_iter().filter(|file| is_in_folder(file)).chain([LOG.into(), REPORT.into()]);
        let files = self.put_files(folder, named.collect()).await?;
        if !files.contains_key(Utf8Path::new(REPORT)) {
            return Err(Error::Report(format!("there is no {}", folder.join(REPORT))));
        }
        let listed = serde_json::to_vec_pretty(&files).map_err(|error| Error::Report(error.to_string()))?;
        Ok(matches!(self.objects.put_new(&self.name(FINISHED), listed).await?, Written::New))
    }

    /// Writes files of the store into a folder. Names that lead elsewhere are an error.
    ///
    /// # Errors
    /// When the store cannot be read, a file is missing or is not what its name says, or cannot be written. Reads of S3 are retried.
    pub async fn fetch(&self, files: &Files, folder: &Utf8Path) -> Result<(), Error> {
        let fetched = files.iter().map(|(file, digest)| async move {
            let name = self.name(&format!("files/{digest}.gz"));
            let wrong = |why: &str| Error::Object { name: name.clone(), why: why.to_owned() };
            if !is_in_folder(file) && file != REPORT && file != LOG {
                return Err(wrong(&format!("{file} is not the name of a file of a run")));
            }
            let packed = self.objects.get(&name, bounded::REPORT).await?.ok_or_else(|| wrong("it is missing"))?;
            let bytes = decompressed(&packed, "file").map_err(|why| wrong(&why))?;
            if sha256(&bytes) != *digest {
                return Err(wrong("its content has another SHA-256"));
            }
            let path = folder.join(file);
            let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
                // Never through a link: it would lead out of the folder.
                let _ = std::fs::remove_file(&path);
                std::fs::write(&path, &bytes)
            });
            written.map_err(|source| Error::File { what: "write", path, source })
        });
        futures::stream::iter(fetched).buffered(READS).try_collect().await
    }

    /// Adds the files that there are, under the digests of their contents.
    async fn put_files(&self, folder: &Utf8Path, files: Vec<Utf8PathBuf>) -> Result<Files, Error> {
        let put = files.into_iter().map(|file| async move {
            let path = folder.join(&file);
            // A report may name a file that was never written.
            if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
                return Ok::<_, Error>(None);
            }
            let bytes = bounded::bytes(&path, bounded::REPORT);
            let bytes = bytes.map_err(|source| Error::File { what: "read", path: path.clone(), source })?;
            let packed = compressed(&bytes).map_err(|source| Error::File { what: "compress", path, source })?;
            let digest = sha256(&bytes);
            self.objects.put_new(&self.name(&format!("files/{digest}.gz")), packed).await?;
            Ok(Some((file, digest)))
        });
        let put: Vec<_> = futures::stream::iter(put).buffered(READS).try_collect().await?;
        Ok(put.into_iter().flatten().collect())
    }

    /// Writes a piece whose number is free, or has the same content.
    async fn put_piece(&self, piece: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let name = self.name(piece);
        match self.objects.put_new(&name, bytes.clone()).await? {
            Written::New => Ok(()),
            Written::Exists if self.objects.get(&name, bounded::LEDGER).await?.as_ref() == Some(&bytes) => Ok(()),
            Written::Exists => Err(Error::Taken { name }),
        }
    }

    fn name(&self, object: &str) -> String {
        format!("{}/{object}", self.folder)
    }
}

impl Left {
    /// How far the journal is in the store.
    pub fn journal_copy(&self) -> JournalCopy {
        JournalCopy { bytes: self.journal.len(), pieces: self.journal_pieces, unanswered: None }
    }
}

#[cfg(test)]
mod tests;
