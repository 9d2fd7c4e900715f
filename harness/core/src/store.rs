//! The history store: the reports of the nightly runs of a matrix, in a folder or in S3.
//!
//! | object | content |
//! |---|---|
//! | `runs/MATRIX/NIGHT/report.json.gz` | the report, compressed |
//! | `index/MATRIX/NIGHT.json` | what queries over many nightly runs need: [`Night`] |
//! | `shards/RUN/I-of-N/..` | the state of the shards of a run: [`shards`] |
//!
//! `NIGHT` is a [`Key`], so that a list by name is a list by time. The store is append-only: each object is written once, under an unused
//! name, so that writers need no lock and none of them overwrites what another one wrote. The entry follows the report; a report without
//! an entry is that of a writer that was killed, and is not listed. What cannot be read is reported and skipped, and never deleted.

mod error;
mod folder;
mod objects;
mod s3;
pub mod shards;
mod written;

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use amiproof_model::history::{Keep, Key, Location, Night, night};
use amiproof_model::name::RunId;
use amiproof_model::report::Report;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use futures::StreamExt as _;
use jiff::Timestamp;

pub use self::error::Error;
use self::folder::Folder;
use self::objects::Objects;
use self::s3::Bucket;
use self::written::Written;
use crate::aws::{AwsError, Class, Clients, Settings};
use crate::bounded;

/// How many entries are read at once.
const READS: usize = 16;
/// How long the first answer may take.
const SOON: Duration = Duration::from_secs(20);

/// A history.
#[derive(Debug)]
pub struct Store {
    objects: Arc<Objects>,
    location: Location,
}

/// An object that is not what its name says, and was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its name in the store.
    pub name: String,
    /// Why.
    pub why: String,
}

/// What a night is compared with.
#[derive(Debug)]
pub struct Baseline {
    /// The newest night that can be compared with, as [`Night::is_baseline`] says.
    pub report: Option<Report>,
    /// How many nights there are, without the one that is to be compared.
    pub nights: usize,
    /// What could not be read.
    pub passed_over: Vec<PassedOver>,
}

/// Nights and what could not be read of them.
#[derive(Debug)]
pub struct Nights {
    /// The nights, oldest first.
    pub nights: Vec<Night>,
    /// What could not be read.
    pub passed_over: Vec<PassedOver>,
}

impl Store {
    /// Opens a store. A folder that does not exist is made with the first night. In S3 the credentials, the region and the endpoint are
    /// those of the settings; the region of the bucket is asked for.
    ///
    /// # Errors
    /// When there is no region or no client for S3. Reads of S3 are retried; what is not there or not allowed is found by the first of the
    /// other functions.
    pub async fn open(location: &Location, settings: Settings) -> Result<Self, Error> {
        let objects = match location {
            Location::Folder(path) => Objects::Folder(Folder::new(path)),
            Location::S3 { bucket, prefix } => {
                let clients = Clients::connect(settings).await?;
                Objects::S3(Box::new(Bucket::open(clients, bucket, prefix).await?))
            }
        };
        Ok(Self { objects: Arc::new(objects), location: location.clone() })
    }

    /// Asks whether it answers, so that nobody waits for minutes of retries of a place that does not exist.
    ///
    /// # Errors
    /// When it cannot be read, or does not answer within 20 seconds.
    pub async fn reach(&self) -> Result<(), Error> {
        match tokio::time::timeout(SOON, self.objects.folders("index")).await {
            Ok(answer) => answer.map(|_| ()),
            Err(_) => {
                let message = format!("no answer within {} s", SOON.as_secs());
                let unreachable = AwsError::new(Class::Unreachable, "ListObjectsV2", &self.location, message);
                Err(unreachable.into())
            }
        }
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The names of the nights of a matrix, oldest first, and what else is among them.
    async fn keys(&self, matrix: &str) -> Result<(Vec<Key>, Vec<PassedOver>), Error> {
        let folder = format!("index/{}", night::matrix_name(matrix)?);
        let mut keys = Vec::new();
        let mut passed_over = Vec::new();
        for name in self.objects.list(&folder).await? {
            match name.strip_suffix(".json").map(str::parse::<Key>) {
                Some(Ok(key)) => keys.push(key),
                _ => passed_over.push(PassedOver {
                    name: format!("{folder}/{name}"),
                    why: "its name is not that of a nightly run".to_owned(),
                }),
            }
        }
        keys.sort();
        Ok((keys, passed_over))
    }

    /// The entry of a night; as the inner error what is wrong with it.
    async fn entry(&self, matrix: &str, key: &Key) -> Result<Result<Night, PassedOver>, Error> {
        let name = index(matrix, key);
        let Some(bytes) = self.objects.get(&name, bounded::MANIFEST).await? else {
            return Ok(Err(PassedOver { name, why: "it is listed but does not exist".to_owned() }));
        };
        let night = Night::parse(&bytes, key).map_err(|error| error.to_string());
        let night = night.and_then(|night| match night.matrix == matrix {
            true => Ok(night),
            false => Err(format!("it belongs to matrix {}", night.matrix)),
        });
        Ok(night.map_err(|why| PassedOver { name, why }))
    }

    /// The report of a night; as the inner error what is wrong with it.
    async fn report(&self, matrix: &str, key: &Key) -> Result<Result<Report, PassedOver>, Error> {
        let name = report_of(matrix, key);
        let Some(bytes) = self.objects.get(&name, bounded::REPORT).await? else {
            return Ok(Err(PassedOver {
                name,
                why: "the nightly run has an entry, but its report is missing".to_owned(),
            }));
        };
        let report = unpacked(&bytes).and_then(|text| Report::parse(&text).map_err(|error| error.to_string()));
        let report = report.and_then(|report| match Key::new(report.run.started, report.run.id.clone()) {
            own if own == *key => Ok(report),
            other => Err(format!("it is the report of {other}")),
        });
        Ok(report.map_err(|why| PassedOver { name, why }))
    }

    /// The last nights of a matrix, or all of them.
    ///
    /// # Errors
    /// When the store cannot be read, or there is no such name of a matrix. Reads of S3 are retried.
    pub async fn nights(&self, matrix: &str, last: Option<usize>) -> Result<Nights, Error> {
        let (keys, mut passed_over) = self.keys(matrix).await?;
        let skipped = last.map_or(0, |last| keys.len().saturating_sub(last));
        let wanted = keys.iter().skip(skipped);
        let read: Vec<_> =
            futures::stream::iter(wanted.map(|key| self.entry(matrix, key))).buffered(READS).collect().await;
        let mut nights = Vec::new();
        for entry in read {
            match entry? {
                Ok(night) => nights.push(night),
                Err(what) => passed_over.push(what),
            }
        }
        Ok(Nights { nights, passed_over })
    }

    /// The matrices that have nights, sorted.
    ///
    /// # Errors
    /// When the store cannot be read. Reads of S3 are retried.
    pub async fn matrices(&self) -> Result<Vec<String>, Error> {
        let mut names = self.objects.folders("index").await?;
        names.retain(|name| night::matrix_name(name).is_ok());
        names.sort();
        Ok(names)
    }

    /// The report of the newest night that can be compared with, without the night of `except`.
    ///
    /// # Errors
    /// When the store cannot be read, or there is no such name of a matrix. Reads of S3 are retried.
    pub async fn baseline(&self, matrix: &str, except: Option<&RunId>) -> Result<Baseline, Error> {
        let (mut keys, mut passed_over) = self.keys(matrix).await?;
        keys.retain(|key| Some(key.run()) != except);
        let nights = keys.len();
        let mut report = None;
        for key in keys.iter().rev() {
            match self.entry(matrix, key).await? {
                Ok(night) if !night.is_baseline() => continue,
                Ok(_) => {}
                Err(what) => {
                    passed_over.push(what);
                    continue;
                }
            }
            match self.report(matrix, key).await? {
                Ok(found) => {
                    report = Some(found);
                    break;
                }
                Err(what) => passed_over.push(what),
            }
        }
        Ok(Baseline { report, nights, passed_over })
    }

    /// Adds a night: its report as it is in the file, then its entry. Adding it again changes nothing. Says whether it is new.
    ///
    /// # Errors
    /// When the store cannot be written, has another report of that run, or the report is of a run that was interrupted. Writes to S3 are
    /// retried, because one that arrives twice finds its own content.
    pub async fn append(&self, text: &str) -> Result<bool, Error> {
        let report = Report::parse(text).map_err(|error| Error::Report(error.to_string()))?;
        let matrix = night::matrix_name(&report.run.matrix)?;
        if report.run.interrupted {
            return Err(Error::Report(format!("run {} was interrupted", report.run.id)));
        }
        let night = Night::of(&report);
        let key = night.key();
        let packed = packed(text).map_err(|error| Error::Report(error.to_string()))?;
        let name = report_of(matrix, &key);
        let is_new = match self.objects.put_new(&name, packed).await? {
            Written::New => true,
            Written::Exists => {
                let there = self.objects.get(&name, bounded::REPORT).await?.unwrap_or_default();
                if unpacked(&there).as_deref() != Ok(text) {
                    return Err(Error::Conflict { run: report.run.id.clone(), name });
                }
                false
            }
        };
        let entry = serde_json::to_vec(&night).map_err(|error| Error::Report(error.to_string()))?;
        match self.objects.put_new(&index(matrix, &key), entry).await? {
            Written::New => Ok(true),
            // That of another build may be put in other words. One that cannot be read is not an entry.
            Written::Exists => match self.entry(matrix, &key).await? {
                Ok(_) => Ok(is_new),
                Err(PassedOver { name, why }) => Err(Error::Entry { name, why }),
            },
        }
    }

    /// Deletes the nights of a matrix that are not to be kept, and says which. What cannot be read is not deleted.
    ///
    /// # Errors
    /// When the store cannot be read or written; the next call continues. Requests to S3 are retried.
    pub async fn prune(&self, matrix: &str, keep: Keep, now: Timestamp) -> Result<Vec<Key>, Error> {
        let (keys, _) = self.keys(matrix).await?;
        let mut baseline = None;
        for key in keys.iter().rev() {
            if self.entry(matrix, key).await?.is_ok_and(|night| night.is_baseline()) {
                baseline = Some(key);
                break;
            }
        }
        let mut deleted = Vec::new();
        for key in keep.expired(&keys, baseline, now) {
            if self.entry(matrix, &key).await?.is_err() {
                continue;
            }
            // The report first: a night without its entry would never be found again.
            self.objects.delete(&report_of(matrix, &key)).await?;
            self.objects.delete(&index(matrix, &key)).await?;
            deleted.push(key);
        }
        Ok(deleted)
    }
}

fn index(matrix: &str, key: &Key) -> String {
    format!("index/{matrix}/{key}.json")
}

fn report_of(matrix: &str, key: &Key) -> String {
    format!("runs/{matrix}/{key}/report.json.gz")
}

fn packed(text: &str) -> std::io::Result<Vec<u8>> {
    compressed(text.as_bytes())
}

fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The text of a compressed report, as long as a report may be.
fn unpacked(bytes: &[u8]) -> Result<String, String> {
    let text = decompressed(bytes, "report")?;
    String::from_utf8(text).map_err(|error| format!("it is not a compressed report: {error}"))
}

/// The content of a compressed file, as long as a report may be. `what` says what it is to be, for the error.
fn decompressed(bytes: &[u8], what: &str) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    let read = GzDecoder::new(bytes).take(bounded::REPORT + 1).read_to_end(&mut content);
    match read {
        Ok(length) if length as u64 > bounded::REPORT => Err("it is larger than the limit for reports".to_owned()),
        Ok(_) => Ok(content),
        Err(error) => Err(format!("it is not a compressed {what}: {error}")),
    }
}

#[cfg(test)]
mod tests;
